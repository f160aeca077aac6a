import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { Pool } from 'pg';
import { countConnections, type ConnectionCounts } from './count-connections';
import { DatabaseAddress } from './database-address';
import { isStale, nameStatement } from './reads/prepared-statements';
import { postgresPool } from './postgres-client';
import { serviceConnection, workAs } from './session';
import { describeError } from './sqlstate';

const connectionsMax = 4;
const connectTimeoutMs = 2_000;
/** Longest time of a statement on the server, in ms. */
const statementTimeoutMs = 3_000;

/**
 * A few connections for what has to answer even when every other connection is busy: API keys, readiness, and keeping
 * deliveries in quarantine.
 *
 * Only for short statements that wait for no lock.
 */
@Injectable()
export class ReservedPool implements OnApplicationShutdown {
  private readonly logger = new Logger(ReservedPool.name);
  private pool: Pool | null = null;

  constructor(private readonly address: DatabaseAddress) {}

  /** To be called when the database is migrated. Connects with the first statement. */
  open(): void {
    this.pool = postgresPool({
      ...serviceConnection(this.address.url),
      onConnect: (client) => workAs(client, 'service', statementTimeoutMs),
      max: connectionsMax,
      connectionTimeoutMillis: connectTimeoutMs,
      silenceMaxMs: this.address.waits.reservedAnswerMs,
    });
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

  /** @returns the rows. @throws the driver's or Postgres's error, as the pool of `DataSource` does */
  async query(text: string, values: readonly unknown[] = []): Promise<readonly object[]> {
    // the words of TypeORM's own pool, by which `isDatabaseAway` knows it
    if (this.pool === null) throw new Error('Driver not Connected');
    const { rows } = await this.pool.query<object>(text, [...values]);
    return rows;
  }

  /** As `query`, for a statement that is sent often: it is prepared once a connection. */
  async queryPrepared(text: string, values: readonly unknown[]): Promise<readonly object[]> {
    if (this.pool === null) throw new Error('Driver not Connected');
    const client = await this.pool.connect();
    let isEnded = true;
    try {
      const { name } = nameStatement(client, text);
      const { rows } = await client.query<object>({ name, text, values: [...values] });
      isEnded = false;
      return rows;
    } catch (error) {
      if (!isStale(error)) throw error;
    } finally {
      client.release(isEnded);
    }
    return this.query(text, values);
  }
}
