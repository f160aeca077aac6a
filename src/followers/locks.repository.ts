import { Injectable } from '@nestjs/common';
import { escapeLiteral, type PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { onSession, prepared } from '../database/on-session';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import { Turns } from './turns';

/** After how long without a word a lock is lost that is held for longer than a transaction, in ms. */
const holdIdleMaxMs = 60_000;

/** A lock that is held for longer than a transaction. */
export interface Hold {
  /** Whether it is held still: it ends with its connection. The holder asks at least once a minute, or the lock is lost. */
  readonly isHeld: () => Promise<boolean>;
  readonly release: () => Promise<void>;
}

/**
 * Locks among all processes of the service, by names: for one transaction, or until they are released. They are advisory locks of
 * Postgres, so a process that is killed loses its own.
 */
@Injectable()
export class LocksRepository {
  /** Of those of this process who may wait for a lock, one at a time does so on a connection. */
  private readonly turns = new Turns();

  constructor(private readonly database: DataSource) {}

  /**
   * Runs `work` in one transaction, in which no other process is for the same follower.
   *
   * @param mayWait whether to wait for another that is, up to the lock time-out, and for those of this process before it
   * @param signal cuts the session, and so undoes what `work` has written
   * @param asked a statement without parameters that is sent together with the lock and run after it; `work` gets its rows
   * @returns what `work` returned, or null when another is in it
   * @throws Problem `unavailable` when too many wait
   */
  async exclusively<T>(
    follower: string,
    mayWait: boolean,
    work: (session: Queryable, found: readonly object[]) => Promise<T>,
    signal?: AbortSignal,
    asked?: string,
  ): Promise<T | null> {
    const enter = (): Promise<T | null> =>
      onSession(this.database, signal, async (client) => {
        const { isHeld, found } = await begin(client, lockOf(follower, mayWait), asked);
        const result = isHeld ? await work(prepared(client), found) : null;
        await client.query('commit');
        return result;
      });
    return mayWait ? this.turns.take(follower, enter) : enter();
  }

  /**
   * Takes a lock until it is released; a process that hangs loses it after a minute.
   *
   * @returns null when another has it
   */
  async hold(name: string): Promise<Hold | null> {
    const session = this.database.createQueryRunner();
    const release = async (): Promise<void> => {
      // a closed connection has released it by itself
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
}

/** What one of several statements returned. */
interface Returned {
  readonly command: string;
  readonly rows: readonly object[];
}

/** Begins a transaction, takes its lock, and then asks for what is wanted, in one round trip. */
async function begin(
  client: PoolClient,
  lock: string,
  asked: string | undefined,
): Promise<{ readonly isHeld: boolean; readonly found: readonly object[] }> {
  // more than one statement in a query: its results are a list, which the types do not say
  const results: unknown = await client.query([BEGIN, lock, asked ?? ''].join('; '));
  const [locked, found] = (results as readonly Returned[]).filter(({ command }) => command === 'SELECT');
  const [row] = rows<{ held: boolean }>(locked?.rows);
  return { isHeld: row?.held === true, found: found?.rows ?? [] };
}

/** The advisory lock ends with the transaction. It costs no transaction id, so a reader delays no feed. */
function lockOf(follower: string, mayWait: boolean): string {
  const key = `hashtextextended(${escapeLiteral(`follower ${follower}`)}, 0)`;
  return mayWait
    ? `select pg_advisory_xact_lock(${key}) is not null as held`
    : `select pg_try_advisory_xact_lock(${key}) as held`;
}

/**
 * A follower runs few statements, again and again, that look many rows up one by one: each is planned once a connection, for any
 * values, and uses indexes. Else Postgres reads a table of few rows from end to end for each look-up, since it does not count
 * what long arrays in these rows cost (100 contacts with 1,000 identities each took minutes), and would continue to do so when
 * the table has grown. Parallel workers and compiling cost more than they save.
 */
const BEGIN =
  'begin; set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off; set local max_parallel_workers_per_gather = 0; set local jit = off';

/** These end with the session, or before it. */
const TRY_HOLD = 'select pg_try_advisory_lock(hashtextextended($1, 0)) as held';
const LET_GO = 'select pg_advisory_unlock_all(); reset idle_session_timeout';
