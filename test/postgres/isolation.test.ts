import type { DataSource } from 'typeorm';
import { AuditRepository, BEGINNING, NO_FILTER } from '../../src/audit/audit.repository';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import { MergesRepository } from '../../src/contacts/merges/merges.repository';
import { ContactsRepository, type ContactFilter } from '../../src/contacts/contacts.repository';
import { ReferencesRepository } from '../../src/references/references.repository';
import { DatabaseAddress } from '../../src/database/database-address';
import { requireProjectsApart } from '../../src/database/reads/project-protection';
import { ProjectReads } from '../../src/database/reads/project-reads';
import { DismissalsRepository } from '../../src/matching/dismissals.repository';
import { EvidenceRepository } from '../../src/matching/evidence.repository';
import { ScansRepository } from '../../src/duplicates/scans.repository';
import { SetsRepository } from '../../src/matching/sets.repository';
import { SubscriptionsRepository } from '../../src/outward/subscriptions.repository';
import { CountsRepository } from '../../src/stats/counts.repository';
import { SyncRunsRepository } from '../../src/sync/sync-runs.repository';
import { contact } from '../support/sinch/callbacks';
import {
  createDatabase,
  needed,
  READER_ROLE,
  SERVICE_ROLE,
  type TestDatabase,
} from '../support/server/database';
import { ask, openPool, openQueue, openReads, untilFeedHasAll } from '../support/postgres/connections';
import { until } from '../support/until';
import { event } from '../support/postgres/events';

const [OURS, THEIRS] = ['ours', 'theirs'] as const;
const TABLES = [
  'acquisition_day',
  'audit_event',
  'contact',
  'contact_reference',
  'counted_contact',
  'dead_delivery',
  'delivery_attempt',
  'domain_event',
  'duplicate_count',
  'duplicate_dismissal',
  'duplicate_report',
  'duplicate_scan',
  'duplicate_set',
  'parked_delivery',
  'parked_event',
  'project_count',
  'sent_once',
  'shared_value',
  'subscription',
  'subscription_event',
  'subscription_progress',
  'subscription_run',
  'sync_run',
];
/** With secrets: of these the reader sees the view alone. */
const VIEWS_ONLY = ['subscription'];

/** The service with the mistake that this is about: its statements ask for every project. */
class ReadsWithoutFilter extends ProjectReads {
  statements = 0;

  protected override read(
    projectId: string,
    text: string,
    values: readonly unknown[],
    how: 'planned' | 'prepared',
  ): Promise<unknown> {
    const unfiltered = text.replaceAll(
      /(?:\w+\.)?project_id = (?:\$1|\w+\.project_id)/g,
      '$1::text is not null',
    );
    expect(unfiltered).not.toContain('project_id =');
    expect(unfiltered).not.toBe(text);
    this.statements++;
    return super.read(projectId, unfiltered, values, how);
  }
}

let database: TestDatabase;
let pool: DataSource;
let reads: ProjectReads;
let careless: ReadsWithoutFilter;

