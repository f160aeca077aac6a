import type { DataSource } from 'typeorm';
import { AuditRepository, BEGINNING, NO_FILTER } from '../../src/audit/audit.repository';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import { MergesRepository } from '../../src/contacts/merges/merges.repository';
import { ContactsRepository, type ContactFilter } from '../../src/contacts/contacts.repository';
import { soughtName } from '../../src/normalise/normalise-name.rule';
import { DatabaseAddress } from '../../src/database/database-address';
import { ProjectReads } from '../../src/database/reads/project-reads';
import { contact } from '../support/sinch/callbacks';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, openPool, openQueue, untilFeedHasAll } from '../support/postgres/connections';
import { BEGIN, event } from '../support/postgres/events';

/** The same ids in both, and the same times; what tells them apart is what they say. */
const [OURS, THEIRS] = ['ours', 'theirs'] as const;
const FOREVER = BEGIN + 1_000_000_000_000n;
const IDS = ['A', 'B', 'C', 'D'];
/** Merges of further projects, loser and survivor: a chain, and parts of it. */
const CHAINS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  whole: [
    ['1', '2'],
    ['2', '3'],
    ['3', '4'],
  ],
  begin: [['1', '2']],
  rest: [
    ['2', '3'],
    ['3', '4'],
    ['1', '9'],
  ],
};

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
      contact(id, {
        display_name: `Name of ${project}`,
        email: project === OURS ? 'ours@example.com' : `${id}@example.com`,
        external_id: 'x',
        ...(project === THEIRS && { channel_identities: [{ channel: 'SMS', identity: '15557654321' }] }),
      });
    for (const [at, id] of IDS.entries()) await queue.commit(event(project, { create: says(id) }, at));
    if (project === THEIRS) {
      for (const id of IDS)
        await queue.commit({
          ...event(project, { update: says(id) }, 3),
          actor: 'before',
        });
      await queue.commit(event(project, { merge: { survivor: says('A'), loser: says('B') } }, 10));
      await queue.commit(event(project, { create: says('E') }, 4));
      await queue.commit(event(project, { delete: says('C') }, 11));
      await queue.commit(event(project, { delete: says('D') }, 1));
    }
    const merge = { survivor: says('D'), loser: says('E') };
    await queue.commit({
      ...event(project, { merge }, project === THEIRS ? 12 : 20),
      actor: project,
      source: 'rule',
    });
  }
  for (const [project, merged] of Object.entries(CHAINS))
    for (const [loser, survivor] of merged)
      await queue.commit(event(project, { merge: { survivor: contact(survivor), loser: contact(loser) } }));
  await queue.close();
  await untilFeedHasAll(database.ownerUrl);
});
afterAll(async () => {
  await pool.destroy();
  await database.drop();
});

/** The ids of what is ours in the journal. */
const ourEvents = async (): Promise<readonly string[]> =>
  (
    await ask<{ id: string }>(
      database.ownerUrl,
      'select id from audit_event where project_id = $1 order by id',
      [OURS],
    )
  ).map(({ id }) => id);

const ALL: ContactFilter = {
  status: 'all',
  externalId: null,
  identity: null,
  phones: null,
  emails: null,
  name: null,
  language: null,
};

it.each<[string, Partial<ContactFilter>]>([
  ['all', {}],
  ['active ones', { status: 'active' }],
  ['those with an external_id', { externalId: 'x' }],
  ['those with an identity', { identity: { channel: 'SMS', identity: '15551234567' } }],
  ['those with a phone number', { phones: ['15551234567'] }],
  ['those with an email', { emails: ['ours@example.com'] }],
  ['those with a name', { name: soughtName('Name of') }],
  ['those with a language', { language: 'EN' }],
])('lists contacts of the project alone: %s', async (_, filter) => {
  const rows = await contacts.page(OURS, { ...ALL, ...filter }, '', 100, 1_000_000);
  const known = filter.status === 'active' ? IDS : [...IDS, 'E'];
  expect(rows.map((row) => row.id)).toEqual(known);
  for (const row of rows) expect(row.snapshot).toContain('Name of ours');
});

it.each<[string, Partial<ContactFilter>]>([
  ['an identity', { identity: { channel: 'SMS', identity: '15557654321' } }],
  ['a phone number', { phones: ['15557654321'] }],
  ['an email', { emails: ['D@example.com'] }],
  ['one of several emails', { emails: ['A@example.com', 'nobody@example.com'] }],
  ['one of several emails, and is gone there', { emails: ['B@example.com', 'nobody@example.com'] }],
  ['a name', { name: soughtName('Name of theirs') }],
])('lists no contact for %s that one with its id in another project has', async (_, filter) => {
  expect(await contacts.page(OURS, { ...ALL, ...filter }, '', 100, 1_000_000)).toEqual([]);
  expect(await contacts.matches(OURS, { ...ALL, ...filter }, '', 100)).toEqual([]);
});

it('finds contacts of the project alone', async () => {
  for (const rows of [await contacts.find(OURS, IDS), await contacts.findWithin(OURS, IDS, 1_000_000)])
    expect(rows.map(({ snapshot }) => snapshot?.includes('Name of ours'))).toEqual(IDS.map(() => true));
});

