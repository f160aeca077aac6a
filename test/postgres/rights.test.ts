import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { migrate } from '../../src/database/migrate';
import { StartRefusal } from '../../src/config/start-refusal';
import { administer, SERVER_URL, urlOfDatabase } from '../support/server/database';
import { ask, connect, openPool, openReads } from '../support/postgres/connections';

jest.setTimeout(60_000);
Logger.overrideLogger(false);

const serverUrl = process.env[SERVER_URL] ?? '';
const listing = readFileSync('test/support/postgres/schema-listing.sql', 'utf8');
const made: Place[] = [];

/** A database of its own, with an owner and a login of the service who are no superusers. */
interface Place {
  readonly database: string;
  readonly owner: string;
  readonly login: string;
  readonly adminUrl: string;
  readonly ownerUrl: string;
  readonly url: string;
}

const sql = (statement: string) => administer(serverUrl, statement);

async function makePlace(options = 'createrole'): Promise<Place> {
  const database = `mirror_test_${randomBytes(6).toString('hex')}`;
  const [owner, login] = [`${database}_owner`, `${database}_login`];
  await sql(`create role ${owner} login password 'secret' ${options}`);
  await sql(`create role ${login} login password 'secret'`);
  await sql(`create database ${database} owner ${owner}`);
  const urlFor = (user: string): string => {
    const url = new URL(urlOfDatabase(serverUrl, database));
    url.username = user;
    url.password = 'secret';
    return url.href;
  };
  const place = {
    database,
    owner,
    login,
    adminUrl: urlOfDatabase(serverUrl, database),
    ownerUrl: urlFor(owner),
    url: urlFor(login),
  };
  made.push(place);
  return place;
}

async function rolesOf({ adminUrl }: Place): Promise<{ service: string; reader: string }> {
  const [row] = await ask<{ service: string; reader: string }>(
    adminUrl,
    `select convert_from((select value from setting where name = 'service_role'), 'UTF8') as service,
            convert_from((select value from setting where name = 'reader_role'), 'UTF8') as reader`,
  );
  if (row === undefined) throw new Error('no roles');
  return row;
}

afterAll(async () => {
  for (const { database, owner, login, adminUrl } of made) {
    const roles = await ask<{ name: string }>(
      adminUrl,
      `select convert_from(value, 'UTF8') as name from setting where name like '%_role'`,
    ).catch(() => []);
    await sql(`drop database if exists ${database} with (force)`);
    for (const name of [...roles.map((role) => role.name), reportsOf(database), owner, login])
      await sql(`drop role if exists ${name}`).catch(() => undefined);
  }
});

async function refusal(place: Place): Promise<string> {
  const error: unknown = await migrate(place.ownerUrl, place.url).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(StartRefusal);
  const { message } = error as StartRefusal;
  expect(message).not.toContain('\n');
  return message;
}

/** Runs the SQL that a refusal ends with. */
async function followAdvice(message: string, place: Place): Promise<void> {
  const advice = /Run (?:this )?as .*?: ([^]+);$/.exec(message)?.[1];
  expect(advice).toBeDefined();
  await ask(place.adminUrl, advice ?? '');
}

const reportsOf = (database: string): string => `${database}_reports`;

