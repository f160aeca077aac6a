import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Cursor } from '../audit/audit.repository';
import { Parameters } from '../database/reads/parameters';
import { ProjectReads } from '../database/reads/project-reads';
import { rows } from '../database/rows';
import { writeTime } from '../json/read-time.rule';
import type { Breaker } from './breaker.rule';
import { type EventIdReading, readEventId } from './event-id.rule';
import type { EventType } from './event-types.rule';
import type { ReasonCode } from './explain-reason.rule';
import { atMicroseconds, microseconds } from './microseconds';
import { parkedMax } from './progress.repository';
import type { AttemptLog, SubscriptionState } from './subscription.rule';

/** Most rows of a table that are looked at for one page, where a filter passes over some. */
const lookedMax = 10_000;

/** The tables that a list is read from, each in its own order. */
export const LISTS = ['waiting', 'dead', 'settled'] as const;
export type List = (typeof LISTS)[number];

/** What a list is narrowed to; null does not narrow. */
export interface DeliveryFilter {
  readonly type: EventType | null;
  readonly contactId: string | null;
  /** Of the last answer. */
  readonly status: number | null;
  /** Nanoseconds since the epoch, included. */
  readonly after: bigint | null;
  /** Excluded. */
  readonly before: bigint | null;
}

/** A delivery that has a row. */
export interface DeliveryRow {
  readonly event_id: string;
  readonly type: EventType;
  readonly subject: string;
  readonly state: 'waiting' | 'dead' | 'delivered' | 'skipped';
  /** Null: it was delivered. */
  readonly reason: ReasonCode | null;
  readonly status: number | null;
  /** Since when it is in this state. */
  readonly at: Date;
  readonly next_at: Date | null;
  readonly is_under_way: boolean;
  readonly blocked_by: string | null;
  /** Where its list continues after it. */
  readonly place: string;
}

/** Rows of one list, and where it continues after them: null at its end. */
export interface DeliveryRows {
  readonly found: readonly DeliveryRow[];
  readonly next: string | null;
}

export interface AttemptRow {
  readonly event_id: string;
  readonly at: Date;
  readonly outcome: 'delivered' | 'failed';
  readonly reason: ReasonCode | null;
  readonly status: number | null;
  readonly duration_ms: number;
  readonly excerpt: string | null;
}

/** Where a subscription stands, as far as its deliveries are explained by it. */
export interface SubscriptionPlace {
  readonly purpose: string;
  readonly log: AttemptLog;
  readonly state: SubscriptionState;
  readonly journal: Cursor;
  readonly domain: Cursor;
  readonly breaker: Breaker;
}

/** The filter that a subscription had when it came to an event; null: it did not come to it, but began or was put after it. */
export interface HeldFilter {
  readonly filter: unknown;
  readonly purpose: string;
}

/** An event as its stream has it. */
export interface FoundEvent {
  readonly era: number;
  readonly tx: string;
  readonly receivedAt: Date;
}

