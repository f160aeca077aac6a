import { AuditRepository, BEGINNING, NO_FILTER, type AuditFilter } from '../../src/audit/audit.repository';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import { claimEra } from '../../src/audit/eras.repository';
import { MergesRepository, type MergeFilter } from '../../src/audit/merges.repository';
import { batchOf, commitBatch } from '../../src/contacts/commit.repository';
import { ContactsRepository, type ContactFilter } from '../../src/contacts/contacts.repository';
import { ReferencesRepository, type ReferencePlace } from '../../src/contacts/references.repository';
import { DatabaseAddress } from '../../src/database/database-address';
import { ProjectReads } from '../../src/database/project-reads';
import { EvidenceRepository } from '../../src/duplicates/evidence.repository';
import { SetsRepository } from '../../src/duplicates/sets.repository';
import { CountsRepository } from '../../src/stats/counts.repository';
import { contact } from '../sinch/callbacks';
import { createDatabase, type TestDatabase } from '../server/database';
import { ask, openSession } from './connections';
import { event } from './events';

jest.setTimeout(60_000);

const PROJECT = 'p';
const contactsCount = 60_000;

/**
 * Nine of ten are of the project. Every 50th was merged into the next, every 70th deleted; the language XX is rare. The last half
 * of the journal are updates.
 */
const SEED = `
insert into journal_era values (1, 1, 1), (2, 2, 1);
insert into contact (project_id, id, version, tie_break, snapshot, display_name, email, external_id, language, identity_keys,
                     gone, survivor_id, gone_version, gone_tie_break)
select case when i % 10 = 0 then 'q' else 'p' end, id, i, '\\x03',
       json_build_object('id', id, 'email', 'user' || i || '@example.com', 'external_id', 'ext-' || i),
       'Name ' || substr(md5(i::text), 1, 8), 'user' || i || '@example.com', 'ext-' || i, case when i % 9999 = 1 then 'XX' else 'EN_US' end,
       array['SMS:1555' || i, 'tel:1555' || i, 'WHATSAPP:1666' || i],
       gone, case gone when 'merged' then 'c' || lpad((i + 1)::text, 8, '0') end, case when gone is not null then i end,
       case when gone is not null then '\\x03'::bytea end
from generate_series(1, ${contactsCount}) i
cross join lateral (select 'c' || lpad(i::text, 8, '0') as id,
                           case when i % 50 = 1 then 'merged' when i % 70 = 1 then 'deleted' end as gone) c;
insert into contact_reference (project_id, system, external_id, contact_id, created_by)
select case when i % 10 = 0 then 'q' else 'p' end, case when i % 100 = 1 then 'rare' else 'crm' end, 'ext-' || i,
       case when i > 30000 then 'c00000052' else 'c' || lpad(i::text, 8, '0') end, 'somebody'
from generate_series(1, ${contactsCount}) i;
insert into audit_event (era, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break, received_at,
                         source, actor, fingerprint, payload)
select case when i % 3 = 0 then 1 else 2 end, case when i % 10 = 0 then 'q' else 'p' end, type, 'c' || lpad((i % ${contactsCount} + 1)::text, 8, '0'),
       case type when 'CONTACT_MERGE' then array['c' || lpad((i % ${contactsCount})::text, 8, '0')] else '{}' end,
       timestamptz 'epoch' + i / 1000 * interval '1 microsecond', i, '\\x03', timestamptz '2024-06-15' + i * interval '1 s',
       case when i % 5000 = 1 then 'api' else 'webhook' end, case when i % 5000 = 1 then 'somebody' end,
       sha256(i::text::bytea), '{}'
from generate_series(1, ${2 * contactsCount}) i
cross join lateral (select case when i > ${contactsCount} then 'CONTACT_UPDATE' when i % 50 = 1 then 'CONTACT_MERGE' when i % 70 = 1 then 'CONTACT_DELETE'
                                when i % 2 = 0 then 'CONTACT_CREATE' else 'CONTACT_UPDATE' end as type) t`;

