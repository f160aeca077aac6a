import { escapeIdentifier, escapeLiteral } from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Subscriptions of other systems to events: what they ask for, where they stand, and what waits, failed or was given up.
 *
 * What was delivered at the first try has no row here but in the log of attempts: the journal is the queue, and a cursor says
 * what was sent. No table has values of contacts, but for excerpts of answers, which expire, and filters.
 */
export class Outward1765200000000 implements MigrationInterface {
  readonly name = 'Outward1765200000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    for (const table of TABLES) await queryRunner.query(create(table));
    await queryRunner.query(`
      create unique index subscription_name on subscription (project_id, name) where state <> 'deleted';
      create index subscription_progress_lease on subscription_progress (lease_until);
      create index parked_delivery_lane on parked_delivery (project_id, subscription_id, number);
      create index dead_delivery_time on dead_delivery (died_at);
      create index delivery_attempt_event on delivery_attempt (project_id, subscription_id, event_id, number);
      create index delivery_attempt_time on delivery_attempt (at);
      create index subscription_event_order on subscription_event (project_id, subscription_id, number);
      create index domain_event_order on domain_event (era, tx, id);
      create index domain_event_project on domain_event (project_id, era, tx, id);
      create index domain_event_time on domain_event (at)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const { name } of [...TABLES].reverse())
      await queryRunner.query(`drop view one_project.${name}; drop table ${name}`);
  }
}

/** A column: its name, its definition in SQL, and what it holds. */
type Column = readonly [name: string, definition: string, comment: string];

interface Table {
  readonly name: string;
  readonly comment: string;
  readonly columns: readonly Column[];
  readonly key: string;
  readonly options?: string;
  /** Columns that readers do not see: secrets. */
  readonly hidden?: readonly string[];
  /** What readers see instead; its definition is an expression. */
  readonly shown?: readonly Column[];
}

const ID = 'text collate "C" not null';
const PROJECT: Column = ['project_id', ID, 'The Sinch project.'];
const SUBSCRIPTION: Column = ['subscription_id', ID, 'The subscription.'];

/** What identifies a delivery, the same in all tables of deliveries. */
const DELIVERY: readonly Column[] = [
  PROJECT,
  SUBSCRIPTION,
  ['event_id', ID, 'The id of the outward event, as the receiver gets it.'],
  ['type', ID, 'The type of the outward event.'],
  ['subject', ID, 'What the event is about: mostly the id of a contact.'],
];

/** Where an event is read again, and which contacts order it. */
const SOURCE: readonly Column[] = [
  ['stream', ID, 'Where the event is read from: journal, domain or snapshot.'],
  ['era', 'int not null', 'The era of the event in its stream; 0 for a snapshot.'],
  ['tx', 'xid8 not null', 'The transaction of the event; 0 for a snapshot.'],
  ['id', 'bigint not null', 'The id of the event in its stream; for a snapshot the number of its run.'],
  ['place', 'int not null', 'Which of the outward events of that event it is.'],
  [
    'keys',
    'text[] collate "C" not null',
    'The ids of the contacts whose events are sent one after the other.',
  ],
  ['run_id', 'bigint', 'The run that asked for it; null where the cursor came to it.'],
];

const KEYS_WITHOUT_SECRETS = `(
    select coalesce(json_agg(json_build_object('id', k -> 'id', 'kind', k -> 'kind', 'public_key', k -> 'public_key',
                                               'created_at', k -> 'created_at', 'ends_at', k -> 'ends_at') order by place), '[]')
    from json_array_elements(signing_keys) with ordinality key (k, place)
  )`;

const TABLES: readonly Table[] = [
  {
    name: 'subscription',
    comment: 'What other systems subscribe to. A row changes only when somebody changes the subscription.',
    key: 'project_id, id',
    hidden: ['credentials', 'signing_keys'],
    shown: [
      ['has_credentials', 'credentials is not null', 'Whether the destination has secrets.'],
      ['keys', KEYS_WITHOUT_SECRETS, 'The keys that sign, without their secrets, the newest first.'],
    ],
    columns: [
      PROJECT,
      ['id', ID, 'Identifies the subscription in its project.'],
      ['name', 'text not null', 'The name that people gave it; one subscription of a project has it.'],
      ['purpose', ID, 'trigger: something shall happen; replica: something shall be equal.'],
      ['filter', 'json not null', 'Which events are sent, as it was given.'],
      ['destination', 'json not null', 'Where events are sent, without secrets.'],
      ['credentials', 'bytea', 'The secrets of the destination as JSON, sealed; null: none.'],
      ['signing_keys', 'json not null', 'The keys that sign, sealed, the newest first; at most three.'],
      ['schema_version', ID, 'The version of the bodies.'],
      ['mode', ID, 'full, thin or cloudevents.'],
      ['concurrency', 'int not null', 'How many requests may be under way at once.'],
      ['rate_per_second', 'int', 'How many requests may begin in a second; null: no limit.'],
      ['log', ID, 'Which attempts are logged: all or failures.'],
      ['state', ID, 'active, paused, disabled or deleted.'],
      ['state_reason', 'text', 'Why it is in this state; null: nobody said.'],
      ['revision', 'bigint not null default 1', 'Counts the changes.'],
      ['created_at', 'timestamptz not null default now()', 'When it was created.'],
      ['updated_at', 'timestamptz not null default now()', 'When somebody last changed it.'],
    ],
  },
  {
    name: 'subscription_progress',
    comment: 'Where each subscription stands, and which process works on it.',
    key: 'project_id, subscription_id',
    options: 'with (fillfactor = 50)',
    columns: [
      PROJECT,
      SUBSCRIPTION,
      ['era', 'int not null', 'The era of the last event of the audit log that was handled.'],
      ['tx', 'xid8 not null', 'Its transaction.'],
      ['id', 'bigint not null', 'Its id.'],
      ['domain_era', 'int not null', 'The era of the last row of domain_event that was handled.'],
      ['domain_tx', 'xid8 not null', 'Its transaction.'],
      ['domain_id', 'bigint not null', 'Its id.'],
      ['owner', 'text', 'The process that works on it; null: none.'],
      ['lease_until', 'timestamptz not null default now()', 'Until when that process may.'],
      ['epoch', 'bigint not null default 0', 'Counts the owners; an earlier one may write nothing more.'],
      [
        'touched',
        'bigint not null default 0',
        'Counts what others did to its parked deliveries; the owner then reads them again.',
      ],
      ['breaker', 'json not null', 'The state of the breaker.'],
      ['stood_still_ms', 'bigint not null default 0', 'For how long timers stood still so far, in ms.'],
      ['stands_still_since', 'timestamptz', 'Since when timers stand still; null: they run.'],
      ['figures', 'json not null', 'Counts of deliveries and how long they took, of the last 24 hours.'],
    ],
  },
  {
    name: 'parked_delivery',
    comment: 'Deliveries that failed, or wait behind one that did. Only these have rows.',
    key: 'project_id, subscription_id, event_id',
    options: 'with (fillfactor = 70)',
    columns: [
      ...DELIVERY,
      ...SOURCE,
      [
        'number',
        'bigint generated always as identity',
        'The order in which deliveries of a contact are sent.',
      ],
      ['tries', 'int not null', 'How many times it was sent.'],
      ['message_faults', 'int not null', 'How many of the tries the destination called the message bad.'],
      ['first_tried_at', 'timestamptz', 'When it was first sent; null: not yet.'],
      ['stood_still_ms', 'bigint not null', 'For how long timers had stood still when it was first sent.'],
      ['next_at', 'timestamptz', 'When it is sent again; null: when it no longer waits behind another.'],
      ['reason', ID, 'Why it waits.'],
      ['last_status', 'int', 'The HTTP status of the last answer; null: there was none.'],
      ['under_way_epoch', 'bigint', 'The owner whose request for it is under way; null: none is.'],
    ],
  },
  {
    name: 'dead_delivery',
    comment: 'Deliveries that were given up. Kept for 30 days.',
    key: 'project_id, subscription_id, event_id',
    columns: [
      ...DELIVERY,
      ...SOURCE,
      ['tries', 'int not null', 'How many times it was sent.'],
      ['reason', ID, 'Why it was given up.'],
      ['last_status', 'int', 'The HTTP status of the last answer; null: there was none.'],
      ['discarded_by', 'text', 'Who gave it up; null: it was tried for as long as it is.'],
      ['discard_reason', 'text', 'The reason that they gave.'],
      ['died_at', 'timestamptz not null default now()', 'When it was given up.'],
    ],
  },
  {
    name: 'delivery_attempt',
    comment:
      'Attempts, and events that were passed over for a reason that nobody can derive later. Kept for 7 days.',
    key: 'project_id, subscription_id, number',
    columns: [
      ...DELIVERY,
      ['number', 'bigint generated always as identity', 'Counts the rows.'],
      ['at', 'timestamptz not null', 'When the attempt began.'],
      ['outcome', ID, 'delivered, failed or skipped.'],
      ['reason', 'text', 'Why it failed or was skipped; null: it was delivered.'],
      ['status', 'int', 'The HTTP status of the answer; null: there was none.'],
      ['duration_ms', 'int not null', 'How long it took, in ms.'],
      ['excerpt', 'text', 'The first 1,024 bytes of the answer.'],
    ],
  },
  {
    name: 'subscription_event',
    comment: 'Each change of a subscription. Rows are only added.',
    key: 'project_id, subscription_id, number',
    columns: [
      PROJECT,
      SUBSCRIPTION,
      ['number', 'bigint generated always as identity', 'Counts the changes.'],
      ['at', 'timestamptz not null default now()', 'When it was changed.'],
      ['actor', 'text not null', 'Who changed it; the service itself where it disabled it.'],
      ['action', ID, 'What was done.'],
      ['details', 'json not null', 'What was changed, without secrets.'],
      ['filter', 'json not null', 'The filter that holds from then on.'],
      ['purpose', ID, 'The purpose that holds from then on.'],
      ['era', 'int not null', 'The era of the last event of the audit log that was handled then.'],
      ['tx', 'xid8 not null', 'Its transaction.'],
      ['id', 'bigint not null', 'Its id.'],
      ['domain_era', 'int not null', 'The era of the last row of domain_event that was handled then.'],
      ['domain_tx', 'xid8 not null', 'Its transaction.'],
      ['domain_id', 'bigint not null', 'Its id.'],
    ],
  },
  {
    name: 'subscription_run',
    comment: 'Replays and snapshots that were asked for.',
    key: 'project_id, subscription_id, id',
    columns: [
      PROJECT,
      SUBSCRIPTION,
      ['id', 'bigint generated always as identity', 'Identifies the run.'],
      ['kind', ID, 'replay or snapshot.'],
      ['request', 'json not null', 'What was asked for.'],
      ['requested_by', 'text not null', 'Who asked for it.'],
      ['requested_at', 'timestamptz not null default now()', 'When it was asked for.'],
      ['state', ID, 'running, done or stopped.'],
      ['total', 'bigint', 'How many deliveries there are; null: not counted yet.'],
      ['done', 'bigint not null default 0', 'How many have been sent or parked.'],
      ['place', 'text', 'Where it continues; null: at the beginning.'],
      ['finished_at', 'timestamptz', 'When it ended; null: it runs.'],
    ],
  },
  {
    name: 'sent_once',
    comment: 'Contacts for which a subscription that sends one event per contact has sent it.',
    key: 'project_id, subscription_id, contact_id',
    columns: [PROJECT, SUBSCRIPTION, ['contact_id', ID, 'The contact.']],
  },
  {
    name: 'domain_event',
    comment:
      'What the service itself decided or found, for subscriptions. Kept until all have passed it, at most 90 days.',
    key: 'id',
    columns: [
      ['id', 'bigint generated always as identity', 'Identifies the event.'],
      ['era', 'int not null', 'The era of the audit log in which the event was written (journal_era).'],
      ['tx', 'xid8 not null default pg_current_xact_id()', 'The transaction that wrote the event.'],
      PROJECT,
      ['type', ID, 'The type of the outward event.'],
      ['subject', ID, 'What the event is about.'],
      [
        'keys',
        'text[] collate "C" not null',
        'The ids of the contacts whose events are sent one after the other.',
      ],
      ['data', 'json not null', 'The data of the body: ids, reasons and counts, no values of contacts.'],
      ['at', 'timestamptz not null default now()', 'When it happened.'],
    ],
  },
];

function create({ name, comment, columns, key, options = '', hidden = [], shown = [] }: Table): string {
  const seen = columns.filter(([column]) => !hidden.includes(column));
  const names = [
    ...seen.map(([column]) => escapeIdentifier(column)),
    ...shown.map(([column, expression]) => `${expression} as ${escapeIdentifier(column)}`),
  ].join(', ');
  const view = `The rows of ${name} of the project that the transaction names.`;
  return `
create table ${name} (
  ${columns.map(([column, definition]) => `${escapeIdentifier(column)} ${definition}`).join(',\n  ')},
  primary key (${key})
) ${options};
alter table ${name} enable row level security;
create view one_project.${name} as
  select ${names} from public.${name} where project_id = current_setting('mirror.project_id', true);
comment on table ${name} is ${escapeLiteral(comment)};
comment on view one_project.${name} is ${escapeLiteral(view)};
${columns.map((column) => commentOn(name, column)).join(';\n')};
${[...seen, ...shown].map((column) => commentOn(`one_project.${name}`, column)).join(';\n')}`;
}

function commentOn(relation: string, [column, , comment]: Column): string {
  return `comment on column ${relation}.${escapeIdentifier(column)} is ${escapeLiteral(comment)}`;
}