beforeAll(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  reads = openReads(database.url);
  careless = new ReadsWithoutFilter(new DatabaseAddress(database.url));
  careless.open();
  const queue = await openQueue(database.url);
  for (const project of [THEIRS, OURS]) {
    const says = (id: string): Record<string, unknown> =>
      contact(id, { email: 'a@example.com', display_name: project });
    for (const [at, id] of ['A', 'B', 'C'].entries())
      await queue.commit(event(project, { create: says(id) }, at));
    await queue.commit(event(project, { merge: { survivor: says('A'), loser: says('B') } }, 5));
  }
  await queue.close();
  await ask(
    database.ownerUrl,
    `with project (id) as (values ('ours'), ('theirs')),
     r as (insert into contact_reference (project_id, system, external_id, contact_id, created_by) select id, 'crm', '1', 'A', id from project),
     v as (insert into shared_value select id, '\\x01', c, 'phone', id from project, unnest(array['A', 'C']) c),
     d as (insert into duplicate_report values ('ours', '\\x01', null, null, '{A,C}', 1, now(), now()),
                                               ('theirs', '\\x02', null, null, '{A,C}', 1, now(), now())),
     x as (insert into duplicate_dismissal select id, '\\x01', '{A,C}', now(), id from project),
     c as (insert into counted_contact select id, 'A', 'active', '', '{}', 60000000000, '\\x01', 'SMS', id, '' from project),
     k as (insert into parked_event (follower, event_id, project_id, reason, tries) select 'f ' || id, 1, id, 'x', 3 from project),
     p as (insert into project_count select id, 'status', 'active', 3 from project),
     q as (insert into acquisition_day select id, 'app_id', 0, id, array_fill(2, array[96]) from project),
     y as (insert into sync_run (project_id, mode, requested_by, confirmed) select id, 'backfill', id, false from project),
     s as (insert into duplicate_scan (project_id, requested_at, requested_by) select id, now(), id from project),
     s1 as (insert into subscription (project_id, id, name, purpose, filter, destination, credentials, signing_keys, schema_version, mode, concurrency, log, state)
            select id, 's', id, 'trigger', '{}', '{}', '\\x01', '[{"id": "k", "sealed": "secret"}]', '1', 'full', 1, 'all', 'active' from project),
     s2 as (insert into subscription_progress (project_id, subscription_id, era, tx, id, domain_era, domain_tx, domain_id, breaker, figures)
            select id, 's', 0, '0', 0, 0, '0', 0, '{}', '{}' from project),
     s3 as (insert into subscription_event (project_id, subscription_id, actor, action, details, filter, purpose, era, tx, id, domain_era, domain_tx, domain_id)
            select id, 's', id, 'created', '{}', '{}', 'trigger', 0, '0', 0, 0, '0', 0 from project),
     s4 as (insert into subscription_run (project_id, subscription_id, kind, request, requested_by, state) select id, 's', 'snapshot', '{}', id, 'running' from project),
     s5 as (insert into parked_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, message_faults, stood_still_ms, reason)
            select id, 's', 'e', 't', id, 'journal', 0, '0', 0, 0, '{}', 0, 0, 0, 'timeout' from project),
     s6 as (insert into dead_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, reason)
            select id, 's', 'e', 't', id, 'journal', 0, '0', 0, 0, '{}', 0, 'timeout' from project),
     s7 as (insert into delivery_attempt (project_id, subscription_id, event_id, type, subject, at, outcome, duration_ms)
            select id, 's', 'e', 't', id, now(), 'failed', 1 from project),
     s8 as (insert into sent_once select id, 's', 'A' from project),
     s9 as (insert into domain_event (era, project_id, type, subject, keys, data) select 1, id, 'anomaly.found', id, '{}', '{}' from project)
     insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, first_seen_at, last_seen_at)
     select id, 'open', '{A,C}', 2, '{email}', '{}', 0, now(), now() from project`,
  );
  await untilFeedHasAll(database.ownerUrl);
});
afterAll(async () => {
  await reads.onApplicationShutdown();
  await careless.onApplicationShutdown();
  await pool.destroy();
  await database.drop();
});

const projectsSeen = async (projectId: string, table: string): Promise<unknown> =>
  reads.of(projectId).query(`select distinct project_id from ${table} order by 1`);

it.each(TABLES.flatMap((table) => [table, ...(VIEWS_ONLY.includes(table) ? [] : [`public.${table}`])]))(
  'shows the rows of one project, whatever is asked of %s',
  async (table) => {
    const all = await ask(
      database.ownerUrl,
      `select distinct project_id from public.${table.replace('public.', '')}`,
    );
    expect(all).toHaveLength(2);
    expect(await projectsSeen(OURS, table)).toEqual([{ project_id: OURS }]);
    expect(await projectsSeen(THEIRS, table)).toEqual([{ project_id: THEIRS }]);
    for (const nobody of ['', 'unknown', `ours' or 'a' = 'a`, `\\' or true --`, `'; commit; --`])
      expect(await projectsSeen(nobody, table)).toEqual([]);
  },
);

it.each(VIEWS_ONLY)('shows the secrets in %s to no reader', async (table) => {
  await expect(reads.of(OURS).query(`select project_id from public.${table}`)).rejects.toMatchObject({
    code: '42501',
  });
  const [row] = (await reads.of(OURS).query(`select to_jsonb(s)::text as row from ${table} s`)) as {
    row: string;
  }[];
  expect(row?.row).toContain('"keys"');
  expect(row?.row).not.toMatch(/sealed|secret|\\x01/);
});

it('shows nothing to a session that names no project', async () => {
  const url = new URL(database.ownerUrl);
  url.searchParams.set('options', `-c role=${needed(READER_ROLE)} -c search_path=one_project,public`);
  const [row] = await ask(
    url.href.replaceAll('+', '%20'),
    'select current_user::text as role, (select count(*) from contact)::int as rows, (select count(*) from public.contact)::int as of_table',
  );
  expect(row).toEqual({ role: needed(READER_ROLE), rows: 0, of_table: 0 });
});

const EVERYBODY: ContactFilter = {
  status: 'all',
  externalId: null,
  identity: { channel: 'SMS', identity: '15551234567' },
  phones: null,
  emails: ['a@example.com'],
  name: null,
  language: null,
};
const DAY_NS = 86_400_000_000_000n;
const ALL = { contactId: null, survivorId: null, loserId: null, source: null, after: null, before: null };
const SETS = { status: 'open', reason: null, channel: null, contactId: 'A', sizeMin: null } as const;

