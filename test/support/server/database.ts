import { randomBytes } from 'node:crypto';
import { PostgresClient } from '../../../src/database/postgres-client';

/** A database of a test's own, migrated. */
export interface TestDatabase {
  /** As the superuser, who owns it. */
  readonly ownerUrl: string;
  /** As the service: every session works as its role. */
  readonly url: string;
  readonly drop: () => Promise<void>;
}

/** By these global-setup.ts tells the workers of the run's server. */
export const SERVER_URL = 'TEST_SERVER_URL';
export const TEMPLATE = 'TEST_TEMPLATE';
/** The role of the service, and of REST's reader, in the template and its clones. */
export const SERVICE_ROLE = 'TEST_SERVICE_ROLE';
export const READER_ROLE = 'TEST_READER_ROLE';

/** A copy of files costs half of what a copy by the log does, on a server that need not wait for its disk: ours, not one that was given. */
const strategy = process.env['TEST_DATABASE_URL'] === undefined ? 'file_copy' : 'wal_log';

/** Clones the migrated template, in about 30 ms. */
export async function createDatabase(): Promise<TestDatabase> {
  const serverUrl = needed(SERVER_URL);
  const name = `mirror_test_${randomBytes(6).toString('hex')}`;
  await administer(serverUrl, `create database ${name} template ${needed(TEMPLATE)} strategy ${strategy}`);
  const ownerUrl = urlOfDatabase(serverUrl, name);
  const url = new URL(ownerUrl);
  url.searchParams.set('options', `-c role=${needed(SERVICE_ROLE)}`);
  return {
    ownerUrl,
    // pg reads a plus as a plus
    url: url.href.replaceAll('+', '%20'),
    drop: async () => {
      await administer(serverUrl, `drop database if exists ${name} with (force)`);
    },
  };
}

/** One statement, on the server's maintenance database or the one that the URL names. */
export async function administer<Row extends object>(serverUrl: string, statement: string): Promise<Row[]> {
  const client = new PostgresClient({ connectionString: serverUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

export function urlOfDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** What the global set-up of a project of tests left in the environment. */
export function needed(variable: string): string {
  const value = process.env[variable];
  if (value === undefined)
    throw new Error(`${variable} is not set: the global set-up did not run (jest.config.mjs)`);
  return value;
}
