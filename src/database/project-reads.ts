import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { escapeLiteral, Pool, type PoolClient } from 'pg';
import { countConnections, type ConnectionCounts } from './count-connections';
import { DatabaseAddress } from './database-address';
import type { Queryable } from './queryable';
import { readerConnection } from './session';
import { describeError } from './sqlstate';

/** Most connections of the readers, and longest waits for one and for an answer. */
const connectionsMax = 10;
const connectTimeoutMs = 3_000;
const readTimeoutMs = 10_000;

/**
 * Reads the rows of one project: whatever a statement asks for, Postgres has no others for it.
 *
 * Works as the role `mirror_reader`, which may only read (migrations/1764600100000-reader.ts). Each statement is a transaction
 * that says which project it is for, sent in one flush: one round trip.
 */
@Injectable()
export class ProjectReads implements OnApplicationShutdown {
  private readonly logger = new Logger(ProjectReads.name);
  private pool: Pool | null = null;

  constructor(private readonly address: DatabaseAddress) {}

  /** To be called when the database is migrated: the role is made there. Connects when something is read. */
  open(): void {
    const connection = readerConnection(this.address.url);
    this.pool = new Pool({
      ...connection,
      options: `${connection.options ?? ''} -c statement_timeout=${readTimeoutMs}`,
      max: connectionsMax,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      pipeline: true,
    });
    // one that breaks while it reads says so by what it rejects, too; without a listener the process would die
    this.pool.on('connect', (client) => client.on('error', () => undefined));
    // an idle connection that Postgres ends is replaced when one is needed; without a listener the process would die
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

  /** What takes statements about one project; each is a transaction of its own. */
  of(projectId: string): Queryable {
    return { query: (text, values = []) => this.read(projectId, text, values) };
  }

  /** @throws the driver's or Postgres's error, as the pool of `DataSource` does */
  protected async read(projectId: string, text: string, values: readonly unknown[]): Promise<unknown> {
    // the words of TypeORM's own pool, by which `isDatabaseAway` knows it
    if (this.pool === null) throw new Error('Driver not Connected');
    const client = await this.pool.connect();
    const { stream } = client.connection;
    stream.cork();
    const sent = [
      // in one message, which takes no parameters: by `set_config`, all of it took a sixth longer
      client.query(`begin read only; set local mirror.project_id = ${escapeLiteral(projectId)}`),
      client.query(text, [...values]),
      client.query('commit'),
    ] as const;
    stream.uncork();
    return outcome(client, await Promise.allSettled(sent));
  }
}

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
  // one that did not end its transaction is not used again
  client.release(committed.status === 'rejected');
  if (begun.status === 'rejected') throw begun.reason;
  if (read.status === 'rejected') throw read.reason;
  if (committed.status === 'rejected') throw committed.reason;
  return read.value.rows;
}