/** Deliveries of subscriptions: what waits, was given up, and what the log of attempts has. */
@Injectable()
export class DeliveriesRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
  ) {}

  /** Null also where it is deleted. */
  async place(projectId: string, subscriptionId: string): Promise<SubscriptionPlace | null> {
    const [row] = rows<
      Pick<SubscriptionPlace, 'purpose' | 'log' | 'state' | 'breaker'> &
        Readonly<Record<'era' | 'tx' | 'id' | 'domain_era' | 'domain_tx' | 'domain_id', string>>
    >(
      await this.reads.of(projectId).query(
        `select s.purpose, s.log, s.state, p.era::text as era, p.tx, p.id, p.domain_era::text as domain_era, p.domain_tx, p.domain_id, p.breaker
         from subscription s
         join subscription_progress p on p.project_id = s.project_id and p.subscription_id = s.id
         where s.project_id = $1 and s.id = $2 and s.state <> 'deleted'`,
        [projectId, subscriptionId],
      ),
    );
    if (row === undefined) return null;
    const { purpose, log, state, breaker } = row;
    return {
      purpose,
      log,
      state,
      breaker,
      journal: [row.era, row.tx, row.id],
      domain: [row.domain_era, row.domain_tx, row.domain_id],
    };
  }

  /**
   * Rows of one list, newest first.
   *
   * @param state of the list `settled` one of its two states; null: both
   * @param after where the list continues; null: at its begin
   */
  async list(
    projectId: string,
    subscriptionId: string,
    list: List,
    state: 'delivered' | 'skipped' | null,
    filter: DeliveryFilter,
    after: string | null,
    size: number,
  ): Promise<DeliveryRows> {
    const parameters = new Parameters(projectId, subscriptionId);
    const statement = LIST_STATEMENTS[list](parameters, filter, state, after, size);
    const found = rows<DeliveryRow>(await this.reads.of(projectId).query(statement, parameters.values));
    if (found.length === size) return { found, next: found.at(-1)?.place ?? null };
    return { found, next: await this.lookedUntil(projectId, subscriptionId, list, filter, after) };
  }

  /** What is known of deliveries by their rows; of one that waits or was given up that, else what last became of it. */
  async find(
    projectId: string,
    subscriptionId: string,
    eventIds: readonly string[],
  ): Promise<ReadonlyMap<string, DeliveryRow>> {
    const of = (columns: string, from: string): string =>
      `select ${columns} from ${from} where d.project_id = $1 and d.subscription_id = $2 and d.event_id = any ($3)`;
    const query = async (statement: string): Promise<readonly DeliveryRow[]> =>
      rows<DeliveryRow>(
        await this.reads.of(projectId).query(statement, [projectId, subscriptionId, eventIds]),
      );
    const settled = await query(
      `select distinct on (event_id) * from (${of(SETTLED, 'delivery_attempt d')} and d.outcome in ('delivered', 'skipped')) d
       order by event_id, place::bigint desc`,
    );
    const dead = await query(of(DEAD, 'dead_delivery d'));
    const waiting = await query(withBlockers(of(WAITING, 'parked_delivery d')));
    return new Map([...settled, ...dead, ...waiting].map((row) => [row.event_id, row]));
  }

  /** The newest attempts of some events, `size` of each at most, newest first. */
  async attempts(
    projectId: string,
    subscriptionId: string,
    eventIds: readonly string[],
    size: number,
  ): Promise<readonly AttemptRow[]> {
    return rows<AttemptRow>(
      await this.reads.of(projectId).query(
        `select a.*
         from unnest($3::text[]) with ordinality as asked (event_id, n)
         cross join lateral (
           select event_id, at, outcome, reason, status, duration_ms, excerpt, number
           from delivery_attempt
           where project_id = $1 and subscription_id = $2 and event_id = asked.event_id collate "C" and outcome in ('delivered', 'failed')
           order by number desc
           limit $4
         ) a
         order by asked.n, a.number desc`,
        [projectId, subscriptionId, eventIds, size],
      ),
    );
  }

  /** The events of ids of outward events, as their streams have them, by `<stream> <id>`; those that are not there are left out. */
  async events(
    projectId: string,
    readings: readonly EventIdReading[],
  ): Promise<ReadonlyMap<string, FoundEvent>> {
    const idsOf = (stream: 'journal' | 'domain'): readonly string[] =>
      readings.flatMap((each) => (each.stream === stream ? [each.id] : []));
    const found = rows<FoundEvent & { key: string }>(
      await this.reads.of(projectId).query(
        `select 'journal ' || id as key, era, tx, received_at as "receivedAt" from audit_event where project_id = $1 and id = any ($2::bigint[])
         union all
         select 'domain ' || id, era, tx, at from domain_event where project_id = $1 and id = any ($3::bigint[])`,
        [projectId, idsOf('journal'), idsOf('domain')],
      ),
    );
    return new Map(found.map(({ key, ...event }) => [key, event]));
  }

  /** The filter that held when a subscription passed a place. */
  async heldFilter(
    projectId: string,
    subscriptionId: string,
    stream: 'journal' | 'domain',
    [era, tx, id]: Cursor,
  ): Promise<HeldFilter | null> {
    const place = stream === 'journal' ? 'e.era, e.tx, e.id' : 'e.domain_era, e.domain_tx, e.domain_id';
    const [held, next] = await Promise.all(
      [
        ['<', 'desc'],
        ['>=', 'asc'],
      ].map(async ([before = '', order = '']) =>
        rows<HeldFilter & { from: string | null; action: string }>(
          await this.reads.of(projectId).query(
            `select e.filter, e.purpose, e.action, e.details ->> 'from' as "from"
             from subscription_event e
             where e.project_id = $1 and e.subscription_id = $2 and (${place}) ${before} ($3::int, $4::xid8, $5::bigint)
             order by e.number ${order}
             limit 1`,
            [projectId, subscriptionId, era, tx, id],
          ),
        ),
      ),
    );
    const isPutAfter = next?.[0]?.action === 'resumed' && next[0].from !== 'cursor' && next[0].from !== null;
    return isPutAfter ? null : (held?.[0] ?? null);
  }

  /** Has a waiting delivery tried at once. @returns whether it waits */
  async tryNow(projectId: string, subscriptionId: string, eventId: string): Promise<boolean> {
    const changed = rows(
      await this.database.query(
        `with ${FENCE},
         changed as (
           update parked_delivery set next_at = now()
           where project_id = $1 and subscription_id = $2 and event_id = $3 and exists (select from fence)
           returning event_id
         ),
         ${TOUCHED}
         select event_id from changed`,
        [projectId, subscriptionId, eventId],
      ),
    );
    return changed.length > 0;
  }

  /**
   * Has a delivery that was given up sent again, after what its contacts still have waiting; it has all its tries again.
   *
   * @returns `full`: too much waits, and nothing was changed; `absent`: it was not given up
   */
  async revive(
    projectId: string,
    subscriptionId: string,
    eventId: string,
  ): Promise<'absent' | 'full' | 'revived'> {
    const [row] = rows<{ is_full: boolean; is_revived: boolean }>(
      await this.database.query(
        `with ${FENCE},
         room as (
           select (select count(*) from (select from parked_delivery where project_id = $1 and subscription_id = $2 limit ${parkedMax}) p)
                  < ${parkedMax} as is_left
         ),
         revived as (
           delete from dead_delivery
           where project_id = $1 and subscription_id = $2 and event_id = $3 and exists (select from fence) and (select is_left from room)
           returning *
         ),
         changed as (
           insert into parked_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, run_id,
                                        tries, message_faults, stood_still_ms, reason)
           select project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, run_id, 0, 0, 0, 'waiting-behind'
           from revived
           on conflict (project_id, subscription_id, event_id) do nothing
           returning event_id
         ),
         ${TOUCHED}
         select exists (select from revived) as is_revived, not (select is_left from room) as is_full`,
        [projectId, subscriptionId, eventId],
      ),
    );
    if (row?.is_revived === true) return 'revived';
    return row?.is_full === true ? 'full' : 'absent';
  }

  /** Gives a waiting delivery up, and tells other subscriptions of it. @returns whether it waited */
  async discard(
    projectId: string,
    subscriptionId: string,
    eventId: string,
    actor: string,
    reason: string,
  ): Promise<boolean> {
    const discarded = rows(
      await this.database.query(
        `with ${FENCE},
         changed as (
           delete from parked_delivery
           where project_id = $1 and subscription_id = $2 and event_id = $3 and under_way_epoch is null and exists (select from fence)
           returning *
         ),
         dead as (
           insert into dead_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, run_id, tries,
                                      reason, last_status, discarded_by, discard_reason)
           select project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, run_id, tries,
                  'discarded', last_status, $4, $5
           from changed
           on conflict (project_id, subscription_id, event_id) do nothing
         ),
         reported as (
           insert into domain_event (era, project_id, type, subject, keys, data)
           select (select max(era) from journal_era), project_id, 'delivery.dead', subscription_id, '{}',
                  json_build_object('subscription_id', subscription_id, 'event_id', event_id, 'reason', 'discarded')
           from changed
           where type !~ '^(subscription|delivery)[.]'
         ),
         ${TOUCHED}
         select event_id from changed`,
        [projectId, subscriptionId, eventId, actor, reason],
      ),
    );
    return discarded.length > 0;
  }

  /** Where a list that gave fewer rows than asked for continues: null at its end. */
  private async lookedUntil(
    projectId: string,
    subscriptionId: string,
    list: List,
    filter: DeliveryFilter,
    after: string | null,
  ): Promise<string | null> {
    const parameters = new Parameters(projectId, subscriptionId);
    const [last] = rows<{ place: string }>(
      await this.reads
        .of(projectId)
        .query(
          `${ORDERS[list].rows('', parameters, after, filter)} offset ${lookedMax - 1} limit 1`,
          parameters.values,
        ),
    );
    return last?.place ?? null;
  }
}