/** Two contacts of each four are a set, were reported and dismissed. Not analysed: a scan writes so many between two looks of autovacuum. */
const DUPLICATES = `
insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, first_seen_at, last_seen_at)
select 'p', 'open', pair, 2, '{email}', '{}', 0, now(), now() from pair;
insert into duplicate_report (project_id, digest, contact_ids, report_count, first_seen_at, last_seen_at)
select 'p', sha256(i::text::bytea), pair, 1, now(), now() from pair;
insert into duplicate_dismissal (project_id, fingerprint, contact_ids, dismissed_at, dismissed_by)
select 'p', sha256(i::text::bytea), pair, now(), 'somebody' from pair`.replaceAll(
  'from pair',
  `from generate_series(1, ${contactsCount}, 4) i
   cross join lateral (select array['c' || lpad(i::text, 8, '0'), 'c' || lpad((i + 1)::text, 8, '0')] as pair) p`,
);

/** A contact each second from the epoch on, and days of which each has ten languages. */
const ACQUISITIONS = `
insert into counted_contact
select 'p', 'c' || i, 'active', 'EN', '{SMS}', i * 1000000000::bigint, '\\x03', 'SMS', '', 'EN'
from generate_series(1, ${contactsCount}) i;
insert into acquisition_day
select project, dimension, day, 'L' || value, array_fill(1, array[96])
from unnest('{p,q}'::text[]) as p (project)
cross join unnest('{channel,language}'::text[]) as d (dimension)
cross join generate_series(0, 999) as t (day)
cross join generate_series(0, 9) as v (value)`;

/** What grows with the contacts. */
const GROWING = [
  'contact',
  'audit_event',
  'contact_reference',
  'duplicate_set',
  'duplicate_report',
  'duplicate_dismissal',
  'counted_contact',
  'acquisition_day',
];

/** What REST reads by, which lets Postgres tell how it ran each query. */
class ExplainingReads extends ProjectReads {
  plans: Plan[] = [];

  protected override async read(project: string, text: string, values: readonly unknown[]): Promise<unknown> {
    const explained = await super.read(project, `explain (analyze, timing off, format json) ${text}`, values);
    const [row] = explained as [{ 'QUERY PLAN': [{ Plan: Plan }] }];
    this.plans.push(row['QUERY PLAN'][0].Plan);
    return super.read(project, text, values);
  }
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Conflict Arbiter Indexes'?: readonly string[];
  readonly 'Sort Key'?: readonly string[];
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly Plans?: readonly Plan[];
}

const nodesOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

/** A sequential scan of what grows, or an index that is read from one end to the other in search of a few. */
function faultsOf(plan: Plan, rowsMax: number): readonly string[] {
  return nodesOf(plan).flatMap((node) => {
    const table = node['Relation Name'] ?? '';
    if (node['Node Type'] === 'Seq Scan' && GROWING.includes(table)) return [`sequential scan of ${table}`];
    const perLoop =
      (node['Actual Rows'] ?? 0) +
      (node['Rows Removed by Filter'] ?? 0) +
      (node['Rows Removed by Index Recheck'] ?? 0) +
      (node['Rows Removed by Join Filter'] ?? 0);
    const rows = perLoop * (node['Actual Loops'] ?? 1);
    return rows > rowsMax
      ? [`${rows} rows of ${node['Index Name'] ?? (table === '' ? node['Node Type'] : table)}`]
      : [];
  });
}

let database: TestDatabase;
let source: ExplainingReads;
let contacts: ContactsRepository;
let audit: AuditRepository;
let histories: HistoriesRepository;
let merges: MergesRepository;
let references: ReferencesRepository;

beforeAll(async () => {
  database = await createDatabase();
  await ask(database.ownerUrl, SEED);
  await ask(database.ownerUrl, DUPLICATES);
  await ask(database.ownerUrl, 'vacuum analyze contact');
  await ask(database.ownerUrl, 'vacuum analyze audit_event');
  await ask(database.ownerUrl, 'vacuum analyze contact_reference');
  source = new ExplainingReads(new DatabaseAddress(database.url));
  source.open();
  contacts = new ContactsRepository(source);
  audit = new AuditRepository(source);
  histories = new HistoriesRepository(source);
  merges = new MergesRepository(source);
  references = new ReferencesRepository(source);
});
afterAll(async () => {
  await source.onApplicationShutdown();
  await database.drop();
});

