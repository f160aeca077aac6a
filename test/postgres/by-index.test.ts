import type { DataSource } from 'typeorm';
import { ContactsRepository } from '../../src/contacts/contacts.repository';
import { ContactValuesRepository } from '../../src/matching/contact-values.repository';
import { SearchReadings } from '../../src/contacts/search-readings';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import type { Queryable } from '../../src/database/queryable';
import { DismissalsRepository } from '../../src/matching/dismissals.repository';
import { EvidenceRepository } from '../../src/matching/evidence.repository';
import { ConnectedEvidenceService } from '../../src/matching/connected-evidence.service';
import { LocksRepository } from '../../src/followers/locks.repository';
import { SetsRepository } from '../../src/matching/sets.repository';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, openPool, openReads } from '../support/postgres/connections';

const contactsCount = 20;
const identitiesOfEach = 100;

/** Few rows, each with long arrays: too few for Postgres to choose an index by itself. */
const SEED = `
insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
select 'p', 'c' || n, 1, '\\x03', '{}',
       (select array_agg('tel:' || n * ${identitiesOfEach} + at) from generate_series(1, ${identitiesOfEach}) at)
from generate_series(1, ${contactsCount}) n;
insert into duplicate_dismissal (project_id, fingerprint, contact_ids, dismissed_at, dismissed_by)
select 'p', sha256(n::text::bytea), ids, now(), 'somebody' from generate_series(1, 3) n, ids;
insert into duplicate_report (project_id, digest, contact_ids, report_count, first_seen_at, last_seen_at)
select 'p', sha256(n::text::bytea), ids, 1, now(), now() from generate_series(1, 3) n, ids;
insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, first_seen_at, last_seen_at)
select 'p', 'open', ids, ${contactsCount}, '{reported}', '{}', 1, now(), now() from ids;
analyze`.replaceAll(
  /from (.*)ids;/g,
  `from $1(select array_agg('c' || i) as ids from generate_series(1, ${contactsCount}) i) ids;`,
);

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Filter?: string;
  readonly 'Actual Loops'?: number;
  readonly Plans?: readonly Plan[];
}

/** A sequential scan that compares the arrays of all rows. */
const isComparison = (node: Plan): boolean =>
  node['Node Type'] === 'Seq Scan' && node.Filter?.includes('@>') === true;

const nodesOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

let database: TestDatabase;
let pool: DataSource;
let reads: ProjectReads;

beforeAll(async () => {
  database = await createDatabase();
  await ask(database.ownerUrl, SEED);
  pool = await openPool(database.url);
  reads = openReads(database.url);
});
afterAll(async () => {
  await pool.destroy();
  await reads.onApplicationShutdown();
  await database.drop();
});

/** Runs work as a follower does. @returns the tables whose arrays one of its statements compared from end to end more than once */
async function readAgainAndAgain(work: (session: Queryable) => Promise<unknown>): Promise<readonly string[]> {
  const tables: string[] = [];
  await new LocksRepository(pool).exclusively('test', true, async (session) => {
    await work({
      query: async (text, values) => {
        if (/^\s*(select|with)\b/.test(text)) {
          const explained = await session.query(`explain (analyze, timing off, format json) ${text}`, values);
          const [{ 'QUERY PLAN': [{ Plan: plan }] }] = explained as [{ 'QUERY PLAN': [{ Plan: Plan }] }]; // prettier-ignore
          for (const node of nodesOf(plan))
            if (isComparison(node) && (node['Actual Loops'] ?? 0) > 1)
              tables.push(node['Relation Name'] ?? '');
        }
        return session.query(text, values);
      },
    });
  });
  return tables;
}

describe('a table of few rows with long arrays is not read from end to end for each item', () => {
  it('when the holders of many identities are looked up', async () => {
    const identityKeys = Array.from(
      { length: identitiesOfEach },
      (_, n) => `tel:${identitiesOfEach + n + 1}`,
    );
    const sought = { identityKeys, emails: [], externalIds: [] };
    const found: string[] = [];
    const tables = await readAgainAndAgain(async (session) => {
      found.push(...(await new ContactValuesRepository(reads).holders(session, 'p', sought, 200)));
    });
    expect(tables).toEqual([]);
    expect(found).toEqual(['c1']);
  });

  it('when evidence is followed from contact to contact', async () => {
    const contacts = new ContactsRepository(reads, new SearchReadings());
    const neighbourhood = new ConnectedEvidenceService(
      contacts,
      new EvidenceRepository(reads),
      new DismissalsRepository(reads),
      new SetsRepository(reads),
    );
    let groupsCount = 0;
    const tables = await readAgainAndAgain(async (session) => {
      const { value } = await neighbourhood.find(session, 'p', ['c1']).next();
      groupsCount = value?.groups.length ?? 0;
      expect([value?.dismissals.length, value?.sets.length]).toEqual([3, 1]);
    });
    expect(tables).toEqual([]);
    expect(groupsCount).toBe(3);
  });
});

it('leaves the settings of the connection unchanged', async () => {
  await readAgainAndAgain(() => Promise.resolve());
  expect(await pool.query('show enable_seqscan')).toEqual([{ enable_seqscan: 'on' }]);
});
