import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Cursor } from '../audit/audit.repository';
import type { DomainEventType } from '../audit/domain-event.rule';
import { rows } from '../database/rows';
import type { JsonObject } from '../json/canonical.rule';
import { type Breaker, CLOSED } from './breaker.rule';
import type { AttemptEntry, DeadDelivery, Delivery } from './delivery';
import { type Figures, NO_FIGURES } from './figures.rule';
import type { Lease } from './leases.repository';

/** How many deliveries of a subscription are parked at most; then its cursor waits. */
export const parkedMax = 10_000;

/** Where a subscription stands. */
export interface Progress {
  readonly journal: Cursor;
  readonly domain: Cursor;
  readonly breaker: Breaker;
  /** For how long timers stood still until now. */
  readonly stoodStillMs: number;
  /** Unix time; `null`: timers run. */
  readonly standsStillSinceMs: number | null;
  readonly figures: Figures;
}

/** Where a subscription stands, and what is parked, in the order of the lanes. */
export interface LoadedProgress extends Progress {
  readonly touched: string;
  readonly parked: readonly Delivery[];
}

/** An event about the subscription itself, for other subscriptions. */
export interface OwnEvent {
  readonly type: DomainEventType;
  readonly data: JsonObject;
}

/** What a page, and what was sent beside it, has changed. */
export interface PageCommit extends Progress {
  /** Deliveries that have no row yet. */
  readonly inserted: readonly Delivery[];
  readonly updated: readonly Delivery[];
  /** Ids of deliveries that have a row no longer. */
  readonly removed: readonly string[];
  /** Ids of deliveries that are sent again, which may have been given up. */
  readonly revived: readonly string[];
  readonly dead: readonly DeadDelivery[];
  readonly attempts: readonly AttemptEntry[];
  /** Contacts whose one event was accepted. */
  readonly sentOnce: readonly string[];
  readonly ownEvents: readonly OwnEvent[];
  readonly runs: readonly RunStep[];
  /** Why the subscription is disabled with this commit; `null`: it is not. */
  readonly disabledReason: string | null;
}

/** How far a run is. */
export interface RunStep {
  readonly runId: string;
  readonly place: string;
  readonly done: number;
  readonly isFinished: boolean;
}

/** What a commit found: another revision or count than before has to be read again. */
export interface Committed {
  readonly touched: string;
  readonly revision: string;
}

/** Where subscriptions stand: written by the owner of the lease alone, one statement a page. */
@Injectable()
export class ProgressRepository {
  constructor(private readonly database: DataSource) {}

  /** @returns null where the lease is another's now */
  async load({ projectId, subscriptionId, epoch }: Lease): Promise<LoadedProgress | null> {
    const [row] = rows<ProgressRow>(
      await this.database.query(
        `select era::text as era, tx::text as tx, id::text as id,
                domain_era::text as "domainEra", domain_tx::text as "domainTx", domain_id::text as "domainId",
                breaker, stood_still_ms::float8 as "stoodStillMs",
                extract(epoch from stands_still_since)::float8 * 1000 as "standsStillSinceMs", figures, touched::text as touched
         from subscription_progress
         where project_id = $1 and subscription_id = $2 and epoch = $3`,
        [projectId, subscriptionId, epoch],
      ),
    );
    if (row === undefined) return null;
    const parked = rows<ParkedRow>(
      await this.database.query(PARKED, [projectId, subscriptionId, epoch, parkedMax]),
    );
    return {
      journal: [row.era, row.tx, row.id],
      domain: [row.domainEra, row.domainTx, row.domainId],
      // a person resumed it
      breaker: row.breaker.state === 'disabled' ? CLOSED : row.breaker,
      stoodStillMs: row.stoodStillMs,
      standsStillSinceMs: row.standsStillSinceMs,
      figures: { ...NO_FIGURES, ...row.figures },
      touched: row.touched,
      parked: parked.map(({ era, tx, id, ...each }) => ({
        ...each,
        sequence: [era, tx, id],
        message: null,
        isParked: true,
        isUnderWay: false,
      })),
    };
  }