/** Locks in the order in which the owner does, which commits its pages meanwhile: no two wait for each other. */
const FENCE = `fence as materialized (
  select from subscription_progress where project_id = $1 and subscription_id = $2 for update
)`;

/** The owner reads its parked deliveries again. */
const TOUCHED = `touched as (
  update subscription_progress set touched = touched + 1
  where project_id = $1 and subscription_id = $2 and exists (select from changed)
)`;

const IDENTITY = 'd.event_id, d.type, d.subject';
const WAITING = `${IDENTITY}, 'waiting' as state, d.reason, d.last_status as status, d.parked_at as at, d.next_at,
       d.under_way_epoch is not null as is_under_way, d.number::text as place, d.number, d.keys`;
const DEAD = `${IDENTITY}, 'dead' as state, d.reason, d.last_status as status, d.died_at as at, null::timestamptz as next_at,
       false as is_under_way, null::text as blocked_by, ${microseconds('d.died_at')} || ' ' || d.event_id as place`;
const SETTLED = `${IDENTITY}, d.outcome as state, d.reason, d.status, d.at, null::timestamptz as next_at,
       false as is_under_way, null::text as blocked_by, d.number::text as place`;

/** Waiting deliveries, each with the oldest one that waits before it; there are at most so many that all may be looked at. */
function withBlockers(waiting: string): string {
  return `
with page as materialized (${waiting}),
first as materialized (
  select k.key, min(o.number) as number
  from parked_delivery o
  cross join unnest(o.keys) as k (key)
  where o.project_id = $1 and o.subscription_id = $2
  group by k.key
),
blocked as (
  select p.number, min(f.number) as first
  from page p
  cross join unnest(p.keys) as k (key)
  join first f on f.key = k.key and f.number < p.number
  group by p.number
)
select p.event_id, p.type, p.subject, p.state, p.reason, p.status, p.at, p.next_at, p.is_under_way, o.event_id as blocked_by, p.place
from page p
left join blocked b on b.number = p.number
left join parked_delivery o on o.project_id = $1 and o.subscription_id = $2 and o.number = b.first
order by p.number desc`;
}

