import type { DataSource } from 'typeorm';
import { AuditRepository, BEGINNING, NO_FILTER } from '../../src/audit/audit.repository';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import { MergesRepository } from '../../src/audit/merges.repository';
import { ContactsRepository, type ContactFilter } from '../../src/contacts/contacts.repository';
import { DatabaseAddress } from '../../src/database/database-address';
import { ProjectReads } from '../../src/database/project-reads';
import { contact } from '../sinch/callbacks';
import { createDatabase, type TestDatabase } from '../server/database';
import { ask, openPool, openQueue, until } from './connections';
import { BEGIN, event } from './events';

/** The same ids in both, and the same times; what tells them apart is what they say. */
const [OURS, THEIRS] = ['ours', 'theirs'] as const;
const FOREVER = BEGIN + 1_000_000_000_000n;
const IDS = ['A', 'B', 'C', 'D'];

let database: TestDatabase;
let pool: DataSource;
let contacts: ContactsRepository;
let audit: AuditRepository;
let histories: HistoriesRepository;
let merges: MergesRepository;

/** The application's own filters are what this is about: statements that go past what Postgres would hold apart for them. */
class ReadsOfEveryProject extends ProjectReads {
  constructor(
    url: string,
    private readonly everything: DataSource,
  ) {
    super(new DatabaseAddress(url));
  }

  protected override read(_project: string, text: string, values: readonly unknown[]): Promise<unknown> {
    return this.everything.query(text, [...values]);
  }
}

/** `theirs` was first, has what `ours` has, and more. */
beforeAll(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  const reads = new ReadsOfEveryProject(database.url, pool);
  contacts = new ContactsRepository(reads);
  audit = new AuditRepository(reads);
  histories = new HistoriesRepository(reads);
  merges = new MergesRepository(reads);
  const queue = await openQueue(database.url);
  for (const project of [THEIRS, OURS]) {
    const says = (id: string): Record<string, unknown> =>
      contact(id, { display_name: `Name of ${project}`, email: 'a@example.com', external_id: 'x' });
    for (const [at, id] of IDS.entries()) await queue.commit(event(project, { create: says(id) }, at));
    if (project === THEIRS) {
      for (const id of IDS) await queue.commit(event(project, { update: says(id) }, 3));
      await queue.commit(event(project, { merge: { survivor: says('A'), loser: says('B') } }, 10));
      await queue.commit(event(project, { delete: says('C') }, 11));
      await queue.commit(event(project, { delete: says('D') }, 1));
      await queue.commit(event(project, { merge: { survivor: says('D'), loser: says('E') } }, 12));
    } else {
      await queue.commit(event(project, { merge: { survivor: says('D'), loser: says('E') } }, 20));
    }
  }
  await queue.close();
  // the last that was committed; the open transactions of other tests on this server may delay it
  await until(async () => (await audit.feed(OURS, NO_FILTER, BEGINNING, 100)).length === IDS.length + 1);
});
afterAll(async () => {
  await pool.destroy();
  await database.drop();
});

/** The ids of what is ours in the journal. */
const ourEvents = async (): Promise<readonly string[]> =>
  (
    await ask<{ id: string }>(database.ownerUrl, 'select id from audit_event where project_id = $1', [OURS])
  ).map(({ id }) => id);

const ALL: ContactFilter = {
  status: 'all',
  externalId: null,
  identity: null,
  phones: null,
  email: null,
  displayName: null,
  language: null,
};

it.each<[string, Partial<ContactFilter>]>([
  ['all', {}],
  ['active ones', { status: 'active' }],
  ['those with an external_id', { externalId: 'x' }],
  ['those with an identity', { identity: { channel: 'SMS', identity: '15551234567' } }],
  ['those with a phone number', { phones: ['15551234567'] }],
  ['those with an email', { email: 'a@example.com' }],
  ['those with a name', { displayName: 'Name of' }],
  ['those with a language', { language: 'EN' }],
])('lists contacts of the project alone: %s', async (_, filter) => {
  const rows = await contacts.page(OURS, { ...ALL, ...filter }, '', 100);
  const known = filter.status === 'active' ? IDS : [...IDS, 'E'];
  expect(rows.map((row) => row.id)).toEqual(known);
  for (const row of rows) expect(row.snapshot).toContain('Name of ours');
});

it('finds contacts of the project alone', async () => {
  const rows = await contacts.find(OURS, IDS);
  expect(rows.map((row) => row.snapshot.includes('Name of ours'))).toEqual(IDS.map(() => true));
});