/** @param rowsMax most rows that a step of the plan may touch */
async function expectGoodPlans(reads: () => Promise<unknown>, rowsMax: number): Promise<void> {
  source.plans = [];
  await reads();
  expect(source.plans.flatMap((plan) => faultsOf(plan, rowsMax))).toEqual([]);
  expect(source.plans.length).toBeGreaterThan(0);
}

const id = (n: number): string => `c${String(n).padStart(8, '0')}`;

const ALL: ContactFilter = {
  status: 'active',
  externalId: null,
  identity: null,
  phones: null,
  email: null,
  displayName: null,
  language: null,
};

describe('a page of contacts', () => {
  it.each<[string, Partial<ContactFilter>]>([
    ['all', {}],
    ['all, gone ones too', { status: 'all' }],
    ['merged ones', { status: 'merged' }],
    ['deleted ones', { status: 'deleted' }],
    ['an external_id', { externalId: 'ext-5001' }],
    ['an external_id that nobody has', { externalId: 'none' }],
    ['an identity', { identity: { channel: 'SMS', identity: '15555003' } }],
    ['an identity that nobody has', { identity: { channel: 'SMS', identity: '15559999999' } }],
    ['a phone number in two spellings', { phones: ['15555003', '15555004'] }],
    ['an email', { email: 'User5003@example.com' }],
    ['an email that nobody has', { email: 'none@example.com' }],
    ['a rare part of the name', { displayName: 'a87ff679' }],
    ['a part of the name that nobody has', { displayName: 'zzzzzz' }],
    ['a common part of the name', { displayName: 'name' }],
    ['the common language', { language: 'EN_US' }],
    ['a rare language', { language: 'XX' }],
    ['a language that nobody speaks', { language: 'TLH' }],
  ])('of %s looks at few rows', async (_, filter) => {
    await expectGoodPlans(() => contacts.page(PROJECT, { ...ALL, ...filter }, '', 51), 5_000);
    await expectGoodPlans(() => contacts.page(PROJECT, { ...ALL, ...filter }, id(30_000), 51), 5_000);
  });
});

describe('contacts', () => {
  const ids = Array.from({ length: 200 }, (_, n) => id(n * 300 + 1));

  it('are found by id', () => expectGoodPlans(() => contacts.find(PROJECT, ids), 400));
  it('are resolved', () => expectGoodPlans(() => contacts.reach(PROJECT, ids), 1_000));
  it('show whom they took over', () => expectGoodPlans(() => contacts.ancestors(PROJECT, ids), 1_000));
  it('give the metadata of those', () => expectGoodPlans(() => contacts.metadata(PROJECT, ids), 400));
  it('that were told of after they had gone are found', () =>
    expectGoodPlans(() => contacts.livingAfterGone('told', PROJECT, '', 51), 100));
  it('in the midst of merges are found among the merged ones', () =>
    expectGoodPlans(() => contacts.amidMerges(PROJECT), contactsCount / 40));
  it('show whom they had taken over', () =>
    expectGoodPlans(() => contacts.ancestors(PROJECT, ids, 5_000n), 1_000));
});