/** How each list is read in its order, as far as one page looks. */
const ORDERS: Readonly<
  Record<
    List,
    {
      /** @param columns empty: the place alone */
      readonly rows: (
        columns: string,
        parameters: Parameters,
        after: string | null,
        filter: DeliveryFilter,
      ) => string;
    }
  >
> = {
  waiting: { rows: byNumber('parked_delivery') },
  settled: { rows: byNumber('delivery_attempt') },
  dead: {
    rows: (columns, parameters, after, filter) => {
      const conditions = ['d.project_id = $1 and d.subscription_id = $2'];
      if (after !== null) {
        const [time = '', eventId = ''] = after.split(' ');
        conditions.push(
          `(d.died_at, d.event_id) < (${atMicroseconds(parameters.add(time))}, ${parameters.add(eventId)})`,
        );
      }
      // the order of the list is that of these times
      for (const [bound, comparison] of [
        [filter.after, '>='],
        [filter.before, '<'],
      ] as const)
        if (bound !== null)
          conditions.push(`d.died_at ${comparison} ${parameters.add(writeTime(bound))}::timestamptz`);
      const shown = columns === '' ? `${microseconds('d.died_at')} || ' ' || d.event_id as place` : columns;
      return `select ${shown} from dead_delivery d where ${conditions.join(' and ')} order by d.died_at desc, d.event_id desc`;
    },
  },
};

