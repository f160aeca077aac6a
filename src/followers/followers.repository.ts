import { Injectable } from '@nestjs/common';
import { escapeLiteral } from 'pg';
import { DataSource } from 'typeorm';
import { onSession, prepared } from '../database/on-session';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import { BEGINNING, type AuditEventRow, type Cursor } from '../audit/audit.repository';
import { placeOf, type EventPlace } from './places.rule';

/**
 * Most bytes of payloads that are read at once, and most bytes of snapshots and most identities that the contacts of these
 * events have in the map: what a follower does with an event grows with the contacts that the event names.
 */
const batchBytesMax = 4 * 2 ** 20;
const batchIdentitiesMax = 10_000;

/** Most events that are counted of a follower's lag. */
export const lagCountedMax = 10_000;

/** An event as a follower gets it. */
export interface FollowedEvent extends Omit<AuditEventRow, 'app_id'> {
  readonly project_id: string;
  /** In hex. */
  readonly tie_break: string;
  /**
   * Whether what its contacts are found and counted by (`valuesDigest`) may have changed with it, or with an event after it. Where
   * it did not, an earlier event brought the values that the map has, and was handled.
   */
  readonly changes_values: boolean;
  /** The exact bytes, of the types that were asked for. */
  readonly payload: Buffer | null;
}

/** The next events of the journal: as many as may be handled at once. */
export interface Batch {
  readonly events: readonly FollowedEvent[];
  /** Whether there may be more. */
  readonly isMore: boolean;
}

/** How far a follower is behind the journal. */
export interface Lag {
  /** 10,000 at most are counted. */
  readonly events: number;
  /** How long the oldest of them has waited since it was received. */
  readonly seconds: number;
}

/**
 * The cursors of those who follow the journal, each in the order of `(era, tx, id)`: gapless, each event once.
 *
 * What a follower writes and the move of its cursor are one transaction, so a follower that is killed continues where it was.
 */
@Injectable()
export class FollowersRepository {
  constructor(private readonly database: DataSource) {}

  /** Has a follower that has not begun begin with the events that become readable from now on. */
  async begin(follower: string): Promise<void> {
    await this.database.query(
      `insert into follower (name, era, tx, id)
       select $1, coalesce(max(era), 0), pg_snapshot_xmin(pg_current_snapshot()), 0 from journal_era
       on conflict (name) do nothing`,
      [follower],
    );
  }

  /** Where a follower stands; at the beginning where it has not begun. */
  async find(follower: string, session: Queryable = this.database): Promise<Cursor> {
    return cursorIn(await session.query('select era, tx, id from follower where name = $1', [follower]));
  }

  /**
   * Which of these followers have not handled all there is, counting what is not readable yet.
   *
   * @param signal cuts the session
   */
  async findBehind(names: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { rows: found } = await onSession(this.database, signal, (client) =>
      // planned each time: a plan that was made while the journal was short would read a long one from end to end
      client.query<{ name: string }>(FIND_BEHIND, [names]),
    );
    return new Set(found.map(({ name }) => name));
  }

  /**
   * The events of all projects after a cursor, in journal order (`AuditRepository.feed` says why it ends where it does).
   *
   * @param size most events; fewer where they, or the contacts that they name, are large, but never none
   */
  async follow(
    session: Queryable,
    after: Cursor,
    payloadOf: readonly string[],
    size: number,
  ): Promise<Batch> {
    const found = rows<FollowedEvent & { readonly found: number }>(
      await session.query(FOLLOW, [...after, payloadOf, size, batchBytesMax, batchIdentitiesMax]),
    );
    const read = found[0]?.found ?? 0;
    return { events: found, isMore: read === size || read > found.length };
  }

  /** One event as `follow` gives it; null where the journal has none of that id. */
  async event(session: Queryable, id: string, payloadOf: readonly string[]): Promise<FollowedEvent | null> {
    const [event] = rows<FollowedEvent>(
      await session.query(
        `select ${EVENT_COLUMNS}, true as changes_values, case when e.type = any ($2) then e.payload end as payload
         from audit_event e where e.id = $1`,
        [id, payloadOf],
      ),
    );
    return event ?? null;
  }

  /** Moves a follower past an event, together with whatever else the session's transaction writes. */
  async move(session: Queryable, follower: string, { era, tx, id }: EventPlace): Promise<void> {
    await session.query(
      `insert into follower (name, era, tx, id) values ($1, $2, $3, $4)
       on conflict (name) do update set era = excluded.era, tx = excluded.tx, id = excluded.id`,
      [follower, era, tx, id],
    );
  }

