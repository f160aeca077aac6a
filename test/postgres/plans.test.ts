import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { escapeLiteral } from 'pg';
import { arrayLiteral } from '../../src/base/array-literal.rule';
import { AuditRepository, BEGINNING, NO_FILTER, type AuditFilter } from '../../src/audit/audit.repository';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import { TellingsRepository } from '../../src/audit/tellings.repository';
import { claimEra } from '../../src/audit/commit/eras.repository';
import { MergesRepository, type MergeFilter } from '../../src/contacts/merges/merges.repository';
import { batchOf, commitBatch } from '../../src/audit/commit/commit.repository';
import { ContactsRepository, type ContactFilter } from '../../src/contacts/contacts.repository';
import { soughtName } from '../../src/normalise/normalise-name.rule';
import { ReferencesRepository, type ReferencePlace } from '../../src/references/references.repository';
import { SearchReadings } from '../../src/contacts/search-readings';
import { DatabaseAddress } from '../../src/database/database-address';
import { ProjectReads } from '../../src/database/reads/project-reads';
import { DismissalsRepository } from '../../src/matching/dismissals.repository';
import { EvidenceRepository } from '../../src/matching/evidence.repository';
import { SetsRepository } from '../../src/matching/sets.repository';
import { CountsRepository } from '../../src/stats/counts.repository';
import { contact } from '../support/sinch/callbacks';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, connect, openSession, untilFeedHasAll } from '../support/postgres/connections';
import { event } from '../support/postgres/events';

jest.setTimeout(180_000);

const PROJECT = 'p';
const contactsCount = 60_000;

/**
 * Nine of ten are of the project. Every 50th was merged into the next, every 70th deleted; the language XX is rare. The last half
 * of the journal are updates.
 */