function byNumber(table: string): (typeof ORDERS)[List]['rows'] {
  return (columns, parameters, after) => {
    const from = after === null ? '' : `and d.number < ${parameters.add(after)}::bigint`;
    return `select ${columns === '' ? 'd.number::text as place' : columns} from ${table} d
      where d.project_id = $1 and d.subscription_id = $2 ${from} order by d.number desc`;
  };
}

type ListStatement = (
  parameters: Parameters,
  filter: DeliveryFilter,
  state: 'delivered' | 'skipped' | null,
  after: string | null,
  size: number,
) => string;

const LIST_STATEMENTS: Readonly<Record<List, ListStatement>> = {
  waiting: (parameters, filter, _state, after, size) =>
    withBlockers(
      `select ${WAITING} from (${looked('waiting', parameters, after, filter)}) d
       where ${conditionsOf(filter, parameters, 'd.keys @> array[$]', 'd.last_status', 'd.parked_at')}
       order by d.number desc limit ${parameters.add(size)}`,
    ),
  dead: (parameters, filter, _state, after, size) =>
    `select ${DEAD} from (${looked('dead', parameters, after, filter)}) d
     where ${conditionsOf(filter, parameters, 'd.keys @> array[$]', 'd.last_status', 'd.died_at')}
     order by d.died_at desc, d.event_id desc limit ${parameters.add(size)}`,
  settled: (parameters, filter, state, after, size) =>
    `select ${SETTLED} from (${looked('settled', parameters, after, filter)}) d
     where d.outcome ${state === null ? `in ('delivered', 'skipped')` : `= ${parameters.add(state)}`}
       and ${conditionsOf(filter, parameters, 'd.subject = $', 'd.status', 'd.at')}
       and not exists (
         select from delivery_attempt later
         where later.project_id = $1 and later.subscription_id = $2 and later.event_id = d.event_id and later.number > d.number
           and later.outcome in ('delivered', 'skipped'))
       and not exists (select from parked_delivery p where p.project_id = $1 and p.subscription_id = $2 and p.event_id = d.event_id)
       and not exists (select from dead_delivery g where g.project_id = $1 and g.subscription_id = $2 and g.event_id = d.event_id)
     order by d.number desc limit ${parameters.add(size)}`,
};

function looked(list: List, parameters: Parameters, after: string | null, filter: DeliveryFilter): string {
  return `${ORDERS[list].rows('d.*', parameters, after, filter)} limit ${lookedMax}`;
}

/** @param ofContact with `$` for the contact */
function conditionsOf(
  { type, contactId, status, after, before }: DeliveryFilter,
  parameters: Parameters,
  ofContact: string,
  ofStatus: string,
  ofTime: string,
): string {
  const conditions = ['true'];
  if (type !== null) conditions.push(`d.type = ${parameters.add(type)}`);
  if (contactId !== null) conditions.push(ofContact.replace('$', () => `${parameters.add(contactId)}::text`));
  if (status !== null) conditions.push(`${ofStatus} = ${parameters.add(status)}`);
  if (after !== null) conditions.push(`${ofTime} >= ${parameters.add(writeTime(after))}::timestamptz`);
  if (before !== null) conditions.push(`${ofTime} < ${parameters.add(writeTime(before))}::timestamptz`);
  return conditions.join(' and ');
}

/** The key of `events` for an id. */
export function eventKey(reading: EventIdReading | null): string {
  return reading === null || reading.stream === 'snapshot' ? '' : `${reading.stream} ${reading.id}`;
}

/** As `eventKey`, of the id as text. */
export function eventKeyOf(eventId: string): string {
  return eventKey(readEventId(eventId));
}
