import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { serviceConnection } from '../../src/database/session';

/** A database of a test's own, migrated. */
export interface TestDatabase {
  /** As the superuser, who owns it. */
  readonly ownerUrl: string;
  /** As the service: every session works as `mirror_service`. */
  readonly url: string;
  readonly drop: () => Promise<void>;
}

/** By these global-setup.ts tells the workers of the run's server. */
export const SERVER_URL = 'TEST_SERVER_URL';
export const TEMPLATE = 'TEST_TEMPLATE';

/** Clones the migrated template, in about 30 ms. */
export async function createDatabase(): Promise<TestDatabase> {
  const serverUrl = needed(SERVER_URL);
  const name = `mirror_test_${randomBytes(6).toString('hex')}`;
  await administer(serverUrl, `create database ${name} template ${needed(TEMPLATE)}`);
  const ownerUrl = urlOfDatabase(serverUrl, name);
  const { connectionString = ownerUrl, options = '' } = serviceConnection(ownerUrl);
  const url = new URL(connectionString);
  url.searchParams.set('options', options);
  return {
    ownerUrl,
    // pg reads a plus as a plus
    url: url.href.replaceAll('+', '%20'),
    drop: () => administer(serverUrl, `drop database if exists ${name} with (force)`),
  };
}

/** One statement on the server's maintenance database. */
export async function administer(serverUrl: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

export function urlOfDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

function needed(variable: string): string {
  const value = process.env[variable];
  if (value === undefined) throw new Error(`${variable} is not set: test/server/global-setup.ts did not run`);
  return value;
}
