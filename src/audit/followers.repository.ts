import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import type { Source } from './audit-event';
import { BEGINNING, type Cursor } from './audit.repository';

/** Most events of one transaction. */
const batchEventsMax = 500;

/** Most events that are counted of a follower's lag. */
export const lagCountedMax = 10_000;

/** After how long without a word a lock is lost that is held for longer than a transaction, in ms. */
const holdIdleMaxMs = 60_000;

/** An event as a follower gets it. */
export interface FollowedEvent {
  readonly id: string;
  readonly era: number;
  readonly tx: string;
  readonly project_id: string;
  readonly type: string;
  readonly contact_id: string;
  readonly related_contact_ids: readonly string[];
  /** Nanoseconds since the epoch. */
  readonly version: string;
  /** In hex. */
  readonly tie_break: string;
  readonly received_at: Date;
  readonly source: Source;
  readonly actor: string | null;
  /** SHA-256 in hex. */
  readonly fingerprint: string;
  /** The exact bytes, of the types that the follower asked for. */
  readonly payload: Buffer | null;
}

/** How far a follower is behind the journal. */
export interface Lag {
  /** 10,000 at most are counted. */
  readonly events: number;
  /** How long the oldest of them has waited since it was received. */
  readonly seconds: number;
}

/** A lock that is held for longer than a transaction. */
export interface Hold {
  /** Whether it is held still: it ends with its connection. Whoever holds it asks at least once a minute, else it is lost. */
  readonly isHeld: () => Promise<boolean>;
  readonly release: () => Promise<void>;
}

/**
 * The cursors of those who follow the journal, each in the order of `(era, tx, id)`: gapless, each event once.
 *
 * What a follower writes and the move of its cursor are one transaction, so a follower that is killed goes on where it was.
 */
@Injectable()
export class FollowersRepository {
  constructor(private readonly database: DataSource) {}