it('lets the documented role for reports read its project and no other, where the owner is no superuser', async () => {
  const [, block = ''] = /```sql\n(create role [^]*?)```/.exec(readFileSync('docs/sql.md', 'utf8')) ?? [];
  const place = await makePlace();
  await migrate(place.ownerUrl, place.url);
  const reports = reportsOf(place.database);
  await ask(
    place.ownerUrl,
    block
      .replaceAll('bi_reports', reports)
      .replace('choose-a-password', 'secret')
      .replace('on database mirror', `on database ${place.database}`),
  );
  await ask(
    place.ownerUrl,
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
     select project, 'A', 1, '\\x03', '{}', '{}' from unnest('{my-project,another}'::text[]) project`,
  );
  const url = new URL(place.ownerUrl);
  url.username = reports;
  expect(await ask(url.href, 'select project_id, id from mirror.contacts')).toEqual([
    { project_id: 'my-project', id: 'A' },
  ]);
  for (const user of [place.url, url.href])
    await expect(ask(user, 'select from mirror.bi_grants')).rejects.toMatchObject({ code: '42501' });
});

it('keeps a neighbour in the cluster who runs this software too from our roles, database and locks', async () => {
  const [ours, theirs] = [await makePlace(), await makePlace()];
  await migrate(ours.ownerUrl, ours.url);
  await migrate(theirs.ownerUrl, theirs.url);
  const [ourRoles, theirRoles] = [await rolesOf(ours), await rolesOf(theirs)];
  expect(ourRoles.service).toMatch(/^mirror_service_[0-9a-f]{8}$/);
  expect(ourRoles.reader).toMatch(/^mirror_reader_[0-9a-f]{8}$/);
  // before Postgres 16 this right lets a role become any other: docs/operations.md
  await sql(`alter role ${theirs.owner} nocreaterole`);
  for (const neighbour of [theirs.ownerUrl, theirs.url]) {
    for (const role of [ourRoles.service, ourRoles.reader, ours.owner, ours.login])
      await expect(ask(neighbour, `set role ${role}`)).rejects.toMatchObject({ code: '42501' });
    const url = new URL(neighbour);
    url.pathname = `/${ours.database}`;
    await expect(connect(url.href)).rejects.toMatchObject({ code: '42501' });
  }
  expect(Object.values(ourRoles)).not.toEqual(expect.arrayContaining(Object.values(theirRoles)));
  const held = await connect(theirs.ownerUrl);
  // the lock of migrations, in the only database that the neighbour reaches
  await held.query('select pg_advisory_lock(5786210385012290002)');
  await migrate(ours.ownerUrl, ours.url);
  await held.end();
});

it('works with a login of its own that is neither the owner nor a superuser', async () => {
  const place = await makePlace();
  await migrate(place.ownerUrl, place.url);
  const pool = await openPool(place.url);
  const reads = openReads(place.url);
  const { service, reader } = await rolesOf(place);
  expect(await pool.query('select current_user::text as role')).toEqual([{ role: service }]);
  expect(await reads.of('p').query('select current_user::text as role')).toEqual([{ role: reader }]);
  await reads.onApplicationShutdown();
  await pool.destroy();
  const [row] = await ask(
    place.adminUrl,
    `select has_database_privilege('public', current_database(), 'CONNECT') as everybody`,
  );
  expect(row).toEqual({ everybody: false });
});

it('makes roles, grants and policies again where a restore lost them', async () => {
  const place = await makePlace();
  await migrate(place.ownerUrl, place.url);
  const { service, reader } = await rolesOf(place);
  const before = await ask(place.adminUrl, listing);
  await ask(place.adminUrl, `drop owned by ${service}, ${reader}; drop role ${service}, ${reader}`);
  expect(await ask(place.adminUrl, listing)).not.toEqual(before);
  await migrate(place.ownerUrl, place.url);
  expect(await ask(place.adminUrl, listing)).toEqual(before);
  expect(await rolesOf(place)).toEqual({ service, reader });
  await (await openPool(place.url)).destroy();
});

it('writes nothing to the catalogue where nothing is missing', async () => {
  const place = await makePlace();
  const stamp = () =>
    ask(
      place.adminUrl,
      `select (select max(xmin::text::bigint) from pg_class where relnamespace = any (array['public', 'one_project']::regnamespace[])) as tables,
              (select max(xmin::text::bigint) from pg_policy) as policies, (select max(xmin::text::bigint) from pg_namespace) as schemas,
              (select max(xmin::text::bigint) from pg_proc) as functions, (select xmin::text from pg_database where datname = current_database()) as database`,
    );
  await migrate(place.ownerUrl, place.url);
  const before = await stamp();
  await migrate(place.ownerUrl, place.url);
  expect(await stamp()).toEqual(before);
});

describe('refuses to start where one of its roles', () => {
  let place: Place;
  let other: Place;
  beforeAll(async () => {
    [place, other] = [await makePlace(), await makePlace()];
    await migrate(place.ownerUrl, place.url);
  });

  it.each([
    ['logs in', (role: string) => `alter role ${role} login`],
    ['is a superuser', (role: string) => `alter role ${role} superuser`],
    ['passes row-level security', (role: string) => `alter role ${role} bypassrls`],
    ['has a member more', (role: string) => `grant ${role} to ${other.login}`],
    ['is a member of another', (role: string) => `grant pg_read_all_data to ${role}`],
  ])('%s, and says what to run', async (_what, loophole) => {
    for (const role of Object.values(await rolesOf(place))) {
      await sql(loophole(role));
      const message = await refusal(place);
      expect(message).toContain(role);
      await followAdvice(message, place);
      // so each test begins where nothing is refused
      await migrate(place.ownerUrl, place.url);
    }
  });
});

it('names the SQL for an administrator where the owner may create no roles, and continues after that', async () => {
  const place = await makePlace('');
  const message = await refusal(place);
  expect(message).toMatch(
    /may not create or grant roles\. Run this .*: create role "mirror_reader_\w+" nologin; create role /,
  );
  expect(await refusal(place)).toBe(message);
  await followAdvice(message, place);
  await migrate(place.ownerUrl, place.url);
  await (await openPool(place.url)).destroy();
});

it('names the SQL for an administrator where the owner may create no tables, and continues after that', async () => {
  const place = await makePlace();
  await sql(`alter database ${place.database} owner to ${new URL(serverUrl).username}`);
  const message = await refusal(place);
  expect(message).toMatch(/may not create this service's tables: .*permission denied/);
  await followAdvice(message, place);
  await migrate(place.ownerUrl, place.url);
});

it('warns with the SQL where it may not close the database to others', async () => {
  const place = await makePlace();
  await migrate(place.ownerUrl, place.url);
  await sql(`alter database ${place.database} owner to ${new URL(serverUrl).username}`);
  await sql(`grant connect on database ${place.database} to public`);
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  await migrate(place.ownerUrl, place.url);
  const [warning] = warn.mock.calls.map(([text]) => String(text));
  warn.mockRestore();
  expect(warning).toMatch(/^Every user of the Postgres cluster may connect to the database/);
  await followAdvice(warning ?? '', place);
  await migrate(place.ownerUrl, place.url);
  await (await openPool(place.url)).destroy();
});

it('the documented SQL names the session that holds the feed up, with its time and address to members of pg_monitor alone', async () => {
  const document = readFileSync('docs/operations.md', 'utf8');
  const [, query = ''] = /### The session that holds the feed up[^]*?```sql\n([^]*?)```/.exec(document) ?? [];
  const place = await makePlace();
  await sql(`grant pg_monitor to ${place.owner}`);
  const holder = await connect(place.adminUrl);
  await holder.query('begin');
  const { rows } = await holder.query<{ pid: number }>(
    'select pg_backend_pid() as pid, pg_current_xact_id() as id',
  );
  const found = async (url: string) =>
    (await ask<{ pid: number }>(url, query)).find(({ pid }) => pid === rows[0]?.pid);
  const whole = { datname: place.database, state: 'idle in transaction', xact_start: expect.any(Date) };
  expect(await found(place.ownerUrl)).toMatchObject(whole);
  expect(await found(place.url)).toMatchObject({
    datname: place.database,
    state: null,
    xact_start: null,
    last_query: '<insufficient privilege>',
  });
  await holder.end();
});