  /**
   * Writes what a page changed, and where the subscription stands now, if the lease is still of this epoch.
   *
   * @returns null where it is not: nothing was written, and nothing may be sent any more
   */
  async commit(lease: Lease, page: PageCommit): Promise<Committed | null> {
    const { journal, domain, breaker, stoodStillMs, standsStillSinceMs, figures } = page;
    const [row] = rows<Committed>(
      await this.database.query(COMMIT, [
        lease.projectId,
        lease.subscriptionId,
        lease.epoch,
        ...journal,
        ...domain,
        JSON.stringify(breaker),
        Math.round(stoodStillMs),
        standsStillSinceMs === null ? null : new Date(standsStillSinceMs),
        JSON.stringify(figures),
        page.removed,
        JSON.stringify(page.inserted.map((each) => rowOf(each, lease.epoch))),
        JSON.stringify(page.updated.map((each) => rowOf(each, lease.epoch))),
        JSON.stringify(
          page.dead.map(({ delivery, reason }) => ({ ...rowOf(delivery, lease.epoch), reason })),
        ),
        JSON.stringify(page.attempts.map(attemptRow)),
        page.sentOnce,
        JSON.stringify(page.ownEvents),
        JSON.stringify(page.runs),
        page.disabledReason,
        page.revived,
      ]),
    );
    return row ?? null;
  }

  /** Of some contacts those whose one event the subscription has accepted. */
  async sentOnce(
    { projectId, subscriptionId }: Lease,
    contactIds: readonly string[],
  ): Promise<ReadonlySet<string>> {
    const found = rows<{ contactId: string }>(
      await this.database.query(
        `select contact_id as "contactId" from sent_once where project_id = $1 and subscription_id = $2 and contact_id = any ($3)`,
        [projectId, subscriptionId, contactIds],
      ),
    );
    return new Set(found.map(({ contactId }) => contactId));
  }

  /** Of some contacts those that are deleted, merged or absent now. */
  async gone(projectId: string, contactIds: readonly string[]): Promise<ReadonlySet<string>> {
    const found = rows<{ id: string }>(
      await this.database.query(
        'select id from contact where project_id = $1 and id = any ($2) and gone is not null',
        [projectId, contactIds],
      ),
    );
    return new Set(found.map(({ id }) => id));
  }
}

interface ProgressRow {
  readonly era: string;
  readonly tx: string;
  readonly id: string;
  readonly domainEra: string;
  readonly domainTx: string;
  readonly domainId: string;
  readonly breaker: Breaker;
  readonly stoodStillMs: number;
  readonly standsStillSinceMs: number | null;
  /** Empty before the first attempt. */
  readonly figures: Partial<Figures>;
  readonly touched: string;
}

interface ParkedRow extends Omit<Delivery, 'sequence' | 'message' | 'isParked' | 'isUnderWay'> {
  readonly era: string;
  readonly tx: string;
  readonly id: string;
}

/** What an owner before left under way has no known outcome: it is sent again at once. */
const PARKED = `
select event_id as "eventId", type, subject, keys, stream, era::text as era, tx::text as tx, id::text as id, place, run_id::text as "runId",
       tries, message_faults as "messageFaults", extract(epoch from first_tried_at)::float8 * 1000 as "firstTriedAtMs",
       stood_still_ms::float8 as "stoodStillMs",
       case when under_way_epoch is null then extract(epoch from next_at)::float8 * 1000 end as "nextAtMs",
       case when under_way_epoch is null then reason else 'waiting-behind' end as reason, last_status as "lastStatus"
from parked_delivery
where project_id = $1 and subscription_id = $2 and exists (
  select from subscription_progress p where p.project_id = $1 and p.subscription_id = $2 and p.epoch = $3)
order by number
limit $4`;

/** A delivery as `json_to_recordset` reads it. */
function rowOf(delivery: Delivery, epoch: string): object {
  const [era, tx, id] = delivery.sequence;
  return {
    event_id: delivery.eventId,
    type: delivery.type,
    subject: delivery.subject,
    stream: delivery.stream,
    era,
    tx,
    id,
    place: delivery.place,
    keys: delivery.keys,
    run_id: delivery.runId,
    tries: delivery.tries,
    message_faults: delivery.messageFaults,
    first_tried_at: timeOf(delivery.firstTriedAtMs),
    stood_still_ms: Math.round(delivery.stoodStillMs),
    next_at: timeOf(delivery.nextAtMs),
    reason: delivery.reason,
    last_status: delivery.lastStatus,
    under_way_epoch: delivery.isUnderWay ? epoch : null,
  };
}

