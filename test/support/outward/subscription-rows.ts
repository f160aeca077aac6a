import { randomUUID } from 'node:crypto';
import { CLOSED } from '../../../src/outward/breaker.rule';
import { idsOfJournalEvent } from '../../../src/outward/event-id.rule';
import type { EventType } from '../../../src/outward/event-types.rule';
import type { Message } from '../../../src/outward/message.rule';
import type { EventPlace, MessageReader, StreamPage } from '../../../src/outward/message-reader';
import { openEvent } from '../../../src/outward/open-event.rule';
import type { App } from '../http/app';

/** What a subscription is to have that is not as it mostly is. */
export interface SubscriptionSetup {
  readonly name?: string;
  readonly purpose?: 'replica' | 'trigger';
  readonly filter?: object;
  readonly state?: string;
  readonly log?: string;
  readonly url?: string;
  readonly breaker?: object;
  readonly figures?: object;
}

/** Writes a subscription that begins before every event, as its creation does; nobody sends it anything. @returns its id */
export async function insertSubscription(
  app: App,
  projectId: string,
  setup: SubscriptionSetup = {},
): Promise<string> {
  const { name = randomUUID(), purpose = 'replica', filter = {}, state = 'active', log = 'all' } = setup;
  const id = `sub_${randomUUID()}`;
  const destination = { kind: 'webhook', url: setup.url ?? 'https://example.com/', header_names: [] };
  await app.sql(
    `insert into subscription (project_id, id, name, purpose, filter, destination, signing_keys, schema_version, mode, concurrency, log, state)
     values ($1, $2, $3, $4, $5, $6, '[]', '2026-12-01', 'full', 8, $7, $8)`,
    [projectId, id, name, purpose, JSON.stringify(filter), JSON.stringify(destination), log, state],
  );
  await app.sql(
    `insert into subscription_progress (project_id, subscription_id, era, tx, id, domain_era, domain_tx, domain_id, breaker, figures, owner, lease_until)
     values ($1, $2, 0, '0', 0, 0, '0', 0, $3, $4, 'another process', now() + interval '1 day')`,
    [projectId, id, JSON.stringify(setup.breaker ?? CLOSED), JSON.stringify(setup.figures ?? {})],
  );
  await noteChange(app, projectId, id, 'created');
  return id;
}

/** Writes a change of a subscription where its cursor is now. */
export async function noteChange(
  app: App,
  projectId: string,
  id: string,
  action: string,
  details: object = {},
): Promise<void> {
  await app.sql(
    `insert into subscription_event (project_id, subscription_id, actor, action, details, filter, purpose, era, tx, id, domain_era, domain_tx, domain_id)
     select s.project_id, s.id, 'test', $3, $4, s.filter, s.purpose, p.era, p.tx, p.id, p.domain_era, p.domain_tx, p.domain_id
     from subscription s join subscription_progress p on p.project_id = s.project_id and p.subscription_id = s.id
     where s.project_id = $1 and s.id = $2`,
    [projectId, id, action, JSON.stringify(details)],
  );
}

/** Puts the cursor of a subscription after an event of the journal. */
export async function passEvent(app: App, projectId: string, id: string, journalId: string): Promise<void> {
  await app.sql(
    `update subscription_progress p set era = e.era, tx = e.tx, id = e.id from audit_event e
     where p.project_id = $1 and p.subscription_id = $2 and e.id = $3`,
    [projectId, id, journalId],
  );
}

/** Has a delivery wait, or given up. */
export interface RowSetup {
  readonly eventId: string;
  readonly type?: EventType;
  readonly subject?: string;
  readonly keys?: readonly string[];
  readonly reason?: string;
  readonly status?: number | null;
  readonly nextAt?: Date | null;
  readonly underWayEpoch?: number | null;
  readonly at?: Date;
  readonly tries?: number;
}