/** What REST reads of a project. */
const READS: Readonly<Record<string, (from: ProjectReads) => Promise<unknown>>> = {
  'a page of contacts': (from) => new ContactsRepository(from).page(OURS, EVERYBODY, '', 50, 1_000_000),
  contacts: (from) => new ContactsRepository(from).find(OURS, ['A', 'B', 'C']),
  'where contacts went': async (from) => [...(await new ContactsRepository(from).reach(OURS, ['A', 'B']))],
  'merged ids': async (from) => [...(await new ContactsRepository(from).ancestors(OURS, ['A']))],
  metadata: (from) => new ContactsRepository(from).metadata(OURS, ['A', 'B']),
  'a page of events': (from) => new AuditRepository(from).page(OURS, NO_FILTER, null, 50),
  'the feed': (from) => new AuditRepository(from).feed(OURS, NO_FILTER, BEGINNING, 50),
  'a history': (from) => new HistoriesRepository(from).history(OURS, ['A', 'B'], null, 50),
  losers: (from) => new HistoriesRepository(from).losersOf(OURS, 'A'),
  'what was told': (from) => new HistoriesRepository(from).snapshotsUntil(OURS, ['A'], 1n << 62n),
  'a contact as it was': async (from) => {
    const { gone, newest } = await new HistoriesRepository(from).asOf(OURS, 'A', 1n << 62n);
    return [gone, newest].filter((event) => event !== null);
  },
  'first versions': async (from) => [
    ...(await new HistoriesRepository(from).firstVersions(OURS, ['A', 'B'])),
  ],
  merges: (from) => new MergesRepository(from).page(OURS, ALL, null, 50),
  'a merge': (from) => new MergesRepository(from).find(OURS, [{ loserId: 'B', survivorId: 'A' }]),
  'a reference': (from) => new ReferencesRepository(from).find(OURS, { system: 'crm', externalId: '1' }),
  references: (from) => new ReferencesRepository(from).page(OURS, null, ['', ''], 50),
  'references of a contact': (from) => new ReferencesRepository(from).ofContact(OURS, 'A', ['', ''], 50),
  'sets of duplicates': (from) => new SetsRepository(from).page(OURS, SETS, null, 50),
  'sets due to be merged by rule': (from) => new SetsRepository(from).due(OURS, new Date(), 3, null, 50),
  dismissals: async (from) => [...(await new DismissalsRepository(from).contactsOf(OURS, ['A']))],
  tallies: (from) => new SetsRepository(from).tally(OURS, 'open', null),
  counts: (from) => new CountsRepository(from).find(OURS),
  acquisitions: (from) => new CountsRepository(from).acquired(OURS, 'app_id', 120_000_000_000n, DAY_NS, [0n]),
  'contacts, as many as fit': (from) =>
    new ContactsRepository(from).findWithin(OURS, ['A', 'B', 'C'], 1_000_000),
  'where the feed ends': async (from) => {
    const place = await new AuditRepository(from).latest(OURS);
    return place[2] === '0' ? [] : [place];
  },
  'runs of the sync': (from) => new SyncRunsRepository(pool, from).page(OURS, null, 50),
  'open sets, counted': (from) => new SetsRepository(from).countOpen(OURS),
  'shared values': (from) => new EvidenceRepository(from).valuesOf(OURS, ['A', 'C']),
  reports: (from) => new EvidenceRepository(from).reportsOf(OURS, ['A']),
  subscriptions: (from) => new SubscriptionsRepository(pool, from).page(OURS, null, 50),
  'more subscriptions': (from) => new SubscriptionsRepository(pool, from).page(OURS, 'a', 50),
  'a subscription': (from) => new SubscriptionsRepository(pool, from).show(OURS, 's'),
  'changes of a subscription': (from) => new SubscriptionsRepository(pool, from).events(OURS, 's', null, 50),
  'events ahead of a subscription': (from) => new SubscriptionsRepository(pool, from).countAhead(OURS, 's'),
};

it.each(Object.keys(READS))(
  'reads %s of one project also where the statement forgets to ask for it',
  async (name) => {
    careless.statements = 0;
    const read = READS[name];
    if (read === undefined) throw new Error(`${name} is not there`);
    const found = await read(reads);
    expect(found).not.toEqual([]);
    expect(await read(careless)).toEqual(found);
    expect(careless.statements).toBeGreaterThan(0);
  },
);

it('reads nothing of an event of another project by its id', async () => {
  const events = await ask<{ id: string }>(
    database.ownerUrl,
    `select id from audit_event where project_id = 'theirs'`,
  );
  for (const { id } of events) {
    expect(await new AuditRepository(careless).find(OURS, id)).toBeNull();
    expect(await new AuditRepository(careless).find(THEIRS, id)).not.toBeNull();
  }
});