  /**
   * Runs `work` in one transaction, in which no other replica is for the same follower.
   *
   * @param mayWait whether to wait for another that is, up to the lock time-out
   * @param signal cuts the session, and so undoes what `work` has written
   * @returns what `work` returned, or null when another is in it
   */
  async exclusively<T>(
    follower: string,
    mayWait: boolean,
    work: (session: Queryable) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T | null> {
    const session = this.database.createQueryRunner();
    const client = (await session.connect()) as PoolClient; // TypeORM's driver is pg
    const cut = (): void => {
      client.connection.stream.destroy();
    };
    try {
      signal?.throwIfAborted();
      signal?.addEventListener('abort', cut, { once: true });
      await session.startTransaction();
      const [lock] = rows<{ held: boolean }>(
        await session.query(mayWait ? WAIT_FOR_LOCK : TRY_LOCK, [`follower ${follower}`]),
      );
      const result = lock?.held === true ? await work(session) : null;
      await session.commitTransaction();
      return result;
    } catch (error) {
      // a connection that is gone has rolled back by itself
      if (session.isTransactionActive) await session.rollbackTransaction().catch(() => undefined);
      throw error;
    } finally {
      signal?.removeEventListener('abort', cut);
      await session.release();
    }
  }

  /**
   * Has the next events of the journal handled, project by project, in one transaction with the move of the cursor.
   *
   * @param payloadOf the types of which `handle` needs the payload
   * @param isOfConcern of which events anything follows; the others are passed over
   * @param signal as of `exclusively`
   * @returns whether there may be more; false too when another replica is at it
   */
  async followOn(
    follower: string,
    payloadOf: readonly string[],
    isOfConcern: (event: FollowedEvent) => boolean,
    handle: (session: Queryable, projectId: string, events: readonly FollowedEvent[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const handled = await this.exclusively(
      follower,
      false,
      async (session) => {
        const cursor = await this.find(follower, session);
        const events = await this.follow(session, cursor, payloadOf, batchEventsMax);
        const last = events.at(-1);
        if (last === undefined) return 0;
        for (const [projectId, own] of byProject(events.filter(isOfConcern)))
          await handle(session, projectId, own);
        await this.move(session, follower, last);
        return events.length;
      },
      signal,
    );
    return handled === batchEventsMax;
  }

  /** Has Postgres look at tables that have grown so fast that it plans for much smaller ones; at once where none has. */
  async analyzeGrownTables(): Promise<void> {
    await this.database.query('select analyze_grown_tables()');
  }

  /**
   * Takes a lock until it is released; a process that hangs loses it after a minute.
   *
   * @returns null when another has it
   */
  async hold(name: string): Promise<Hold | null> {
    const session = this.database.createQueryRunner();
    const release = async (): Promise<void> => {
      // a connection that is gone has let go by itself
      await session.query(LET_GO).catch(() => undefined);
      await session.release();
    };
    const isHeld = (): Promise<boolean> =>
      session.query('select').then(
        () => true,
        () => false,
      );
    try {
      const [lock] = rows<{ held: boolean }>(await session.query(TRY_HOLD, [name]));
      if (lock?.held === true) {
        await session.query(`set idle_session_timeout = ${holdIdleMaxMs}`);
        return { isHeld, release };
      }
    } catch (error) {
      await release();
      throw error;
    }
    await session.release();
    return null;
  }

  /** Has a follower that has not begun begin with the events that are told from now on. */
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
    const [row] = rows<{ era: number; tx: string; id: string }>(
      await session.query('select era, tx, id from follower where name = $1', [follower]),
    );
    return row === undefined ? BEGINNING : [String(row.era), row.tx, row.id];
  }

  /** The events of all projects after a cursor, in journal order (`AuditRepository.feed` says why it ends where it does). */
  async follow(
    session: Queryable,
    after: Cursor,
    payloadOf: readonly string[],
    size: number,
  ): Promise<readonly FollowedEvent[]> {
    return rows<FollowedEvent>(
      await session.query(
        `select e.id, e.era, e.tx, e.project_id, e.type, e.contact_id, e.related_contact_ids, e.version,
                encode(e.tie_break, 'hex') as tie_break, e.received_at, e.source, e.actor, encode(e.fingerprint, 'hex') as fingerprint,
                case when e.type = any ($4) then e.payload end as payload
         from audit_event e
         where (e.era, e.tx, e.id) > ($1::int, $2::xid8, $3::bigint)
           and (e.era < (select max(era) from journal_era) or e.tx < pg_snapshot_xmin(pg_current_snapshot()))
         order by e.era, e.tx, e.id
         limit $5`,
        [...after, payloadOf, size],
      ),
    );
  }

  /** Moves a follower past an event, together with whatever else the session's transaction writes. */
  async move(
    session: Queryable,
    follower: string,
    { era, tx, id }: Pick<FollowedEvent, 'era' | 'tx' | 'id'>,
  ): Promise<void> {
    await session.query(
      `insert into follower (name, era, tx, id) values ($1, $2, $3, $4)
       on conflict (name) do update set era = excluded.era, tx = excluded.tx, id = excluded.id`,
      [follower, era, tx, id],
    );
  }

  /** How much of the journal a follower has not handled, what is not to be told yet included. */
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

function byProject(events: readonly FollowedEvent[]): ReadonlyMap<string, readonly FollowedEvent[]> {
  const projects = new Map<string, FollowedEvent[]>();
  for (const event of events) {
    const own = projects.get(event.project_id);
    if (own === undefined) projects.set(event.project_id, [event]);
    else own.push(event);
  }
  return projects;
}

/** The advisory lock ends with the transaction. It costs no transaction id, so whoever only looks delays no feed. */
const TRY_LOCK = 'select pg_try_advisory_xact_lock(hashtextextended($1, 0)) as held';
const WAIT_FOR_LOCK = 'select pg_advisory_xact_lock(hashtextextended($1, 0)) is not null as held';
/** These end with the session, or before it. */
const TRY_HOLD = 'select pg_try_advisory_lock(hashtextextended($1, 0)) as held';
const LET_GO = 'select pg_advisory_unlock_all(); reset idle_session_timeout';
