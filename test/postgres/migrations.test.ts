import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ownerOptions } from '../../src/database/data-source';
import { EmbeddedPostgres } from '../../src/database/embedded/embedded-postgres';
import { migrate } from '../../src/database/migrate';
import { administer, createDatabase, SERVER_URL, urlOfDatabase } from '../support/server/database';
import { ask } from '../support/postgres/connections';

jest.setTimeout(60_000);
Logger.overrideLogger(false);

const serverUrl = process.env[SERVER_URL] ?? '';
const name = `mirror_test_${randomBytes(6).toString('hex')}`;
const url = urlOfDatabase(serverUrl, name);

beforeAll(() => administer(serverUrl, `create database ${name}`));
afterAll(() => administer(serverUrl, `drop database if exists ${name} with (force)`));

const listing = readFileSync('test/support/postgres/schema-listing.sql', 'utf8');

async function schemaOf(databaseUrl: string): Promise<readonly string[]> {
  return (await ask<{ line: string }>(databaseUrl, listing)).map(({ line }) => line);
}

async function undo(databaseUrl: string): Promise<void> {
  const source = await new DataSource(ownerOptions(databaseUrl)).initialize();
  for (let left = source.migrations.length; left > 0; left--) await source.undoLastMigration();
  await source.destroy();
}

it('makes the same schema up, down and up again, and leaves nothing of its own when it is down', async () => {
  await migrate(url, url);
  const first = await schemaOf(url);
  expect(first.length).toBeGreaterThan(60);
  await undo(url);
  expect(await schemaOf(url)).toEqual([]);
  await migrate(url, url);
  expect(await schemaOf(url)).toEqual(first);
});

it('makes what every other test works with: the template has the same schema', async () => {
  const clone = await createDatabase();
  expect(await schemaOf(clone.ownerUrl)).toEqual(await schemaOf(url));
  await clone.drop();
});

it('migrates once when several replicas start at once on one database', async () => {
  const shared = `${name}_shared`;
  await administer(serverUrl, `create database ${shared}`);
  const sharedUrl = urlOfDatabase(serverUrl, shared);
  await Promise.all([1, 2, 3].map(() => migrate(sharedUrl, sharedUrl)));
  const made = await ask<{ name: string }>(sharedUrl, 'select name from migration order by id');
  expect(made).toHaveLength(readdirSync('migrations').length);
  expect(new Set(made.map((row) => row.name)).size).toBe(made.length);
  expect(await ask(sharedUrl, 'select name from setting order by name')).toEqual([
    { name: 'access_token_key' },
    { name: 'page_token_key' },
    { name: 'reader_role' },
    { name: 'service_role' },
  ]);
  await administer(serverUrl, `drop database ${shared} with (force)`);
});

it('migrates several databases of one new cluster at once, each with roles of its own', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'mirror-cluster-'));
  const silent = () => undefined;
  const log = { info: silent, warn: silent, error: silent };
  const server = await EmbeddedPostgres.begin({ dataDir, log, durable: false, isOwnerSuperuser: true });
  try {
    await server.ready();
    const names = ['one', 'two', 'three', 'four'];
    for (const each of names) await administer(server.ownerUrl, `create database ${each}`);
    const urls = names.map((each) => urlOfDatabase(server.ownerUrl, each));
    await Promise.all(urls.map((each) => migrate(each, each)));
    const schemas = await Promise.all(urls.map(schemaOf));
    for (const schema of schemas) expect(schema).toEqual(schemas[0]);
    const roles = await ask<{ name: string }>(
      server.ownerUrl,
      `select rolname as name from pg_roles where rolname ~ '^mirror_(service|reader)_'`,
    );
    expect(roles).toHaveLength(2 * names.length);
  } finally {
    await server.stop(5_000);
    rmSync(dataDir, { recursive: true, force: true });
  }
});
