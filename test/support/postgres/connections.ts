import { PostgresClient } from '../../../src/database/postgres-client';
import { DataSource } from 'typeorm';
import { DATABASE_WAITS, DatabaseAddress, type DatabaseWaits } from '../../../src/database/database-address';
import { ProjectReads } from '../../../src/database/reads/project-reads';
import { serviceOptions } from '../../../src/database/data-source';
import { Session, serviceConnection } from '../../../src/database/session';
import { CommitQueue } from '../../../src/audit/commit/commit-queue';
import { until } from '../until';

/** Longest wait for the feed behind the transactions of other tests, in ms. */
const feedMaxMs = 45_000;

/** A connection that a test holds while others work: end it, or `drop` of the database does. */
export async function connect(url: string): Promise<PostgresClient> {
  const client = new PostgresClient({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** One statement on a connection of its own. */
export async function ask<Row extends object>(
  url: string,
  sql: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const client = await connect(url);
  try {
    return (await client.query<Row>(sql, [...values])).rows;
  } finally {
    await client.end();
  }
}

/** What REST reads by, as the service has it. */
export function openReads(url: string): ProjectReads {
  const reads = new ProjectReads(new DatabaseAddress(url));
  reads.open();
  return reads;
}

/** The pool of all else, as the service has it. */
export async function openPool(url: string): Promise<DataSource> {
  return new DataSource(serviceOptions(url)).initialize();
}

/** A session of the commit queue's kind. */
export async function openSession(url: string): Promise<Session> {
  return Session.open(serviceConnection(url), () => undefined);
}

/**
 * A commit queue that is connected: one replica, as far as the journal and the map can tell.
 *
 * @param waits where they are to differ from those of the service
 */
export async function openQueue(url: string, waits: Partial<DatabaseWaits> = {}): Promise<CommitQueue> {
  const queue = new CommitQueue(new DatabaseAddress(url, { ...DATABASE_WAITS, ...waits }));
  await queue.open();
  return queue;
}

/** Waits until the feed has every committed event. Open transactions of other tests in the same cluster delay it, too. */
export async function untilFeedHasAll(ownerUrl: string): Promise<void> {
  await until(async () => {
    const [row] = await ask<{ does: boolean }>(
      ownerUrl,
      'select max(tx) < pg_snapshot_xmin(pg_current_snapshot()) as does from audit_event',
    );
    return row?.does === true;
  }, feedMaxMs);
}
