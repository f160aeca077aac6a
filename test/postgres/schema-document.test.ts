import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  administer,
  createDatabase,
  SERVER_URL,
  urlOfDatabase,
  type TestDatabase,
} from '../support/server/database';
import { ask } from '../support/postgres/connections';

const serverUrl = process.env[SERVER_URL] ?? '';
const name = `mirror_test_${randomBytes(6).toString('hex')}`;
const loadedUrl = urlOfDatabase(serverUrl, name);
let migrated: TestDatabase;

beforeAll(async () => {
  migrated = await createDatabase();
  await administer(serverUrl, `create database ${name}`);
  await ask(loadedUrl, readFileSync('docs/schema.sql', 'utf8'));
});

afterAll(async () => {
  await administer(serverUrl, `drop database if exists ${name} with (force)`);
  await administer(serverUrl, 'drop role if exists mirror_reader, mirror_service');
  await migrated.drop();
});

describe('docs/schema.sql', () => {
  it.each(['test/support/postgres/schema-listing.sql', 'scripts/schema.sql'])(
    'loads into an empty database and makes what the migrations make, by %s',
    async (query) => {
      const sql = readFileSync(query, 'utf8');
      const made = await ask(migrated.ownerUrl, sql);
      expect(made.length).toBeGreaterThan(100);
      expect(await ask(loadedUrl, sql)).toEqual(made);
    },
  );

  it('describes every table and view of the migrated database', async () => {
    const document = readFileSync('docs/schema.sql', 'utf8');
    const relations = await ask<{ line: string }>(
      migrated.ownerUrl,
      `select format('create %s %s', case relkind when 'v' then 'view' else 'table' end,
                     case when nspname = 'public' then '' else nspname || '.' end || relname) as line
       from pg_class join pg_namespace n on n.oid = relnamespace
       where relkind in ('r', 'v') and nspname !~ '^pg_' and nspname <> 'information_schema' and relname <> 'migration'`,
    );
    for (const { line } of relations) expect(document).toMatch(new RegExp(`^${line}\\b`, 'm'));
  });
});