function attemptRow(entry: AttemptEntry): object {
  return {
    event_id: entry.eventId,
    type: entry.type,
    subject: entry.subject,
    at: timeOf(entry.atMs),
    outcome: entry.outcome,
    reason: entry.reason,
    status: entry.status,
    duration_ms: Math.round(entry.durationMs),
    excerpt: entry.excerpt,
  };
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

const ROW = `event_id text, type text, subject text, stream text, era int, tx text, id bigint, place int, keys text[], run_id bigint,
         tries int, message_faults int, first_tried_at timestamptz, stood_still_ms bigint, next_at timestamptz, reason text,
         last_status int, under_way_epoch bigint`;

/**
 * All in one statement, after the fence: where another process has the lease, nothing is written.
 *
 * Rows that others removed meanwhile are not made again, since those that have one are only updated.
 */
const COMMIT = `
with fence as (
  update subscription_progress
  set era = $4::int, tx = $5::xid8, id = $6::bigint, domain_era = $7::int, domain_tx = $8::xid8, domain_id = $9::bigint,
      breaker = $10::json, stood_still_ms = $11::bigint, stands_still_since = $12::timestamptz, figures = $13::json
  where project_id = $1 and subscription_id = $2 and epoch = $3::bigint
  returning touched
),
removed as (
  delete from parked_delivery
  where project_id = $1 and subscription_id = $2 and event_id = any ($14::text[]) and exists (select from fence)
),
parked as (
  insert into parked_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, run_id, tries,
                               message_faults, first_tried_at, stood_still_ms, next_at, reason, last_status, under_way_epoch)
  select $1, $2, r.event_id, r.type, r.subject, r.stream, r.era, r.tx::xid8, r.id, r.place, r.keys, r.run_id, r.tries,
         r.message_faults, r.first_tried_at, r.stood_still_ms, r.next_at, r.reason, r.last_status, r.under_way_epoch
  from fence, rows from (json_to_recordset($15::json) as (${ROW})) with ordinality as r
  order by r.ordinality
  on conflict (project_id, subscription_id, event_id) do nothing
),
updated as (
  update parked_delivery p
  set tries = r.tries, message_faults = r.message_faults, first_tried_at = r.first_tried_at, stood_still_ms = r.stood_still_ms,
      next_at = r.next_at, reason = r.reason, last_status = r.last_status, under_way_epoch = r.under_way_epoch
  from fence, json_to_recordset($16::json) as r (${ROW})
  where p.project_id = $1 and p.subscription_id = $2 and p.event_id = r.event_id
),
revived as (
  delete from dead_delivery
  where project_id = $1 and subscription_id = $2 and event_id = any ($23::text[]) and exists (select from fence)
),
dead as (
  insert into dead_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, run_id, tries,
                             reason, last_status)
  select $1, $2, r.event_id, r.type, r.subject, r.stream, r.era, r.tx::xid8, r.id, r.place, r.keys, r.run_id, r.tries,
         r.reason, r.last_status
  from fence, json_to_recordset($17::json) as r (${ROW})
  on conflict (project_id, subscription_id, event_id)
    do update set tries = excluded.tries, reason = excluded.reason, last_status = excluded.last_status, died_at = now(),
                  discarded_by = null, discard_reason = null
),
attempts as (
  insert into delivery_attempt (project_id, subscription_id, event_id, type, subject, at, outcome, reason, status, duration_ms, excerpt)
  select $1, $2, r.event_id, r.type, r.subject, r.at, r.outcome, r.reason, r.status, r.duration_ms, r.excerpt
  from fence, rows from (json_to_recordset($18::json) as (
    event_id text, type text, subject text, at timestamptz, outcome text, reason text, status int, duration_ms int, excerpt text
  )) with ordinality as r
  order by r.ordinality
),
once as (
  insert into sent_once (project_id, subscription_id, contact_id)
  select $1, $2, contact_id from fence, unnest($19::text[]) as contact_id
  on conflict do nothing
),
own as (
  insert into domain_event (era, project_id, type, subject, keys, data)
  select (select max(era) from journal_era), $1, r.type, $2, '{}', r.data
  from fence, json_to_recordset($20::json) as r (type text, data json)
),
ran as (
  update subscription_run u
  set place = r.place, done = r.done, state = case when r."isFinished" then 'done' else u.state end,
      finished_at = case when r."isFinished" then now() end
  from fence, json_to_recordset($21::json) as r ("runId" bigint, place text, done bigint, "isFinished" boolean)
  where u.project_id = $1 and u.subscription_id = $2 and u.id = r."runId" and u.state = 'running'
),
disabled as (
  update subscription s
  set state = 'disabled', state_reason = $22, revision = s.revision + 1, updated_at = now()
  from fence
  where s.project_id = $1 and s.id = $2 and s.state = 'active' and $22::text is not null
  returning s.filter, s.purpose
),
noted as (
  insert into subscription_event (project_id, subscription_id, actor, action, details, filter, purpose, era, tx, id, domain_era, domain_tx, domain_id)
  select $1, $2, 'service', 'disabled', json_build_object('reason', $22::text), filter, purpose,
         $4::int, $5::xid8, $6::bigint, $7::int, $8::xid8, $9::bigint
  from disabled
)
select fence.touched::text as touched, s.revision::text as revision
from fence, subscription s
where s.project_id = $1 and s.id = $2`;