describe('the journal', () => {
  const some = [id(52), id(102), id(5_003)];

  it('tells the history of a contact', () =>
    expectGoodPlans(() => histories.history(PROJECT, some, null, 51), 500));
  it('tells the history of a contact from a place', () =>
    expectGoodPlans(() => histories.history(PROJECT, some, ['60000', '03'], 51), 500));
  it('tells what surrounds events', async () => {
    const rows = await audit.feed(PROJECT, NO_FILTER, BEGINNING, 200);
    expect(rows.length).toBe(200);
    const occurrences = rows.map((row) => ({ id: row.id, contactId: row.contact_id }));
    await expectGoodPlans(() => histories.surroundings(PROJECT, occurrences, 'as-received'), 2_000);
    await expectGoodPlans(() => histories.surroundings(PROJECT, occurrences, 'in-version-order'), 2_000);
  });
  it('tells by which events contacts went', () =>
    expectGoodPlans(
      () =>
        histories.departures(
          PROJECT,
          Array.from({ length: 200 }, (_, n) => id(n * 100 + 1)),
        ),
      2_000,
    ));
  it('tells whom a contact took over', () => expectGoodPlans(() => histories.losersOf(PROJECT, id(52)), 500));
  it('tells what contacts were', () =>
    expectGoodPlans(() => histories.toldUntil(PROJECT, some, 60_000n), 100));
  it('tells a contact as it was', () =>
    expectGoodPlans(() => histories.asOf(PROJECT, id(51), 1_000_000n), 500));
  it('finds an event', () => expectGoodPlans(() => audit.find(PROJECT, '5003'), 100));
  it('tells where the feed ends', () => expectGoodPlans(() => audit.horizon(PROJECT), 100));

  /** A window of time costs what one range of a BRIN index holds, 128 pages at least, however large the table. */
  const rowsMax = 15_000;
  const filters: readonly [string, Partial<AuditFilter>][] = [
    ['all events', {}],
    ['the events of a contact', { contactIds: [id(51)] }],
    ['the events of three contacts', { contactIds: some }],
    ['the events of a contact that is unknown', { contactIds: ['none'] }],
    ['merges', { types: ['CONTACT_MERGE'] }],
    ['deletions and merges', { types: ['CONTACT_DELETE', 'CONTACT_MERGE'] }],
    ['creations', { types: ['CONTACT_CREATE'] }],
    ['a type that there is not', { types: ['duplicate.dismissed'] }],
    ['the merges of a contact', { contactIds: [id(51)], types: ['CONTACT_MERGE'] }],
    ['a rare source', { source: 'api' }],
    ['an actor', { actor: 'somebody' }],
    ['an actor whom nobody knows', { actor: 'nobody' }],
    ['one day', { receivedAfter: '2024-06-15T10:00:00Z', receivedBefore: '2024-06-15T10:01:00Z' }],
    ['one day of Sinch', { acceptedAfter: 30_000n, acceptedBefore: 30_060n }],
  ];
  it.each(filters)('pages through %s', (_, filter) =>
    expectGoodPlans(() => audit.page(PROJECT, { ...NO_FILTER, ...filter }, null, 51), rowsMax),
  );
  it.each(filters)('feeds %s', (_, filter) =>
    expectGoodPlans(() => audit.feed(PROJECT, { ...NO_FILTER, ...filter }, BEGINNING, 50), rowsMax),
  );
});

describe('merges', () => {
  const NO_MERGE_FILTER: MergeFilter = {
    contactId: null,
    survivorId: null,
    loserId: null,
    source: null,
    after: null,
    before: null,
  };

  it.each<[string, Partial<MergeFilter>]>([
    ['all', {}],
    ['of a contact, on either side', { contactId: id(51) }],
    ['of a contact that nobody knows', { contactId: 'none' }],
    ['into a contact', { survivorId: id(52) }],
    ['of a loser', { loserId: id(51) }],
    ['of a rare source', { source: 'api' }],
    ['of a window of time', { after: 30_000n, before: 30_060n }],
    ['of a window in which there was none', { after: 500_000n }],
  ])('are listed: %s', async (_, filter) => {
    // every merge was told of twice, and the newer half are the repetitions: those are passed over
    const rowsMax = 1_300;
    await expectGoodPlans(() => merges.page(PROJECT, { ...NO_MERGE_FILTER, ...filter }, null, 51), rowsMax);
    await expectGoodPlans(
      () => merges.page(PROJECT, { ...NO_MERGE_FILTER, ...filter }, ['60000', '03'], 51),
      rowsMax,
    );
  });

  it('are found, with what tells of them', async () => {
    const rows = await merges.page(PROJECT, NO_MERGE_FILTER, null, 200);
    expect(rows.length).toBe(200);
    const pairs = rows.map((row) => ({ loserId: row.loser_id, survivorId: row.survivor_id }));
    await expectGoodPlans(() => merges.find(PROJECT, pairs), 400);
    await expectGoodPlans(() => merges.payloads(PROJECT, rows), 1_000);
    await expectGoodPlans(() => merges.loserPayloads(PROJECT, rows), 1_000);
  });

  it('into several survivors are found among the merges', () =>
    expectGoodPlans(() => merges.mergedTwice(PROJECT, '', 51), contactsCount / 20));
});