const SEED = `
insert into journal_era values (1, 1, 1), (2, 2, 1);
insert into contact (project_id, id, version, tie_break, snapshot, display_name, name_keys, projected_by, email, external_id, language, identity_keys,
                     gone, survivor_id, gone_version, gone_tie_break)
select case when i % 10 = 0 then 'q' else 'p' end, id, i, '\\x03',
       json_build_object('id', id, 'email', 'user' || i || '@example.com', 'external_id', 'ext-' || i),
       name, (select array_agg(distinct key) from (select substr(' ' || name, at, 3) as key from generate_series(1, length(name) - 1) at
                                                   union all select unnest(regexp_split_to_array(name, '')) where name ~ '明') keys), 2, 'user' || i || '@example.com', 'ext-' || i, case when i % 9999 = 1 then 'XX' else 'EN_US' end,
       array['SMS:1555' || i, 'tel:1555' || i, 'WHATSAPP:1666' || i],
       gone, case gone when 'merged' then 'c' || lpad((i + 1)::text, 8, '0') end, case when gone is not null then i end,
       case when gone is not null then '\\x03'::bytea end
from generate_series(1, ${contactsCount}) i
cross join lateral (select 'c' || lpad(i::text, 8, '0') as id,
                           case when i % 5000 = 1 then 'zoë жукова 李明' when i % 17 = 2 then 'name andersson' when i % 40 = 3 then 'miller' else 'name ' || substr(md5(i::text), 1, 8) end as name,
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

/** Each four contacts share a number, and a quarter of all share the first one. */
const SHARED_PHONES = `
insert into shared_value (project_id, digest, contact_id, kind, value)
select 'p', digest, 'c' || lpad(i::text, 8, '0'), 'phone', number::text
from generate_series(1, ${contactsCount}) i
cross join lateral (select i / 4 as number, case when i % 4 = 0 then '\\x00'::bytea else sha256((i / 4)::text::bytea) end as digest) v`;

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
  'shared_value',
  'counted_contact',
  'acquisition_day',
];

/** What REST reads by, which lets Postgres tell how it ran each query: what is prepared, as it runs at the sixth time. */
class ExplainingReads extends ProjectReads {
  plans: Plan[] = [];
  private explained = 0;

  protected override async read(
    project: string,
    text: string,
    values: readonly unknown[],
    how: 'planned' | 'prepared',
  ): Promise<unknown> {
    const explain = 'explain (analyze, timing off, format json)';
    const explained =
      how === 'planned'
        ? await super.read(project, `${explain} ${text}`, values, how)
        : await this.explainPrepared(project, explain, text, values);
    const [row] = explained as [{ 'QUERY PLAN': [{ Plan: Plan }] }];
    this.plans.push(row['QUERY PLAN'][0].Plan);
    return super.read(project, text, values, how);
  }

  /** By SQL's own `prepare`, since the protocol's statements cannot be explained; on one connection, as nothing else reads. */
  private async explainPrepared(
    project: string,
    explain: string,
    text: string,
    values: readonly unknown[],
  ): Promise<unknown> {
    const name = `explained_${++this.explained}`;
    const literals = values.map(literalOf);
    const execute = `execute ${name}${literals.length === 0 ? '' : ` (${literals.join()})`}`;
    const run = (statement: string): Promise<unknown> => super.read(project, statement, [], 'prepared');
    await run(`prepare ${name} as ${text}`);
    for (let n = 1; n < 6; n++) await run(execute);
    const explained = await run(`${explain} ${execute}`);
    await run(`deallocate ${name}`);
    return explained;
  }
}

/** A value of a parameter in SQL. */
function literalOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return escapeLiteral(arrayLiteral(value.map(String)));
  if (value instanceof Date) return escapeLiteral(value.toISOString());
  return escapeLiteral(typeof value === 'string' ? value : JSON.stringify(value));
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
    // planned, but never executed
    if (node['Actual Loops'] === 0) return [];
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
let ofBothReadings: ContactsRepository;
let audit: AuditRepository;
let histories: HistoriesRepository;
let tellings: TellingsRepository;
let merges: MergesRepository;
let references: ReferencesRepository;

beforeAll(async () => {
  database = await createDatabase();
  await ask(database.ownerUrl, SEED);
  await ask(
    database.ownerUrl,
    'create index contact_display_name on contact using gin (display_name gin_trgm_ops)',
  );
  await ask(database.ownerUrl, DUPLICATES);
  await ask(database.ownerUrl, SHARED_PHONES);
  await ask(database.ownerUrl, 'vacuum analyze contact');
  await ask(database.ownerUrl, 'vacuum analyze audit_event');
  await ask(database.ownerUrl, 'vacuum analyze contact_reference');
  await ask(database.ownerUrl, 'vacuum analyze shared_value');
  await untilFeedHasAll(database.ownerUrl);
  source = new ExplainingReads(new DatabaseAddress(database.url));
  source.open();
  ofBothReadings = new ContactsRepository(source, new SearchReadings());
  const readings = new SearchReadings();
  readings.isOlderAsked = false;
  readings.isOlderNameAsked = false;
  contacts = new ContactsRepository(source, readings);
  audit = new AuditRepository(source);
  histories = new HistoriesRepository(source);
  tellings = new TellingsRepository(source);
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
  emails: null,
  name: null,
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
    ['an email', { emails: ['User5003@example.com'] }],
    ['an email that nobody has', { emails: ['none@example.com'] }],
    ['an email of several forms', { emails: ['User5003@example.com', 'user5004@example.com'] }],
    ['an email of a merged one', { emails: ['user5051@example.com'], status: 'merged' }],
    ['an external_id of a merged one', { externalId: 'ext-5051', status: 'merged' }],
    ['a rare part of the name', { name: soughtName('a87ff679') }],
    ['a part of the name that nobody has', { name: soughtName('zzzzzz') }],
    ['a common part of the name', { name: soughtName('name') }],
    ['a common word, whose keys each are common too', { name: soughtName('andersson') }],
    ['a word that fewer have', { name: soughtName('name 1') }],
    ['the start of a word of the name, common', { name: soughtName('na') }],
    ['the start of a word of the name, rare', { name: soughtName('zo') }],
    ['the start of a word that no name has', { name: soughtName('qq') }],
    ['one character of Chinese', { name: soughtName('明') }],
    ['one character that no name has', { name: soughtName('蛇') }],
    ['letters beyond ASCII', { name: soughtName('жук') }],
    ['the common language', { language: 'EN_US' }],
    ['a rare language', { language: 'XX' }],
    ['a language that nobody speaks', { language: 'TLH' }],
  ])('of %s looks at few rows', async (_, filter) => {
    await expectGoodPlans(() => contacts.page(PROJECT, { ...ALL, ...filter }, '', 51, 1_000_000), 5_000);
    await expectGoodPlans(
      () => contacts.page(PROJECT, { ...ALL, ...filter }, id(30_000), 51, 1_000_000),
      5_000,
    );
  });
});

describe('a page of contacts by a name', () => {
  const page = async (name: string, after = '', size = 51): Promise<readonly string[]> =>
    contacts.matches(PROJECT, { ...ALL, name: soughtName(name) }, after, size);

  it.each([
    ['the next contacts have', 'name'],
    ['one of seventeen has', 'andersson'],
    // of a page of ten: neither the next contacts suffice, nor do few have it
    ['one of forty has', 'miller'],
    ['few have', 'жукова'],
    ['one of three hundred has', 'name 0a'],
  ])('that %s has the same contacts, page by page, as a reading of all', async (_, name) => {
    const all = await ask<{ id: string }>(
      database.ownerUrl,
      `select id from contact where project_id = $1 and gone is null and strpos(display_name, $2) > 0 order by id limit 200`,
      [PROJECT, name],
    );
    const found: string[] = [];
    for (const size of [100, 40, 10, 50]) found.push(...(await page(name, found.at(-1), size)));
    expect(found).toEqual(all.map(({ id: each }) => each));
  });

  it.each(['name', 'andersson'])('that is common is not sorted: %s', async (name) => {
    source.plans = [];
    await contacts.page(PROJECT, { ...ALL, name: soughtName(name) }, '', 51, 1_000_000);
    const sorts = source.plans.flatMap(nodesOf).filter((node) => node['Node Type'].includes('Sort'));
    const sorted = sorts.flatMap((node) => node.Plans ?? []).map((node) => node['Actual Rows'] ?? 0);
    // Postgres 15 sorts the contacts that were looked through first, five for each of the page
    expect(Math.max(0, ...sorted)).toBeLessThanOrEqual(5 * 51);
  });
});

describe('a page of contacts, while some are of the reading before,', () => {
  it.each<[string, Partial<ContactFilter>]>([
    ['an external_id', { externalId: ' ext-5001' }],
    ['an identity', { identity: { channel: 'sms', identity: '+15555003' } }],
    ['an email', { emails: ['User5003@example.com '] }],
    ['a part of the name', { name: soughtName('A87FF679') }],
    ['a common part of the name', { name: soughtName('name') }],
    ['a rare language', { language: 'xx' }],
  ])('of %s looks at few rows', (_, filter) =>
    expectGoodPlans(() => ofBothReadings.page(PROJECT, { ...ALL, ...filter }, '', 51, 1_000_000), 5_000),
  );
});

describe('contacts', () => {
  const ids = Array.from({ length: 200 }, (_, n) => id(n * 300 + 1));

  it('are found by id', () => expectGoodPlans(() => contacts.find(PROJECT, ids), 400));
  it('are found by id, as many as fit', () =>
    expectGoodPlans(() => contacts.findWithin(PROJECT, ids, 1_000_000), 400));
  it('are resolved', () => expectGoodPlans(() => contacts.reach(PROJECT, ids), 1_000));
  it('show whom they took over', () => expectGoodPlans(() => contacts.ancestors(PROJECT, ids), 1_000));
  it('give the metadata of those', () => expectGoodPlans(() => contacts.metadata(PROJECT, ids), 400));
  it('that were updated after they were merged or deleted are found', () =>
    expectGoodPlans(() => contacts.livingAfterGone('told', PROJECT, '', 51), 100));
  it('in the midst of merges are found among so many merged ones as are asked for, in the order of an index', async () => {
    for (const after of ['', id(30_000)]) {
      await expectGoodPlans(() => contacts.linksOfMergeChains(PROJECT, after, 100), 1_200);
      // Postgres 15 sorts the page that it has read in order
      const sorts = source.plans
        .flatMap(nodesOf)
        .filter((node) => node['Node Type'].includes('Sort') && (node['Actual Rows'] ?? 0) > 101);
      expect(sorts).toEqual([]);
    }
    await expectGoodPlans(() => contacts.linksOfMergeChains(PROJECT, '', 50_000), contactsCount / 40);
  });
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
    await expectGoodPlans(() => histories.surroundings(PROJECT, occurrences), 2_000);
    const ids = rows.map((row) => row.id);
    await expectGoodPlans(() => histories.surroundingsAsReceived(PROJECT, ids), 2_000);
    await expectGoodPlans(() => histories.surroundingsAsTold(PROJECT, ids), 2_000);
  });
  it('tells what outward events have beside', async () => {
    const merged = await audit.feed(PROJECT, { ...NO_FILTER, types: ['CONTACT_MERGE'] }, BEGINNING, 100);
    expect(merged.length).toBe(100);
    const asked = merged.map(({ id: eventId, related_contact_ids: [contactId = ''] }, row) => ({
      row,
      eventId,
      contactId,
    }));
    const [eventIds, contactIds] = [asked.map((each) => each.eventId), asked.map((each) => each.contactId)];
    await expectGoodPlans(() => histories.surroundingsAsTold(PROJECT, eventIds), 2_000);
    await expectGoodPlans(() => tellings.states(PROJECT, asked), 1_000);
    await expectGoodPlans(() => tellings.redirects(PROJECT, asked), 2_000);
    await expectGoodPlans(() => tellings.referenceChanges(PROJECT, contactIds), 1_000);
    await expectGoodPlans(() => tellings.lateOf(PROJECT, eventIds, some), 1_000);
  });
  it('tells whom a contact took over', () => expectGoodPlans(() => histories.losersOf(PROJECT, id(52)), 500));
  it('tells what contacts were', () =>
    expectGoodPlans(() => histories.snapshotsUntil(PROJECT, some, 60_000n), 100));
  it('shows a contact at an earlier time', () =>
    expectGoodPlans(() => histories.asOf(PROJECT, id(51), 1_000_000n), 500));
  it('finds actors by what they are called', () =>
    expectGoodPlans(() => audit.actors(PROJECT, 'somebody'), 100));
  it('finds an event', () => expectGoodPlans(() => audit.find(PROJECT, '5003'), 100));
  it('tells where the feed ends', () => expectGoodPlans(() => audit.latest(PROJECT), 100));
  it('finds the event of a place', async () => {
    const place = await audit.latest(PROJECT);
    await expectGoodPlans(() => audit.has(PROJECT, place), 100);
  });

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
    ['an actor', { actors: ['somebody'] }],
    ['two actors', { actors: ['somebody', 'nobody'] }],
    ['an actor whom nobody knows', { actors: [] }],
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

  it('are found, with the events that report them', async () => {
    const rows = await merges.page(PROJECT, NO_MERGE_FILTER, null, 200);
    expect(rows.length).toBe(200);
    const pairs = rows.map((row) => ({ loserId: row.loser_id, survivorId: row.survivor_id }));
    await expectGoodPlans(() => merges.find(PROJECT, pairs), 400);
    await expectGoodPlans(() => merges.payloads(PROJECT, rows), 1_000);
    await expectGoodPlans(() => merges.loserPayloads(PROJECT, rows), 1_000);
  });

  it('into several survivors are found among so many merges as are asked for', async () => {
    for (const after of ['', id(30_000)])
      await expectGoodPlans(() => merges.mergedTwice(PROJECT, after, 51, 100), 100);
    await expectGoodPlans(() => merges.mergedTwice(PROJECT, '', 51, 50_000), contactsCount / 20);
  });
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
    await expectGoodPlans(() => contacts.findWithin(PROJECT, ids, 1_000_000), 2_000);
    const found = await contacts.findWithin(PROJECT, ids, 1_000_000);
    expect(found.filter(({ open_duplicates: sets }) => sets.length === 1)).toHaveLength(1_000);
  });
  it('the sets that are to be merged by rule are found in the queue', async () => {
    const sets = new SetsRepository(source);
    await expectGoodPlans(() => sets.due(PROJECT, new Date(), 3, null, 100), 500);
    await ask(database.ownerUrl, 'analyze duplicate_set');
    await expectGoodPlans(() => sets.due(PROJECT, new Date(), 3, null, 100), 500);
  });
  it('the sets are counted without reading them', async () => {
    const sets = new SetsRepository(source);
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    for (const which of ['opened', 'closed', 'open', 'unknown-members'] as const)
      for (const since of [null, tomorrow])
        await expectGoodPlans(() => sets.tally(PROJECT, which, since), 20);
    await expectGoodPlans(() => sets.countOpen(PROJECT), 20);
    expect(await sets.countOpen(PROJECT)).toBe(contactsCount / 4);
  });
  it('the numbers that several contacts have are paged through, however many have one of them', async () => {
    const evidence = new EvidenceRepository(source);
    for (const after of ['', 'ff']) await expectGoodPlans(() => evidence.phones(PROJECT, after, 51), 51);
    const digests = (await evidence.phones(PROJECT, '', 51)).map(({ digest }) => digest);
    expect(digests).toHaveLength(51);
    expect(digests).toEqual([...new Set(digests)].sort());
    expect((await evidence.phones(PROJECT, digests[24] ?? '', 26)).map(({ digest }) => digest)).toEqual(
      digests.slice(25),
    );
  });
  it('reports and dismissals are found by the contacts that they name', async () => {
    const evidence = new EvidenceRepository(source);
    await expectGoodPlans(() => evidence.reportsOf(PROJECT, ids), 2_000);
    await expectGoodPlans(() => new DismissalsRepository(source).contactsOf(PROJECT, ids), 2_000);
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

describe('a contact with 50,000 events', () => {
  const MANY = 'many';
  const versionOf = (n: number): string => String(10_000_000 + n);
  beforeAll(async () => {
    await ask(
      database.ownerUrl,
      `insert into audit_event (era, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break, received_at,
                                source, fingerprint, payload)
       select 2, 'p', case when i = 1 then 'CONTACT_CREATE' else 'CONTACT_UPDATE' end, 'many', '{}', 'epoch', 10000000 + i, '\\x03', now(),
              'webhook', sha256(('many ' || i)::bytea), '{}'
       from generate_series(1, 50000) i`,
    );
    await ask(database.ownerUrl, 'vacuum analyze audit_event');
  });

  it.each([
    ['newest', null],
    ['middle', 25_000],
    ['oldest', 52],
  ])('has a page of its history at the same cost at any depth: the %s events', async (_, before) => {
    const place = before === null ? null : ([versionOf(before), '03'] as const);
    await expectGoodPlans(() => histories.history(PROJECT, [MANY], place, 51), 200);
    const rows = await histories.history(PROJECT, [MANY], place, 51);
    expect(rows).toHaveLength(51);
    const occurrences = rows.map((row) => ({ id: row.id, contactId: MANY }));
    // of each event the 200 that are newer next
    await expectGoodPlans(() => histories.surroundings(PROJECT, occurrences), 51 * 200);
  });

  it('has a page of the feed at the same cost at any depth', async () => {
    const [first] = await ask<{ tx: string }>(
      database.ownerUrl,
      `select tx from audit_event where contact_id = 'many' limit 1`,
    );
    const [least] = await ask<{ id: string }>(
      database.ownerUrl,
      `select min(id) as id from audit_event where contact_id = 'many'`,
    );
    const types = ['CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_DELETE', 'CONTACT_MERGE', 'contact.absent'];
    for (const passed of [0, 25_000, 49_900]) {
      const place = ['2', first?.tx ?? '', String(Number(least?.id) + passed)] as const;
      await expectGoodPlans(() => audit.feed(PROJECT, { ...NO_FILTER, types }, place, 51), 200);
      const rows = await audit.feed(PROJECT, { ...NO_FILTER, types }, place, 51);
      const ids = rows.map((row) => row.id);
      await expectGoodPlans(() => histories.surroundingsAsReceived(PROJECT, ids), 51 * 200);
    }
  });

  it('tells the feed from the beginning without sorting the journal or reading all that follows', async () => {
    const types = ['CONTACT_CREATE', 'CONTACT_UPDATE', 'CONTACT_DELETE', 'CONTACT_MERGE', 'contact.absent'];
    await expectGoodPlans(() => audit.feed(PROJECT, { ...NO_FILTER, types }, BEGINNING, 100), 500);
    const nodes = source.plans.flatMap(nodesOf);
    expect(nodes.filter((node) => node['Node Type'].startsWith('Gather'))).toEqual([]);
    const sorts = nodes.filter((node) => node['Node Type'].includes('Sort'));
    const sortedTables = sorts.flatMap((node) => node.Plans?.map((each) => each['Relation Name']) ?? []);
    expect(sortedTables).not.toContain('audit_event');
  });
});

it('settles a batch by its arbiters, in key order', async () => {
  const session = await openSession(database.url);
  const run = jest.spyOn(session, 'run');
  const events = Array.from({ length: 500 }, (_, n) => event(PROJECT, { update: contact(id(n)) }, n));
  await commitBatch(session, await batchOf(await claimEra(session), events));
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

describe('the views for SQL', () => {
  const reports = `reports_${randomBytes(6).toString('hex')}`;
  const [, survivors = ''] =
    /\*\*Merges of the last[^]*?```sql\n([^]*?);\n```/.exec(readFileSync('docs/sql.md', 'utf8')) ?? [];

  beforeAll(async () => {
    const views = 'mirror.contacts, mirror.identities, mirror.events, mirror.merges, mirror.duplicates';
    await ask(
      database.ownerUrl,
      `create role ${reports}; grant usage on schema mirror to ${reports}; grant select on ${views} to ${reports};
       insert into mirror.bi_grants values ('${reports}', '${PROJECT}')`,
    );
  });
  afterAll(() => ask(database.ownerUrl, `drop owned by ${reports}; drop role ${reports}`));

  const ofOne = `project_id = '${PROJECT}' and`;
  // the journal of this test has an event received each second, and a thousand accepted in each microsecond
  const received = `received_at >= '2024-06-15T10:00:00Z' and received_at < '2024-06-15T10:02:00Z'`;
  const accepted = `accepted_at >= timestamptz 'epoch' + interval '20 microseconds' and accepted_at < timestamptz 'epoch' + interval '21 microseconds'`;
  it.each([
    ['a contact by project and id', `select * from mirror.contacts where ${ofOne} id = '${id(5003)}'`, 1_000],
    ['a contact by its id', `select * from mirror.contacts where id = '${id(5003)}'`, 1_000],
    [
      'several contacts',
      `select * from mirror.contacts where ${ofOne} id in ('${id(5003)}', '${id(5004)}')`,
      1_000,
    ],
    ['the identities of a contact', `select from mirror.identities where contact_id = '${id(5003)}'`, 1_000],
    [
      'the events of a contact',
      `select * from mirror.events where ${ofOne} contact_id = '${id(5003)}'`,
      1_000,
    ],
    ['an event', 'select * from mirror.events where id = 77', 1_000],
    ['events by the time of their receipt', `select * from mirror.events where ${received}`, 15_000],
    ['the same of one project', `select * from mirror.events where ${ofOne} ${received}`, 15_000],
    ['events by the time of their acceptance', `select * from mirror.events where ${accepted}`, 15_000],
    [
      'merges',
      `select * from mirror.merges where ${accepted.replaceAll('accepted_at', 'merged_at')}`,
      15_000,
    ],
    [
      'the survivors of merges',
      survivors
        .replaceAll('my-project', PROJECT)
        .replace(/m\.merged_at >= .*/, accepted.replaceAll('accepted_at', 'm.merged_at')),
      15_000,
    ],
    ['a set of duplicates', `select * from mirror.duplicates where ${ofOne} id = 7`, 1_000],
  ])('read %s by an index', async (_what, query, rowsMax) => {
    const session = await connect(database.ownerUrl);
    await session.query(`set role ${reports}`);
    const { rows } = await session.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `explain (analyze, timing off, format json) ${query}`,
    );
    await session.end();
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    if (plan === undefined) throw new Error('There is no plan.');
    expect(faultsOf(plan, rowsMax)).toEqual([]);
    expect(plan['Node Type']).not.toBe('Result');
  });
});