export async function insertParked(app: App, projectId: string, id: string, row: RowSetup): Promise<void> {
  await app.sql(
    `insert into parked_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries,
                                  message_faults, stood_still_ms, reason, last_status, next_at, under_way_epoch, parked_at)
     values ($1, $2, $3, $4, $5, 'journal', 1, '1', 1, 0, $6, $7, 0, 0, $8, $9, $10, $11, $12)`,
    [...valuesOf(projectId, id, row), row.nextAt ?? null, row.underWayEpoch ?? null, row.at ?? new Date()],
  );
}

export async function insertDead(app: App, projectId: string, id: string, row: RowSetup): Promise<void> {
  await app.sql(
    `insert into dead_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, reason, last_status, died_at)
     values ($1, $2, $3, $4, $5, 'journal', 1, '1', 1, 0, $6, $7, $8, $9, $10)`,
    [...valuesOf(projectId, id, row), row.at ?? new Date()],
  );
}

function valuesOf(projectId: string, id: string, row: RowSetup): readonly unknown[] {
  const { eventId, type = 'contact.updated', subject = 'ann', reason = 'status-5xx', status = 503 } = row;
  return [projectId, id, eventId, type, subject, row.keys ?? [subject], row.tries ?? 1, reason, status];
}

export async function insertAttempt(
  app: App,
  projectId: string,
  id: string,
  row: RowSetup & { readonly outcome: 'delivered' | 'failed' | 'skipped'; readonly excerpt?: string },
): Promise<void> {
  const { eventId, type = 'contact.updated', subject = 'ann', outcome, reason = null, status = 200 } = row;
  await app.sql(
    `insert into delivery_attempt (project_id, subscription_id, event_id, type, subject, at, outcome, reason, status, duration_ms, excerpt)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 12, $10)`,
    [
      ...[projectId, id, eventId, type, subject, row.at ?? new Date(), outcome, reason, status],
      row.excerpt ?? null,
    ],
  );
}

/** The events of the journal of a project, in its order. */
export async function journalOf(
  app: App,
  projectId: string,
): Promise<readonly { id: string; era: number; tx: string; contact_id: string; received_at: Date }[]> {
  return app.sql(
    'select id, era, tx, contact_id, received_at from audit_event where project_id = $1 order by era, tx, id',
    [projectId],
  );
}

/** Tells every event of the journal as an update of its contact, in Sinch's words as the payload has them. */
export class PlainReader implements MessageReader {
  constructor(private readonly app: App) {}

  async page(projectId: string, stream: 'journal' | 'domain', after: readonly string[]): Promise<StreamPage> {
    if (stream === 'domain') return { events: [] };
    const found = await this.app.sql<{
      id: string;
      era: number;
      tx: string;
      contact_id: string;
      received_at: Date;
    }>(
      `select id, era, tx, contact_id, received_at from audit_event
       where project_id = $1 and (era, tx, id) > ($2::int, $3::xid8, $4::bigint) order by era, tx, id limit 3`,
      [projectId, ...after],
    );
    return {
      events: found.map((row) => {
        const message = plainMessage(projectId, row);
        return {
          sequence: [String(row.era), row.tx, row.id] as const,
          receivedAt: row.received_at,
          messages: [{ message, opened: openEvent(message) }],
          bytes: 100,
        };
      }),
    };
  }

  async messagesOf(projectId: string, { sequence: [, , id] }: EventPlace): Promise<readonly Message[]> {
    const found = await journalOf(this.app, projectId);
    return found.filter((row) => row.id === id).map((row) => plainMessage(projectId, row));
  }
}

function plainMessage(
  projectId: string,
  row: { id: string; era: number; tx: string; contact_id: string; received_at: Date },
): Message {
  const { id, era, tx, contact_id: subject, received_at: receivedAt } = row;
  return {
    id: idsOfJournalEvent(era, id)[0] ?? '',
    type: 'contact.updated',
    source: 'webhook',
    version: 1_718_460_000_000_000_000n,
    before: null,
    after: { id: subject, email: `${subject}@example.com` },
    identities: null,
    stream: 'journal',
    projectId,
    subject,
    keys: [subject],
    sequence: [String(era), tx, id],
    place: 0,
    timestamp: 1_718_460_000_000_000_000n,
    receivedAt,
    mergeId: null,
    data: { contact_id: subject },
  };
}
