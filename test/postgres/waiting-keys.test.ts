import type { DataSource } from 'typeorm';
import { ContactsRepository } from '../../src/contacts/contacts.repository';
import { SearchReadings } from '../../src/contacts/search-readings';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { ContactValuesRepository } from '../../src/matching/contact-values.repository';
import { soughtName } from '../../src/normalise/normalise-name.rule';
import { WaitingNamesRepository } from '../../src/operations/waiting-names.repository';
import { ask, openPool, openQueue, openReads } from '../support/postgres/connections';
import { event } from '../support/postgres/events';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';

let database: TestDatabase;
let pool: DataSource;
let reads: ProjectReads;
let names: WaitingNamesRepository;

beforeEach(async () => {
  database = await createDatabase();
  // autovacuum would sort in what waits
  await ask(database.ownerUrl, 'alter table contact set (autovacuum_enabled = off)');
  pool = await openPool(database.url);
  reads = openReads(database.url);
  names = new WaitingNamesRepository(pool);
});
afterEach(async () => {
  await pool.destroy();
  await reads.onApplicationShutdown();
  await database.drop();
});

/** All different, in capitals. */
const nameOf = (n: number): string => `CONTACT ${(n * 7_919).toString(36)} OF ALL`;

/** Commits contacts as the service does, each with a name and a number of its own. */
async function create(count: number): Promise<void> {
  const queue = await openQueue(database.url);
  const events = Array.from({ length: count }, (_, n) =>
    event(
      'p',
      {
        create: contact(`contact-${n}`, {
          display_name: nameOf(n),
          channel_identities: [{ channel: 'SMS', identity: String(15_550_000_000 + n), app_id: '' }],
        }),
      },
      n,
    ),
  );
  await Promise.all(events.map((each) => queue.commit(each)));
  await queue.close();
}

async function sortInIdentities(): Promise<number> {
  const [row] = await ask<{ pages: string }>(database.ownerUrl, 'select sort_in_identities() as pages');
  return Number(row?.pages);
}

/** The first contact of a name, by the statement of the list: it looks at five contacts before it asks the index of names. */
async function firstCalled(name: string): Promise<string | undefined> {
  const readings = new SearchReadings();
  Object.assign(readings, { isOlderAsked: false, isOlderNameAsked: false });
  const filter = {
    name: soughtName(name),
    status: 'active',
    externalId: null,
    identity: null,
    phones: null,
    emails: null,
    language: null,
  } as const;
  const [row] = await new ContactsRepository(reads, readings).page('p', filter, '', 1, 1_000_000);
  return row?.id;
}

/** Looks up who has so many of the numbers. @returns how many contacts */
async function countHolders(count: number): Promise<number> {
  const identityKeys = Array.from({ length: count }, (_, n) => `tel:${15_550_000_000 + n}`);
  const sought = { identityKeys, emails: [], externalIds: [] };
  const ids = await pool.transaction((session) =>
    new ContactValuesRepository(reads).holders(session, 'p', sought, 200),
  );
  return ids.length;
}

describe('keys of names', () => {
  it('of 1,000 contacts wait until they are sorted in, not for a commit', async () => {
    await create(1_000);
    expect(await names.sortIn()).toBeGreaterThan(16);
    expect(await names.sortIn()).toBe(0);
  });

  it('are found while they wait and after that', async () => {
    await create(60);
    const part = nameOf(59).slice(2, -2).toLowerCase();
    expect(await firstCalled(part)).toBe('contact-59');
    expect(await names.sortIn()).toBeGreaterThan(0);
    expect(await firstCalled(part)).toBe('contact-59');
  });
});

describe('keys of identities', () => {
  it('are sorted in before many are looked up', async () => {
    await create(60);
    expect(await countHolders(10)).toBe(10);
    expect(await sortInIdentities()).toBe(0);
  });

  it('are looked up where they wait if few are', async () => {
    await create(60);
    expect(await countHolders(9)).toBe(9);
    expect(await sortInIdentities()).toBeGreaterThan(0);
  });
});

it('does not hold the feed back, which waits for transactions that have an id', async () => {
  await create(60);
  const [row] = await ask<{ names: string; identities: string; tx: string | null }>(
    database.ownerUrl,
    `with sorted as materialized (select sort_in_names() as names, sort_in_identities() as identities)
     select names, identities, pg_current_xact_id_if_assigned()::text as tx from sorted`,
  );
  expect(Number(row?.names)).toBeGreaterThan(0);
  expect(Number(row?.identities)).toBeGreaterThan(0);
  expect(row?.tx).toBeNull();
});

it('lets no other role sort keys in', async () => {
  await ask(database.ownerUrl, 'create role stranger_of_the_sorting_test');
  try {
    for (const name of ['sort_in_names()', 'sort_in_identities()'])
      await expect(
        ask(database.ownerUrl, `set role stranger_of_the_sorting_test; select ${name}`),
      ).rejects.toThrow('permission denied');
  } finally {
    await ask(database.ownerUrl, 'drop role stranger_of_the_sorting_test');
  }
});