it('follows merges of the project alone', async () => {
  const pointers = await contacts.reach(OURS, [...IDS, 'E']);
  expect([...pointers.values()].filter(({ gone }) => gone !== null).map(({ id }) => id)).toEqual(['E']);
  expect([...(await contacts.ancestors(OURS, IDS))]).toEqual([['D', ['E']]]);
  expect(await histories.losersOf(OURS, 'A')).toEqual([]);
  const theirs = await contacts.reach(THEIRS, IDS);
  expect(IDS.map((id) => theirs.get(id)?.gone)).toEqual([null, 'merged', 'deleted', 'deleted']);
  expect(await contacts.linksOfMergeChains('whole', '', 100)).toEqual({
    links: new Map([
      ['2', '3'],
      ['3', '4'],
    ]),
    until: null,
  });
  for (const project of ['begin', 'rest']) {
    expect(await contacts.linksOfMergeChains(project, '', 100)).toEqual({ links: new Map(), until: null });
    expect(await merges.mergedTwice(project, '', 100, 100)).toEqual({ found: [], until: null });
  }
});

it('tells events of the project alone, in every list', async () => {
  const ours = await ourEvents();
  const lists = [
    await audit.feed(OURS, NO_FILTER, BEGINNING, 100),
    await audit.page(OURS, NO_FILTER, null, 100),
    await histories.history(OURS, [...IDS, 'E'], null, 100),
  ];
  for (const rows of lists) expect(rows.map(({ id }) => id).sort()).toEqual([...ours].sort());
  const alone = { isGone: false, isOutranked: false, isCreated: false };
  const surroundings = await histories.surroundingsAsReceived(OURS, ours);
  expect(
    surroundings.map(({ isGone, isOutranked, isCreated }) => ({ isGone, isOutranked, isCreated })),
  ).toEqual(ours.map(() => alone));
  const history = await histories.history(OURS, ['B', 'E'], null, 100);
  expect(history.map(({ id }) => ours.includes(id))).toEqual([true, true]);
});

it('finds an event of the project alone', async () => {
  for (const id of await ourEvents()) {
    expect(await audit.find(OURS, id)).not.toBeNull();
    expect(await audit.find(THEIRS, id)).toBeNull();
  }
});

it('tells the end of the journal and its actors in the project alone', async () => {
  const [ours, theirs] = [await audit.latest(OURS), await audit.latest(THEIRS)];
  expect(await audit.find(OURS, ours[2])).not.toBeNull();
  expect(await audit.find(THEIRS, theirs[2])).not.toBeNull();
  expect([await audit.has(OURS, ours), await audit.has(OURS, theirs)]).toEqual([true, false]);
  expect(await audit.actors(OURS, OURS)).toEqual([OURS]);
  for (const actor of ['before', THEIRS]) {
    expect(await audit.actors(OURS, actor)).toEqual([]);
    expect(await audit.actors(THEIRS, actor)).toEqual([actor]);
  }
});

it('tells a contact as it was in the project alone', async () => {
  for (const id of IDS) {
    const { gone, newest } = await histories.asOf(OURS, id, FOREVER);
    expect(gone).toBeNull();
    expect(newest?.payload.toString()).toContain('Name of ours');
  }
});

it('tells what surrounds events in the project alone', async () => {
  const rows = await audit.feed(OURS, NO_FILTER, BEGINNING, 100);
  const occurrences = rows.map((row) => ({ id: row.id, contactId: row.contact_id }));
  const ids = rows.map(({ id }) => id);
  for (const around of [
    await histories.surroundings(OURS, occurrences),
    await histories.surroundingsAsReceived(OURS, ids),
  ]) {
    expect(around.map(({ late }) => late)).toEqual(rows.map(() => false));
    for (const { previousPayload } of around) expect(previousPayload?.toString() ?? OURS).toContain(OURS);
  }
  expect(await histories.surroundings(THEIRS, occurrences)).toEqual([]);
  expect(await histories.surroundingsAsReceived(THEIRS, ids)).toEqual([]);
});

it('shows merges of the project alone, and the events that report them', async () => {
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
  const theirs = await merges.loserPayloads(THEIRS, await merges.page(THEIRS, all, null, 100));
  expect(theirs.map(({ others }) => others)).toEqual([[], []]);
  expect(await merges.mergedTwice(OURS, '', 100, 100)).toEqual({ found: [], until: null });
});

it('counts merges of the project alone', async () => {
  const events = await ask<{ id: string }>(
    database.ownerUrl,
    `select id from audit_event where type = 'CONTACT_MERGE' and project_id = any ($1)`,
    [[OURS, THEIRS]],
  );
  const ids = events.map(({ id }) => id);
  expect([await merges.countFirst(pool, OURS, ids), await merges.countFirst(pool, THEIRS, ids)]).toEqual([
    1, 2,
  ]);
  expect(await merges.countByRule(OURS, THEIRS, new Date(0), 100)).toBe(0);
  expect(await merges.countByRule(THEIRS, THEIRS, new Date(0), 100)).toBe(1);
});

it('finds the first version of contacts in the project alone', async () => {
  expect(await histories.firstVersions(OURS, ['D'])).toEqual(new Map([['D', BEGIN + 3n]]));
  expect(await histories.firstVersions(THEIRS, ['D'])).toEqual(new Map([['D', BEGIN + 1n]]));
});

it('tells metadata and anomalies of the project alone', async () => {
  expect((await contacts.metadata(OURS, IDS)).map(({ version }) => version).sort()).toEqual(
    ['20', '0', '1', '2'].map((offset) => String(BEGIN + BigInt(offset))).sort(),
  );
  expect((await histories.snapshotsUntil(OURS, ['B'], FOREVER)).map(({ version }) => version)).toEqual([
    String(BEGIN + 1n),
  ]);
  expect(await contacts.livingAfterGone('told', OURS, '', 100)).toEqual([]);
  expect((await contacts.livingAfterGone('told', THEIRS, '', 100)).map(({ id }) => id)).toEqual(['D']);
  expect(await contacts.linksOfMergeChains(OURS, '', 100)).toEqual({ links: new Map(), until: null });
});