  /**
   * Moves a follower past events that do not concern it, in one statement that takes the follower's lock.
   *
   * @param signal cuts it
   * @returns whether it was moved: not where it no longer stands at `from`, or another is in its transaction
   */
  async pass(follower: string, from: Cursor, to: EventPlace, signal: AbortSignal): Promise<boolean> {
    const moved = await onSession(this.database, signal, (client) =>
      prepared(client).query(PASS, [follower, to.era, to.tx, to.id, ...from]),
    );
    return rows(moved).length === 1;
  }

  /** How much of the journal a follower has not handled, including what is not readable yet. */
  async lag(follower: string): Promise<Lag> {
    const cursor = await this.find(follower);
    const [row] = rows<{ events: number; seconds: number | null }>(
      await this.database.query(
        `select count(*)::int as events, greatest(extract(epoch from now() - min(received_at)), 0)::float8 as seconds
         from (select received_at
               from audit_event
               where (era, tx, id) > ($1::int, $2::xid8, $3::bigint)
               order by era, tx, id
               limit $4) waiting`,
        [...cursor, lagCountedMax],
      ),
    );
    return { events: row?.events ?? 0, seconds: row?.seconds ?? 0 };
  }
}

/** Asks where a follower stands, as a statement without parameters; `cursorIn` reads the answer. */
export function whereStands(follower: string): string {
  return `select era, tx, id from follower where name = ${escapeLiteral(follower)}`;
}

/** Where a follower stands, from its row; at the beginning where it has none. */
export function cursorIn(found: unknown): Cursor {
  const [row] = rows<EventPlace>(found);
  return row === undefined ? BEGINNING : placeOf(row);
}

/** Looks for one event after each follower's place, in the index of journal order. */
const FIND_BEHIND = `
select n.name
from unnest($1::text[]) n (name)
left join follower f on f.name = n.name
cross join lateral (
  select from audit_event e
  where (e.era, e.tx, e.id) > (coalesce(f.era, 0), coalesce(f.tx, '0'::xid8), coalesce(f.id, 0))
  order by e.era, e.tx, e.id
  limit 1
) news`;

/**
 * A statement may see a row as it was before it had the lock. Then Postgres looks at the row again before it changes it, and
 * another place is not `from`.
 */
const PASS = `
update follower
set era = $2, tx = $3, id = $4
where name = $1 and (era, tx, id) = ($5::int, $6::xid8, $7::bigint)
  and pg_try_advisory_xact_lock(hashtextextended('follower ' || $1, 0))
returning name`;

const EVENT_COLUMNS = `e.id, e.era, e.tx, e.project_id, e.type, e.contact_id, e.related_contact_ids, e.version,
       encode(e.tie_break, 'hex') as tie_break, e.received_at, e.source, e.actor, encode(e.fingerprint, 'hex') as fingerprint`;

/** Payloads that are left out are not read: what is summed up are lengths, which Postgres keeps beside them. */
const FOLLOW = `
select ${EVENT_COLUMNS}, e.changes_values, case when e.type = any ($4) then e.payload end as payload, e.found
from (
  select e.*, w.changes_values, (count(*) over ())::int as found, row_number() over journal as place,
         sum(length(e.payload) + w.bytes) over journal as bytes, sum(w.identities) over journal as identities
  from (
    select *
    from audit_event e
    where (e.era, e.tx, e.id) > ($1::int, $2::xid8, $3::bigint)
      and (e.era < (select max(era) from journal_era) or e.tx < pg_snapshot_xmin(pg_current_snapshot()))
    order by e.era, e.tx, e.id
    limit $5
  ) e
  cross join lateral (
    select coalesce(sum(octet_length(c.snapshot::text)), 0) as bytes, coalesce(sum(cardinality(c.identity_keys)), 0) as identities,
           coalesce(bool_or(c.values_tx is null or c.values_tx >= e.tx), true) as changes_values
    from contact c
    where c.project_id = e.project_id and c.id = any (e.contact_id || e.related_contact_ids)
  ) w
  window journal as (order by e.era, e.tx, e.id)
) e
where e.place = 1 or (e.bytes <= $6 and e.identities <= $7)
order by e.era, e.tx, e.id`;