it('follows merges of the project alone', async () => {
  const pointers = await contacts.reach(OURS, [...IDS, 'E']);
  expect([...pointers.values()].filter(({ gone }) => gone !== null).map(({ id }) => id)).toEqual(['E']);
  expect([...(await contacts.ancestors(OURS, IDS))]).toEqual([['D', ['E']]]);
  expect(await histories.losersOf(OURS, 'A')).toEqual([]);
});

it('tells events of the project alone, in every list', async () => {
  const ours = await ourEvents();
  const lists = [
    await audit.feed(OURS, NO_FILTER, BEGINNING, 100),
    await audit.page(OURS, NO_FILTER, null, 100),
    await histories.history(OURS, [...IDS, 'E'], null, 100),
  ];
  for (const rows of lists) expect(rows.map(({ id }) => id).sort()).toEqual([...ours].sort());
  const departures = await histories.departures(OURS, [...IDS, 'E']);
  expect(departures.map(({ type, contact_id }) => [type, contact_id])).toEqual([['CONTACT_MERGE', 'D']]);
  const history = await histories.history(OURS, ['B', 'E'], null, 100);
  expect(history.map(({ id }) => ours.includes(id))).toEqual([true, true]);
});

it('finds an event of the project alone', async () => {
  for (const id of await ourEvents()) {
    expect(await audit.find(OURS, id)).not.toBeNull();
    expect(await audit.find(THEIRS, id)).toBeNull();
  }
});

it('tells a contact as it was in the project alone', async () => {
  for (const id of IDS) {
    const { gone, told } = await histories.asOf(OURS, id, FOREVER);
    expect(gone).toBeNull();
    expect(told?.payload.toString()).toContain('Name of ours');
  }
});

it('tells what surrounds events in the project alone', async () => {
  const rows = await audit.feed(OURS, NO_FILTER, BEGINNING, 100);
  const occurrences = rows.map((row) => ({ id: row.id, contactId: row.contact_id }));
  for (const previous of ['as-received', 'in-version-order'] as const) {
    const around = await histories.surroundings(OURS, occurrences, previous);
    expect(around.map(({ late }) => late)).toEqual(rows.map(() => false));
    for (const { previousPayload } of around) expect(previousPayload?.toString() ?? OURS).toContain(OURS);
  }
  expect(await histories.surroundings(THEIRS, occurrences, 'as-received')).toEqual([]);
});

it('tells merges of the project alone, and what tells of them', async () => {
  const all = {
    contactId: null,
    survivorId: null,
    loserId: null,
    source: null,
    after: null,
    before: null,
  };
  const rows = await merges.page(OURS, all, null, 100);
  expect(rows.map(({ survivor_id, loser_id }) => [survivor_id, loser_id])).toEqual([['D', 'E']]);
  expect(rows[0]?.version).toBe(String(BEGIN + 20n));
  expect(await merges.find(OURS, [{ loserId: 'B', survivorId: 'A' }])).toEqual([]);
  expect(await merges.find(OURS, [{ loserId: 'E', survivorId: 'D' }])).toEqual(rows);
  const [payloads] = await merges.payloads(OURS, rows);
  expect(payloads?.payload.toString()).toContain('Name of ours');
  expect(payloads?.previousPayload?.toString()).toContain('Name of ours');
  expect(await merges.payloads(THEIRS, rows)).toEqual([]);
  expect(await merges.loserPayloads(OURS, rows)).toEqual([{ others: [], last: null }]);
  expect(await merges.loserPayloads(THEIRS, rows)).toEqual([]);
  expect(await merges.mergedTwice(OURS, '', 100)).toEqual([]);
});

it('tells metadata and anomalies of the project alone', async () => {
  expect((await contacts.metadata(OURS, IDS)).map(({ version }) => version).sort()).toEqual(
    ['20', '0', '1', '2'].map((offset) => String(BEGIN + BigInt(offset))).sort(),
  );
  expect((await histories.toldUntil(OURS, ['B'], FOREVER)).map(({ version }) => version)).toEqual([
    String(BEGIN + 1n),
  ]);
  expect(await contacts.livingAfterGone('told', OURS, '', 100)).toEqual([]);
  expect((await contacts.livingAfterGone('told', THEIRS, '', 100)).map(({ id }) => id)).toEqual(['D']);
  expect(await contacts.amidMerges(OURS)).toEqual(new Map());
});