it('reads by a role that may do nothing else, and owns nothing', async () => {
  const [may] = await ask(
    database.ownerUrl,
    `select array(select relname::text from pg_class where relkind in ('r', 'v') and relnamespace in ('public'::regnamespace, 'one_project'::regnamespace)
                  and has_table_privilege('${needed(READER_ROLE)}', oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')) as write,
            array(select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
                  and has_table_privilege('${needed(READER_ROLE)}', oid, 'SELECT') order by 1) as read,
            exists (select from pg_class where relowner = any (array(select oid from pg_roles where rolname in ('${needed(READER_ROLE)}', '${needed(SERVICE_ROLE)}')))) as owns,
            (select rolsuper or rolbypassrls from pg_roles where rolname = '${needed(READER_ROLE)}') as is_above`,
  );
  const read = [...TABLES, 'journal_era'].filter((table) => !VIEWS_ONLY.includes(table)).sort();
  expect(may).toEqual({ write: [], read, owns: false, is_above: false });
});

it('gives a connection back after a statement that fails, with no project left on it', async () => {
  for (let n = 0; n < 30; n++)
    await expect(reads.of(OURS).query('select 1 / 0')).rejects.toMatchObject({ code: '22012' });
  expect(await projectsSeen(THEIRS, 'contact')).toEqual([{ project_id: THEIRS }]);
  await expect(reads.of(OURS).query('delete from contact')).rejects.toMatchObject({ code: '42501' });
});

it('rejects a read whose connection breaks, and reads on by another', async () => {
  const broken = reads.of(OURS).query('select pg_sleep(30)');
  const isRejected = expect(broken).rejects.toThrow();
  await until(async () => {
    const ended = await ask(
      database.ownerUrl,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(30)' and pid <> pg_backend_pid()`,
    );
    return ended.length > 0;
  });
  await isRejected;
  expect(await projectsSeen(OURS, 'contact')).toEqual([{ project_id: OURS }]);
});

it('reads as the reader whatever role, search path or project a connection has come to', async () => {
  const one = openReads(database.url);
  for (const table of ['contact', 'public.contact']) {
    // for the session, beyond the transaction; the next statement has the same connection
    await one
      .of(OURS)
      .query(
        `select set_config('role', 'none', false), set_config('search_path', 'public', false), set_config('mirror.project_id', 'theirs', false)`,
      );
    const seen = await one
      .of(OURS)
      .query(
        `select current_user::text as role, 'contact'::regclass = 'one_project.contact'::regclass as is_view, array(select distinct project_id from ${table}) as projects`,
      );
    expect(seen).toEqual([{ role: needed(READER_ROLE), is_view: true, projects: [OURS] }]);
  }
  await one.onApplicationShutdown();
});

it('takes an id for an id, whatever it is made of', async () => {
  for (const id of [`o'r`, `\\`, `\\'; --`, `"$1"`, 'a\nb', 'ü€😀', `E'\\x27'`]) {
    const found = await reads.of(id).query(`select current_setting('mirror.project_id') as id`);
    expect(found).toEqual([{ id }]);
  }
});

it('keeps the project of each of many that read at once', async () => {
  const seen = await Promise.all(
    Array.from({ length: 200 }, (_, n) => projectsSeen(n % 2 === 0 ? OURS : THEIRS, 'contact')),
  );
  expect(seen).toEqual(Array.from(seen, (_, n) => [{ project_id: n % 2 === 0 ? OURS : THEIRS }]));
});

it('still writes and follows every project as the service', async () => {
  expect(await pool.query('select distinct project_id from contact order by 1')).toHaveLength(2);
  await new ScansRepository(pool, reads).request('new', 'somebody');
  expect(await new ScansRepository(pool, reads).find('new')).toMatchObject({ project_id: 'new' });
});

it('refuses the start where REST would read as another role than the reader', async () => {
  await expect(requireProjectsApart(reads, 'mirror_reader_00000000')).rejects.toThrow(
    `REST would read as the role ${needed(READER_ROLE)} instead of mirror_reader_00000000`,
  );
});

it('refuses the start where Postgres would not hold projects apart', async () => {
  await requireProjectsApart(reads, needed(READER_ROLE));
  await ask(database.ownerUrl, 'alter table contact disable row level security');
  await expect(requireProjectsApart(reads, needed(READER_ROLE))).rejects.toThrow(
    `The role ${needed(READER_ROLE)} could read several projects at once: contact`,
  );
  await ask(database.ownerUrl, 'alter table contact enable row level security');
});
