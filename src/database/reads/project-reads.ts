import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { escapeIdentifier, escapeLiteral, type Pool, type PoolClient } from 'pg';
import { countConnections, type ConnectionCounts } from '../count-connections';
import { DatabaseAddress } from '../database-address';
import { isStale, nameStatement } from './prepared-statements';
import type { Queryable } from '../queryable';
import { postgresPool } from '../postgres-client';
import { serviceConnection, workAs } from '../session';
import { describeError } from '../sqlstate';

/** Most connections of the readers, and longest waits for one and for an answer. */
const connectionsMax = 10;
const connectTimeoutMs = 3_000;
const readTimeoutMs = 10_000;
/** Longest wait for the server's answer, in ms: longer than the server's own limit, for connections that hang. */
const silenceMaxMs = 12_000;

/**
 * Reads the rows of one project: whatever a statement asks for, Postgres has no others for it.
 *
 * Works as the reader's role, which may only read (`rights.rule.ts`), by views with the tables' names. Each statement is a transaction
 * that sets the role, the search path and the project itself, sent in one flush: one round trip, and which rows it sees does
 * not depend on what the connection was before.
 */
@Injectable()
export class ProjectReads implements OnApplicationShutdown {
  private readonly logger = new Logger(ProjectReads.name);
  private pool: Pool | null = null;
  /** Known when the first connection is open. */
  private role = '';

  constructor(private readonly address: DatabaseAddress) {}

  /** To be called when the database is migrated: the role is made there. Connects when something is read. */
  open(): void {
    this.pool = postgresPool({
      ...serviceConnection(this.address.url),
      silenceMaxMs,
      onConnect: async (client) => {
        this.role = await workAs(client, 'reader', readTimeoutMs);
        await client.query(PLANNING);
      },
      max: connectionsMax,
      connectionTimeoutMillis: connectTimeoutMs,
      pipeline: true,
    });
    // an idle connection that Postgres ends is replaced when one is needed
    this.pool.on('error', (error) => {
      this.logger.warn(`A connection was lost: ${describeError(error)}`);
    });
  }

  async onApplicationShutdown(): Promise<void> {
    const { pool } = this;
    this.pool = null;
    await pool?.end();
  }

  /** Null before it is open and after the end. */
  connections(): ConnectionCounts | null {
    return this.pool && countConnections(this.pool);
  }

  /** What takes statements about one project; each is a transaction of its own, and planned for its values. */
  of(projectId: string): Queryable {
    return { query: (text, values = []) => this.read(projectId, text, values, 'planned') };
  }

  /**
   * As `of`, for statements that are read often: each text is prepared once a connection, and has one plan, whatever its values.
   *
   * So a text must have only the conditions that are asked for, no `$1 is null or …`, and its limits in itself; and
   * `test/postgres/plans.test.ts` holds its plan.
   */
  prepared(projectId: string): Queryable {
    return { query: (text, values = []) => this.read(projectId, text, values, 'prepared') };
  }

  /** @throws the driver's or Postgres's error, as the pool of `DataSource` does */
  protected async read(
    projectId: string,
    text: string,
    values: readonly unknown[],
    how: 'planned' | 'prepared',
  ): Promise<unknown> {
    try {
      return await this.readOnce(projectId, text, values, how);
    } catch (error) {
      if (how === 'planned' || !isStale(error)) throw error;
      // prepared nowhere, so it does not matter what the next connection has
      return this.readOnce(projectId, text, values, 'planned');
    }
  }

  private async readOnce(
    projectId: string,
    text: string,
    values: readonly unknown[],
    how: 'planned' | 'prepared',
  ): Promise<unknown> {
    // the words of TypeORM's own pool, by which `isDatabaseAway` knows it
    if (this.pool === null) throw new Error('Driver not Connected');
    const client = await this.pool.connect();
    const { stream } = client.connection;
    const { name, deallocated } =
      how === 'prepared' ? nameStatement(client, text) : { name: undefined, deallocated: '' };
    const planning = how === 'prepared' ? '' : '; set local plan_cache_mode = force_custom_plan';
    stream.cork();
    const sent = [
      // in one message, which takes no parameters: by `set_config`, all of it took a sixth longer
      client.query(
        `${deallocated}begin read only; set local role ${escapeIdentifier(this.role)}; set local search_path = one_project, public; set local mirror.project_id = ${escapeLiteral(projectId)}${planning}`,
      ),
      client.query({ ...(name !== undefined && { name }), text, values: [...values] }),
      client.query('commit'),
    ] as const;
    stream.uncork();
    return outcome(client, await Promise.allSettled(sent));
  }
}

/**
 * What readers are planned by. Statements that are prepared have one plan each, since planning costs ten times what running them
 * does. No parallel workers and no compiling: a page reads little, and starting either costs more than it saves.
 */
const PLANNING = `set plan_cache_mode = force_generic_plan; set max_parallel_workers_per_gather = 0; set jit = off`;

type Settled<T> = PromiseSettledResult<T>;

/** The rows of the second of three statements; the error of the first that failed. Gives the connection back. */
function outcome(
  client: PoolClient,
  [begun, read, committed]: readonly [
    Settled<unknown>,
    Settled<{ readonly rows: unknown[] }>,
    Settled<unknown>,
  ],
): unknown[] {
  // one that did not end its transaction, or has prepared what no longer fits, is not used again
  client.release(committed.status === 'rejected' || (read.status === 'rejected' && isStale(read.reason)));
  if (begun.status === 'rejected') throw begun.reason;
  if (read.status === 'rejected') throw read.reason;
  if (committed.status === 'rejected') throw committed.reason;
  return read.value.rows;
}