describe('references', () => {
  const beginning: ReferencePlace = ['', ''];
  const middle: ReferencePlace = ['crm', 'ext-3'];

  it.each([
    ['all', null],
    ['a system', 'crm'],
    ['a rare system', 'rare'],
    ['a system that nobody has', 'none'],
  ])('of %s are paged through', async (_, system) => {
    await expectGoodPlans(() => references.page(PROJECT, system, beginning, 51), 100);
    await expectGoodPlans(() => references.page(PROJECT, system, middle, 51), 100);
  });

  it.each([
    ['few', id(5_002)],
    ['half of all', id(52)],
    ['none', 'none'],
  ])('of a contact that has %s are paged through', async (_, contactId) => {
    await expectGoodPlans(() => references.ofContact(PROJECT, contactId, beginning, 51), 200);
    await expectGoodPlans(() => references.ofContact(PROJECT, contactId, middle, 51), 200);
  });

  it('are found by their names', () =>
    expectGoodPlans(() => references.find(PROJECT, { system: 'crm', externalId: 'ext-5003' }), 10));
});

describe('of duplicates', () => {
  const ids = Array.from({ length: 1_000 }, (_, n) => id(n * 60 + 1));

  it('the sets of contacts are found by their members', async () => {
    const sets = new SetsRepository(source);
    await expectGoodPlans(() => sets.withMembers(source.of(PROJECT), PROJECT, ids), 2_000);
    await expectGoodPlans(() => sets.openOf(PROJECT, ids), 2_000);
    expect((await sets.withMembers(source.of(PROJECT), PROJECT, ids)).length).toBe(1_000);
  });
  it('the sets that are to be merged by rule are found in the queue', async () => {
    const sets = new SetsRepository(source);
    await expectGoodPlans(() => sets.due(PROJECT, new Date(), 3, null, 100), 500);
    await ask(database.ownerUrl, 'analyze duplicate_set');
    await expectGoodPlans(() => sets.due(PROJECT, new Date(), 3, null, 100), 500);
  });
  it('reports and dismissals are found by the contacts that they name', async () => {
    const evidence = new EvidenceRepository(source);
    await expectGoodPlans(() => evidence.reportsOf(PROJECT, ids), 2_000);
    await expectGoodPlans(() => evidence.dismissalsOf(PROJECT, ids), 2_000);
    expect((await evidence.reportsOf(PROJECT, ids)).length).toBe(1_000);
  });
});

it('acquisitions are read off the days of the window, of one dimension', async () => {
  await ask(database.ownerUrl, ACQUISITIONS);
  await ask(database.ownerUrl, 'analyze counted_contact');
  await ask(database.ownerUrl, 'analyze acquisition_day');
  const counts = new CountsRepository(source);
  const [from, hour] = [5_000_000_000_000n, 3_600_000_000_000n];
  const starts = Array.from({ length: 48 }, (_, n) => from + BigInt(n) * hour);
  await expectGoodPlans(() => counts.acquired(PROJECT, 'language', from, from + 48n * hour, starts), 1_000);
});

it('settles a batch by its arbiters, in key order', async () => {
  const session = await openSession(database.url);
  const run = jest.spyOn(session, 'run');
  const events = Array.from({ length: 500 }, (_, n) => event(PROJECT, { update: contact(id(n)) }, n));
  await commitBatch(session, batchOf(await claimEra(session), events));
  const [statement, values] = run.mock.lastCall ?? [];
  run.mockRestore();
  const [row] = await session.run<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
    { name: 'explain', text: `explain (format json) ${statement?.text ?? ''}` },
    values,
  );
  const nodes = row === undefined ? [] : nodesOf(row['QUERY PLAN'][0].Plan);
  expect(nodes.flatMap((node) => node['Conflict Arbiter Indexes'] ?? []).sort()).toEqual([
    'audit_event_once',
    'contact_pkey',
  ]);
  const keys = nodes
    .map((node) => node['Sort Key']?.join() ?? '')
    .filter((key) => key.includes('project_id'));
  expect(keys.sort()).toEqual([
    'e.project_id COLLATE "C",e.contact_id COLLATE "C",e.version,e.tie_break',
    'r.project_id COLLATE "C",r.id COLLATE "C"',
  ]);
  expect(nodes.filter((node) => node['Node Type'] === 'Seq Scan')).toEqual([]);
  await session.close();
});
