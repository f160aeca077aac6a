import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { DatabaseAddress } from '../../src/database/database-address';
import { ProjectReads } from '../../src/database/project-reads';
import { serviceOptions } from '../../src/database/data-source';
import { Session, serviceConnection } from '../../src/database/session';
import { CommitQueue } from '../../src/contacts/commit-queue';

/** A connection that a test holds while others work: end it, or `drop` of the database does. */
export async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
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

/** A commit queue that is connected: one replica, as far as the journal and the map can tell. */
export async function openQueue(url: string): Promise<CommitQueue> {
  const queue = new CommitQueue(new DatabaseAddress(url));
  await queue.open();
  return queue;
}

/** Asks again until the answer is yes. */
export async function until(isSo: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`It did not come to that within ${withinMs} ms`);
    await delay(10);
  }
}
