import fc from 'fast-check';
import { DataSource } from 'typeorm';
import { DuplicateCounts1765000000000 } from '../../migrations/1765000000000-duplicate-counts';
import { ownerOptions } from '../../src/database/data-source';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { SET_STATUSES, SetsRepository } from '../../src/matching/sets.repository';
import { runs } from '../support/runs';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, openReads } from '../support/postgres/connections';

jest.setTimeout(120_000);

const PROJECTS = ['ours', 'theirs'] as const;
const TALLIES = ['opened', 'closed', 'open', 'unknown-members'] as const;
/** Into how many parts sets are split by their ids, of which one is changed or deleted at once. */
const partsCount = 3;

let database: TestDatabase;
let reads: ProjectReads;
let sets: SetsRepository;

beforeAll(async () => {
  database = await createDatabase();
  reads = openReads(database.url);
  sets = new SetsRepository(reads);
});
afterAll(async () => {
  await reads.onApplicationShutdown();
  await database.drop();
});

/** What the test is about of a set; hours are before now. */
const aSet = fc.record({
  project: fc.constantFrom(...PROJECTS),
  status: fc.constantFrom(...SET_STATUSES),
  reasons: fc.subarray(['email', 'phone', 'reported']),
  channels: fc.subarray(['SMS', 'RCS']),
  opened: fc.integer({ min: 0, max: 80 }),
  closed: fc.integer({ min: 0, max: 80 }),
  snoozed: fc.constantFrom(-1, 1),
});
type Content = typeof aSet extends fc.Arbitrary<infer Value> ? Value : never;

const aStep = fc.oneof(
  fc.record({ does: fc.constant('add' as const), sets: fc.array(aSet, { minLength: 1, maxLength: 9 }) }),
  fc.record({
    does: fc.constant('change' as const),
    part: fc.nat(partsCount - 1),
    sets: fc.array(aSet, { minLength: 1, maxLength: 1 }),
  }),
  fc.record({ does: fc.constant('delete' as const), part: fc.nat(partsCount - 1) }),
);

const CONTENT = `
  s.project, s.status, s.reasons, s.channels, now() - s.opened * interval '1 hour',
  case when s.status = 'snoozed' then now() + s.snoozed * interval '1 hour' end,
  case when s.status in ('dismissed', 'resolved') then now() - s.closed * interval '1 hour' end`;
const READ = `json_to_recordset($1::json) as s (project text, status text, reasons text[], channels text[], opened int, closed int, snoozed int)`;
const COLUMNS = 'project_id, status, reasons, channels, first_seen_at, snoozed_until, closed_at';

const STATEMENTS = {
  add: `insert into duplicate_set (${COLUMNS}, contact_ids, contact_count, report_count, last_seen_at)
        select ${CONTENT}, '{a,b}', 2, 0, now() from ${READ}`,
  change: `update duplicate_set set (${COLUMNS}) = (select ${CONTENT} from ${READ}) where id % ${partsCount} = $2`,
  delete: `delete from duplicate_set where id % ${partsCount} = $1`,
} as const;

/** A tally as it is defined: by reading all sets. */
const BY_READING = `
  with counted as (
    select * from duplicate_set
    where project_id = $1
      and case $2 when 'opened' then status <> 'unknown-members' and ($3::timestamptz is null or first_seen_at >= $3)
                  when 'closed' then closed_at is not null and ($3::timestamptz is null or closed_at >= $3)
                  when 'open' then status = 'open' or status = 'snoozed' and snoozed_until <= now()
                  else status = 'unknown-members' end)
  select (select count(*)::int from counted) as total,
         (select coalesce(json_object_agg(reason, n), '{}') from (select unnest(reasons) as reason, count(*) as n from counted group by 1) r) as by_reason,
         (select coalesce(json_object_agg(channel, n), '{}') from (select unnest(channels) as channel, count(*) as n from counted group by 1) c) as by_channel`;

async function take(step: typeof aStep extends fc.Arbitrary<infer Value> ? Value : never): Promise<void> {
  const values =
    step.does === 'delete'
      ? [step.part]
      : step.does === 'add'
        ? [asJson(step.sets)]
        : [asJson(step.sets), step.part];
  await ask(database.ownerUrl, STATEMENTS[step.does], values);
}

function asJson(contents: readonly Content[]): string {
  return JSON.stringify(contents);
}

async function expectCounts(): Promise<void> {
  const hoursAgo = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString();
  for (const project of PROJECTS) {
    for (const which of TALLIES) {
      const times = which === 'opened' || which === 'closed' ? [null, hoursAgo(5.5), hoursAgo(40.5)] : [null];
      for (const since of times) {
        const [demanded] = await ask(database.ownerUrl, BY_READING, [project, which, since]);
        expect(await sets.tally(project, which, since)).toEqual(demanded);
      }
    }
    expect(await sets.countOpen(project)).toBe((await sets.tally(project, 'open', null)).total);
  }
}

it('counts sets as reading all of them would, whatever is written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 1, maxLength: 6 }), async (steps) => {
      await ask(database.ownerUrl, 'truncate duplicate_set');
      expect(await ask(database.ownerUrl, 'select from duplicate_count')).toEqual([]);
      for (const step of steps) await take(step);
      await expectCounts();
    }),
    { numRuns: runs(15) },
  );
});

it('counts the sets that are there when it begins to count', async () => {
  const source = await new DataSource(ownerOptions(database.ownerUrl)).initialize();
  const runner = source.createQueryRunner();
  const migration = new DuplicateCounts1765000000000();
  const counts = (): Promise<unknown> =>
    ask(
      database.ownerUrl,
      'select * from duplicate_count where count <> 0 order by project_id, tally, day, dimension, value',
    );
  await ask(database.ownerUrl, 'truncate duplicate_set');
  await take({ does: 'add', sets: fc.sample(aSet, 40) });
  const kept = await counts();
  await runner.startTransaction();
  await migration.down(runner);
  await migration.up(runner);
  await runner.commitTransaction();
  await source.destroy();
  expect(kept).not.toEqual([]);
  expect(await counts()).toEqual(kept);
});
