import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import type { JsonObject } from '../json/canonical.rule';
import type { Cursor } from './audit.repository';
import type { DomainEvent, DomainEventType } from './domain-event.rule';

/** Most bytes of data and keys that are read at once, unless the first event alone has more. */
const pageBytesMax = 4 * 2 ** 20;

/** For how many days an event is kept that every subscription has passed, and for how many at most. */
const passedKeptDays = 30;
const keptMaxDays = 90;

/** An event as it is kept. Postgres gives bigint and xid8 as decimal digits. */
export interface DomainEventRow {
  readonly id: string;
  readonly era: number;
  readonly tx: string;
  readonly project_id: string;
  readonly type: DomainEventType;
  readonly subject: string;
  readonly keys: readonly string[];
  readonly data: JsonObject;
  readonly at: Date;
}

/** The next events: as many as may be read at once. */
export interface DomainEventPage {
  readonly events: readonly DomainEventRow[];
  /** Whether there may be more. */
  readonly isMore: boolean;
}

/**
 * The table of what the service itself decided or found, for subscriptions. Rows are written by what decides, in the same
 * transaction, whether or not anybody subscribes: a subscription that is made meanwhile begins at the transactions that are open.
 */
@Injectable()
export class DomainEventsRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
  ) {}

  /** Writes events in their order, in the transaction of `session`. */
  async add(session: Queryable, events: readonly DomainEvent[]): Promise<void> {
    if (events.length === 0) return;
    await session.query(
      intoDomainEvents(
        `json_to_recordset($1::json) as e ("projectId" text, type text, subject text, keys text[], data json)`,
        '"projectId", type, subject, keys, data',
      ),
      [JSON.stringify(events)],
    );
  }

  /**
   * The events of all projects after a cursor, in the order of `(era, tx, id)`: gapless, each once. It ends before the oldest
   * transaction that is open (`AuditRepository.feed` says why).
   *
   * @param size most events; fewer where they are large, but never none
   */
  async page(after: Cursor, size: number, session: Queryable = this.database): Promise<DomainEventPage> {
    return readPage(await session.query(PAGE, [...after, size, pageBytesMax]), size);
  }

  /** As `page`, of one project. */
  async pageOf(
    projectId: string,
    after: Cursor,
    size: number,
    session: Queryable = this.reads.of(projectId),
  ): Promise<DomainEventPage> {
    return readPage(await session.query(PAGE_OF_PROJECT, [...after, size, pageBytesMax, projectId]), size);
  }

  /** @returns null where the project has no such event, or has it no more */
  async find(
    projectId: string,
    era: number,
    id: string,
    session: Queryable = this.reads.of(projectId),
  ): Promise<DomainEventRow | null> {
    const [row] = rows<DomainEventRow>(
      await session.query(
        `select ${COLUMNS} from domain_event e where e.project_id = $1 and e.era = $2 and e.id = $3`,
        [projectId, era, id],
      ),
    );
    return row ?? null;
  }

  /** Where the events end now: `page` from here gives what becomes readable from now on, and all of that. */
  async latest(session: Queryable = this.database): Promise<Cursor> {
    const [end] = rows<{ era: number; tx: string }>(
      await session.query(
        'select coalesce(max(era), 0) as era, pg_snapshot_xmin(pg_current_snapshot()) as tx from journal_era',
      ),
    );
    if (end === undefined) throw new Error('Postgres did not say where the events end.');
    return [String(end.era), end.tx, '0'];
  }

  /**
   * Removes the oldest events that are no longer kept: those older than 90 days, and those older than 30 days that every
   * subscription that is not deleted has passed.
   *
   * @param countMax most events of either kind that are looked at
   * @returns how many were removed
   */
  async removeOld(countMax: number): Promise<number> {
    const [removed] = rows<{ count: number }>(
      await this.database.query(REMOVE_OLD, [countMax, passedKeptDays, keptMaxDays]),
    );
    return removed?.count ?? 0;
  }
}

/**
 * The statement that writes rows as events of the current era.
 *
 * @param source what the rows come from, in SQL
 * @param columns its project, type, subject, keys and data, in SQL
 */
export function intoDomainEvents(source: string, columns: string): string {
  return `insert into domain_event (era, project_id, type, subject, keys, data)
  select (select coalesce(max(era), 0) from journal_era), ${columns}
  from ${source}`;
}

const COLUMNS = 'e.id, e.era, e.tx, e.project_id, e.type, e.subject, e.keys, e.data, e.at';

const PAGE = pageWhere('');
/** With the project first, so that the place is a bound of its index. */
const PAGE_OF_PROJECT = pageWhere(
  'e.project_id = $6 and (e.project_id, e.era, e.tx, e.id) > ($6, $1::int, $2::xid8, $3::bigint) and ',
);

function pageWhere(ofProject: string): string {
  return `
select ${COLUMNS}, e.found
from (
  select e.*, count(*) over () as found, row_number() over stream as place,
         sum(octet_length(e.data::text) + octet_length(array_to_string(e.keys, ','))) over stream as bytes
  from (
    select *
    from domain_event e
    where ${ofProject}(e.era, e.tx, e.id) > ($1::int, $2::xid8, $3::bigint)
      and (e.era < (select max(era) from journal_era) or e.tx < pg_snapshot_xmin(pg_current_snapshot()))
    order by e.era, e.tx, e.id
    limit $4
  ) e
  window stream as (order by e.era, e.tx, e.id)
) e
where e.place = 1 or e.bytes <= $5
order by e.era, e.tx, e.id`;
}

function readPage(found: unknown, size: number): DomainEventPage {
  const events = rows<DomainEventRow & { readonly found: string }>(found);
  const read = Number(events[0]?.found ?? 0);
  return { events, isMore: read === size || read > events.length };
}

/**
 * Of the first in order only so many are looked at: where these are not to be removed, none after them is, but by its age alone.
 */
const REMOVE_OLD = `
with least as (
  select p.domain_era, p.domain_tx, p.domain_id
  from subscription_progress p
  join subscription s on s.project_id = p.project_id and s.id = p.subscription_id
  where s.state <> 'deleted'
  order by p.domain_era, p.domain_tx, p.domain_id
  limit 1
),
removed as (
  delete from domain_event
  where id = any (array(
    select first.id
    from (select id, era, tx, at from domain_event order by era, tx, id limit $1) first
    left join least on true
    where first.at < now() - make_interval(days => $2)
      and (least.domain_era is null or (first.era, first.tx, first.id) <= (least.domain_era, least.domain_tx, least.domain_id))
    union all
    (select id from domain_event where at < now() - make_interval(days => $3) order by at limit $1)))
  returning id
)
select count(*)::int as count from removed`;
