import fc from 'fast-check';
import { ContactsRepository } from '../../src/contacts/contacts.repository';
import type { AnomalyObject } from '../../src/contacts/merges/anomalies.dto';
import { AnomaliesService, type AnomalyPlace } from '../../src/contacts/merges/anomalies.service';
import { MergesRepository } from '../../src/contacts/merges/merges.repository';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { runs } from '../support/runs';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, openReads } from '../support/postgres/connections';

jest.setTimeout(120_000);

const contactsCount = 12;

let database: TestDatabase;
let reads: ProjectReads;
let anomalies: AnomaliesService;

beforeAll(async () => {
  database = await createDatabase();
  await ask(database.ownerUrl, 'insert into journal_era values (1, 1, 1)');
  reads = openReads(database.url);
  anomalies = new AnomaliesService(new ContactsRepository(reads), new MergesRepository(reads));
});
afterAll(async () => {
  await reads.onApplicationShutdown();
  await database.drop();
});

/** Merges of contact `loser` into `survivor`; the first one of a loser is believed. */
const someMerges = fc.array(
  fc
    .tuple(fc.nat(contactsCount - 1), fc.nat(contactsCount - 1))
    .filter(([loser, survivor]) => loser !== survivor),
  { minLength: 4, maxLength: 30 },
);

const MERGES = `
with told as (
  select n, 'c' || lpad(loser::text, 2, '0') as loser, 'c' || lpad(survivor::text, 2, '0') as survivor
  from unnest($2::int[], $3::int[]) with ordinality as t (loser, survivor, n)
),
events as (
  insert into audit_event (era, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break, received_at,
                           source, fingerprint, payload)
  select 1, $1, 'CONTACT_MERGE', survivor, array[loser], 'epoch', n, '\\x05', now(), 'webhook', sha256(n::text::bytea), '{}' from told
)
insert into contact (project_id, id, version, tie_break, snapshot, identity_keys, gone, survivor_id, gone_version, gone_tie_break)
select distinct on (loser) $1, loser, 0, '\\x03'::bytea, '{}'::json, '{}'::text[], 'merged', survivor, n, '\\x05'::bytea
from told order by loser, n`;

/** All pages, each of so many anomalies and after so many merges at most. */
async function pagesOf(
  project: string,
  size: number,
  countMax?: number,
): Promise<readonly (readonly AnomalyObject[])[]> {
  const pages: (readonly AnomalyObject[])[] = [];
  let after: AnomalyPlace | null = null;
  do {
    const page: Awaited<ReturnType<AnomaliesService['page']>> = await anomalies.page(
      project,
      null,
      after,
      size,
      countMax,
    );
    pages.push(page.anomalies);
    after = page.next;
  } while (after !== null);
  return pages;
}

it('finds the same anomalies in the same order, however few merges are looked at for a page', async () => {
  const seen = { 'merge-cycle': 0, 'merged-twice': 0, emptyPages: 0 };
  let run = 0;
  await fc.assert(
    fc.asyncProperty(someMerges, fc.integer({ min: 1, max: 4 }), async (told, size) => {
      const project = `run-${run++}`;
      await ask(database.ownerUrl, MERGES, [
        project,
        told.map(([loser]) => loser),
        told.map(([, survivor]) => survivor),
      ]);
      const all = await anomalies.page(project, null, null, 100);
      expect(all.next).toBeNull();
      for (const { kind } of all.anomalies)
        if (kind === 'merge-cycle' || kind === 'merged-twice') seen[kind] += 1;
      for (const countMax of [undefined, contactsCount, 5]) {
        const pages = await pagesOf(project, size, countMax);
        expect(pages.flat()).toEqual(all.anomalies);
        expect(pages.every((page) => page.length <= size)).toBe(true);
        seen.emptyPages += pages.filter((page) => page.length === 0).length;
      }
    }),
    { numRuns: runs(40) },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});
