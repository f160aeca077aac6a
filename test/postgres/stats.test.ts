import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import type { Source } from '../../src/audit/audit-event.rule';
import { FollowersRepository } from '../../src/followers/followers.repository';
import { LocksRepository } from '../../src/followers/locks.repository';
import { JournalFollowers } from '../../src/followers/journal-followers.service';
import { MergesRepository } from '../../src/contacts/merges/merges.repository';
import { ParkedEventsRepository } from '../../src/followers/parked-events.repository';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import type { ContactEvent } from '../../src/audit/commit/contact-event.rule';
import { ContactsRepository } from '../../src/contacts/contacts.repository';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { SetsRepository } from '../../src/matching/sets.repository';
import { CountedContactsRepository } from '../../src/stats/counted-contacts.repository';
import { CountsRepository } from '../../src/stats/counts.repository';
import { localClock } from '../../src/stats/local-clock.rule';
import { INTERVALS, planPoints, type Interval } from '../../src/stats/plan-points.rule';
import { FOLLOWER, StatsFollower } from '../../src/stats/stats-follower';
import { StatsService, type Window } from '../../src/stats/stats.service';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { callback, contact, type Told } from '../support/sinch/callbacks';
import { inProject } from '../support/sinch/histories';
import { ask, openPool, openQueue, openReads } from '../support/postgres/connections';
import { until } from '../support/until';
import { eventOf } from '../support/postgres/events';
import { retryAll, tripOver } from '../support/postgres/tripwire';
import type { AcquisitionObject } from '../../src/stats/stats.dto';
import { runs, timeForRuns } from '../support/runs';

jest.setTimeout(timeForRuns(120_000));

let database: TestDatabase;
let pool: DataSource;
let reads: ProjectReads;
let queue: CommitQueue;
let followers: FollowersRepository;
let locks: LocksRepository;
let parked: ParkedEventsRepository;
let stats: StatsService;

const followerOf = (journals = new JournalFollowers(locks, followers, parked)): StatsFollower =>
  new StatsFollower(
    queue,
    journals,
    new MergesRepository(reads),
    new ContactsRepository(reads),
    new CountedContactsRepository(),
    new CountsRepository(reads),
  );

beforeAll(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  reads = openReads(database.url);
  queue = await openQueue(database.url);
  followers = new FollowersRepository(pool);
  locks = new LocksRepository(pool);
  parked = new ParkedEventsRepository(pool, reads);
  stats = new StatsService(new CountsRepository(reads), followers, parked, new SetsRepository(reads));
});
afterAll(async () => {
  await queue.close();
  await reads.onApplicationShutdown();
  await pool.destroy();
  await database.drop();
});

async function follow(follower = followerOf()): Promise<void> {
  await until(async () => {
    await follower.followOn().catch(() => undefined);
    return (await followers.lag(FOLLOWER)).events === 0;
  }, 30_000);
}

const ns = (time: string): bigint => BigInt(Date.parse(time)) * 1_000_000n;

function happened(project: string, told: Told, time: bigint, source: Source = 'webhook'): ContactEvent {
  return eventOf(inProject(callback(told, time), project), { source });
}

function windowOf(from: bigint, to: bigint, interval: Interval, zone: string): Window {
  const clock = localClock(zone);
  const points =
    clock &&
    planPoints(clock, Number(from / 1_000_000n), Number((to + 999_999n) / 1_000_000n), interval, 2_000);
  if (points === null) throw new Error('No such window');
  return { from, to, points };
}

interface JournalRow {
  readonly contact_id: string;
  readonly related_contact_ids: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly version: string;
  readonly payload: Buffer;
}

type Group = 'channel' | 'app_id' | 'language';

/** The law, told another way: the journal read from one end to the other. */
async function bruteForce(project: string): Promise<{
  readonly creations: readonly ({ readonly version: bigint } & Readonly<Record<Group, string>>)[];
  readonly withoutCreate: number;
}> {
  const journal = await ask<JournalRow>(
    database.ownerUrl,
    `select contact_id, related_contact_ids, type, source, version, payload
     from audit_event where project_id = $1 order by version, tie_break`,
    [project],
  );
  const known = new Set<string>();
  const creations = new Map<string, { version: bigint } & Record<Group, string>>();
  for (const row of journal) {
    if (row.type === 'CONTACT_IDENTITIES_DUPLICATION') continue;
    for (const id of [row.contact_id, ...row.related_contact_ids]) known.add(id);
    if (row.type !== 'CONTACT_CREATE' || row.source !== 'webhook' || creations.has(row.contact_id)) continue;
    const { contact_create_notification: told } = JSON.parse(row.payload.toString()) as {
      contact_create_notification: {
        contact: { channel_identities: { channel: string; app_id: string }[]; language: string };
      };
    };
    const [first] = told.contact.channel_identities;
    creations.set(row.contact_id, {
      version: BigInt(row.version),
      channel: first?.channel ?? '',
      app_id: first?.app_id ?? '',
      language: told.contact.language,
    });
  }
  return { creations: [...creations.values()], withoutCreate: known.size - creations.size };
}

/** The label of the interval in which a moment lies, by the zone's clock alone. */
function labelOf(version: bigint, interval: Interval, zone: string): string {
  const moment = Number(version / 1_000_000n);
  const [date = '', time = ''] = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'short',
  })
    .format(moment)
    .split(' ');
  switch (interval) {
    case 'hour': {
      const offset = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
        .format(moment)
        .split('GMT')[1];
      return `${date}T${time.slice(0, 2)}:00${offset === '' ? '+00:00' : (offset ?? '')}`;
    }
    case 'day':
      return date;
    case 'month':
      return date.slice(0, 7);
    case 'week': {
      const thursday = new Date(`${date}T00:00:00Z`);
      thursday.setUTCDate(thursday.getUTCDate() - ((thursday.getUTCDay() + 6) % 7) + 3);
      const year = thursday.getUTCFullYear();
      const week = Math.floor((thursday.getTime() - Date.UTC(year, 0)) / 604_800_000) + 1;
      return `${year}-W${String(week).padStart(2, '0')}`;
    }
  }
}

function tally(values: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const value of values) sums[value] = (sums[value] ?? 0) + 1;
  return sums;
}

/** What of an answer is above zero. */
const counted = ({ points }: Pick<AcquisitionObject, 'points'>): Record<string, number> =>
  Object.fromEntries(points.filter(({ count }) => count > 0).map(({ label, count }) => [label, count]));

const CHANNELS = ['SMS', 'WHATSAPP', 'RCS'];
/** Around both changes of the clock in Berlin, in New York and in Havana, and at ends of days and years. */
const TIMES = [
  '2023-03-12T06:59:59.999Z',
  '2023-03-12T07:00:00Z',
  '2023-03-25T23:00:00Z',
  '2023-03-26T00:59:00Z',
  '2023-03-26T01:00:00Z',
  '2023-10-29T00:10:00Z',
  '2023-10-29T01:10:00Z',
  '2023-11-05T04:30:00Z',
  '2023-11-05T05:30:00Z',
  '2023-12-31T23:59:59.999Z',
  '2024-01-01T00:00:00Z',
].map(ns);
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Havana',
  'Asia/Kathmandu',
  'Pacific/Chatham',
];

const aTime = fc
  .tuple(fc.constantFrom(...TIMES), fc.constantFrom(0n, 0n, 1n, -1n, 450_000_000_000n, 86_400_000_000_000n))
  .map(([time, offset]) => time + offset);
const anId = fc.integer({ min: 0, max: 9 }).map((n) => `contact-${n}`);
const aContact = fc
  .record({
    id: anId,
    identities: fc.array(
      fc.record({ channel: fc.constantFrom(...CHANNELS), app_id: fc.constantFrom('', 'app-1', 'app-2') }),
      { maxLength: 2 },
    ),
    language: fc.constantFrom('EN', 'DE', ''),
  })
  .map(({ id, identities, language }) =>
    contact(id, {
      channel_identities: identities.map((identity) => ({ ...identity, identity: '15551234567' })),
      language,
    }),
  );
const aTale: fc.Arbitrary<Told> = fc.oneof(
  { weight: 5, arbitrary: aContact.map((create) => ({ create })) },
  { weight: 2, arbitrary: aContact.map((update) => ({ update })) },
  { weight: 1, arbitrary: aContact.map((gone) => ({ delete: gone })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(aContact, aContact)
      .filter(([survivor, loser]) => survivor['id'] !== loser['id'])
      .map(([survivor, loser]) => ({ merge: { survivor, loser } })),
  },
  { weight: 1, arbitrary: fc.constant({ duplicates: [{ channel: 'SMS', contact_ids: ['x', 'y'] }] }) },
);

it('counts as one does who reads the whole journal, whatever came in which order, in any time zone', async () => {
  let projects = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(
          aTale,
          aTime,
          fc.constantFrom<Source>('webhook', 'webhook', 'webhook', 'backfill', 'reconcile'),
        ),
        {
          minLength: 1,
          maxLength: 25,
        },
      ),
      fc.integer({ min: 1, max: 3 }),
      fc.uniqueArray(aTime, { minLength: 2, maxLength: 2 }),
      fc.constantFrom(...ZONES),
      async (happenings, parts, bounds, zone) => {
        const project = `generated-${projects++}`;
        const events = happenings.map(([told, time, source]) => happened(project, told, time, source));
        const size = Math.ceil(events.length / parts);
        for (let n = 0; n < events.length; n += size) {
          await Promise.all(events.slice(n, n + size).map((each) => queue.commit(each)));
          await follow();
        }
        const { creations, withoutCreate } = await bruteForce(project);
        const [from = 0n, to = 0n] = [...bounds].sort((a, b) => (a < b ? -1 : 1));
        const within = creations.filter(({ version }) => version >= from && version < to);
        for (const interval of INTERVALS) {
          if (interval === 'hour' && to - from > 80n * 86_400_000_000_000n) continue;
          const window = windowOf(from, to, interval, zone);
          const answer = await stats.acquisition(project, window, 'all');
          expect(counted(answer)).toEqual(
            tally(within.map(({ version }) => labelOf(version, interval, zone))),
          );
          expect([answer.total, answer.without_create, answer.series]).toEqual([
            within.length,
            withoutCreate,
            null,
          ]);
          for (const group of ['channel', 'app_id', 'language'] as const) {
            const grouped = await stats.acquisition(project, window, group);
            expect(grouped.points).toEqual(answer.points);
            const totals = (grouped.series ?? []).map(({ value, total }) => [value ?? '', total]);
            expect(Object.fromEntries(totals)).toEqual(tally(within.map((creation) => creation[group])));
            grouped.series?.forEach(({ value, counts }) => {
              const labels = within.filter((creation) => creation[group] === (value ?? ''));
              const perPoint = answer.points.map(
                ({ label }) =>
                  labels.filter(({ version }) => labelOf(version, interval, zone) === label).length,
              );
              expect(counts).toEqual(perPoint);
            });
          }
        }
        await expectOverview(project);
      },
    ),
    { numRuns: runs(40) },
  );
});

it('counts the same once the events that could not be handled are retried, in any order', async () => {
  Logger.overrideLogger(false);
  await tripOver(database.ownerUrl, ['counted_contact']);
  const journals = new JournalFollowers(locks, followers, parked);
  const follower = followerOf(journals);
  let projects = 0;
  let parkedInAll = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(aTale, aTime), { minLength: 1, maxLength: 25 }),
      fc.nat(),
      fc.infiniteStream(fc.nat()),
      async (happenings, at, dice) => {
        const project = `parked-${projects++}`;
        const events = happenings.map(([told, time]) => happened(project, told, time));
        const created = happenings.flatMap(([told]) => ('create' in told ? [told.create] : []));
        const tripped = created[at % created.length]?.['id'] ?? 'contact-0';
        await ask(database.ownerUrl, 'insert into tripwire values ($1, $2)', [project, tripped]);
        await Promise.all(events.map((each) => queue.commit(each)));
        await follow(follower);
        await ask(database.ownerUrl, 'delete from tripwire where project_id = $1', [project]);
        const { follower: lag } = await stats.overview(project);
        const count = await retryAll(
          parked,
          project,
          (row) => journals.retry(row),
          (sides) => Number(dice.next().value) % sides,
        );
        expect([lag.lag_events, lag.parked_events]).toEqual([0, count]);
        parkedInAll += count;
        await expectOverview(project);
        const { creations } = await bruteForce(project);
        const all = windowOf(ns('2023-01-01T00:00:00Z'), ns('2025-01-01T00:00:00Z'), 'month', 'UTC');
        const { total } = await stats.acquisition(project, all, 'all');
        expect(total).toBe(creations.length);
      },
    ),
    { numRuns: runs(25) },
  );
  expect(parkedInAll).toBeGreaterThan(10);
});

/** Against the map and the journal. */
async function expectOverview(project: string): Promise<void> {
  const overview = await stats.overview(project);
  const [expected] = await ask<{ overview: unknown }>(
    database.ownerUrl,
    `with c as (select * from contact where project_id = $1)
     select json_build_object(
       'total', count(*), 'active', count(*) filter (where gone is null),
       'merged', count(*) filter (where gone = 'merged'), 'deleted', count(*) filter (where gone in ('deleted', 'absent')),
       'merges', (select count(distinct (contact_id, related_contact_ids)) from audit_event
                  where project_id = $1 and type = 'CONTACT_MERGE'),
       'channels', (select coalesce(json_object_agg(channel, n), '{}')
                    from (select i ->> 'channel' as channel, count(distinct id) as n
                          from c, json_array_elements(snapshot -> 'channel_identities') i where gone is null group by 1) x),
       'languages', (select coalesce(json_object_agg(language, n), '{}')
                     from (select coalesce(snapshot ->> 'language', '') as language, count(*) as n from c where gone is null group by 1) x)
     ) as overview from c`,
    [project],
  );
  const byValue = (values: typeof overview.by_channel): Record<string, number> =>
    Object.fromEntries(values.map(({ value, count }) => [value ?? '', count]));
  expect({
    ...overview.contacts,
    merges: overview.merges,
    channels: byValue(overview.by_channel),
    languages: byValue(overview.by_language),
  }).toEqual(expected?.overview);
}

it('moves a contact to the earlier creation that arrives late, and counts it once', async () => {
  const project = 'late';
  const window = windowOf(ns('2023-06-01T00:00:00Z'), ns('2023-07-01T00:00:00Z'), 'day', 'UTC');
  await queue.commit(
    happened(project, { create: contact('A', { language: 'DE' }) }, ns('2023-06-20T10:00:00Z')),
  );
  await follow();
  expect(counted(await stats.acquisition(project, window, 'all'))).toEqual({ '2023-06-20': 1 });
  await queue.commit(
    happened(project, { create: contact('A', { language: 'EN' }) }, ns('2023-06-10T10:00:00Z')),
  );
  await follow();
  const answer = await stats.acquisition(project, window, 'language');
  expect(counted(answer)).toEqual({ '2023-06-10': 1 });
  expect(answer.series).toMatchObject([{ kind: 'value', value: 'EN', total: 1 }]);
  expect(answer.points).toHaveLength(30);
});

it('takes the window to the nanosecond', async () => {
  const project = 'edges';
  const time = ns('2023-06-20T10:07:00Z');
  for (const [n, offset] of [-1n, 0n, 1n].entries())
    await queue.commit(happened(project, { create: contact(`c${n}`) }, time + offset));
  await follow();
  const total = async (from: bigint, to: bigint): Promise<number> =>
    (await stats.acquisition(project, windowOf(from, to, 'hour', 'UTC'), 'all')).total;
  expect(await total(time, time + 1n)).toBe(1);
  expect(await total(time - 1n, time + 1n)).toBe(2);
  expect(await total(time, time + 3_600_000_000_000n)).toBe(2);
  expect(await total(time + 2n, time + 3_600_000_000_000n)).toBe(0);
});

it('takes a window up to the last time that there is', async () => {
  const last = 2n ** 63n - 1n;
  const window = windowOf(last - 60_000_000_000n, last, 'hour', 'UTC');
  expect((await stats.acquisition('last', window, 'all')).total).toBe(0);
});

it('takes what we fetched for no acquisition, and tells beyond 100 values of the rest', async () => {
  const project = 'many';
  const time = ns('2023-06-20T10:00:00Z');
  const created = Array.from({ length: 103 }, (_, n) =>
    happened(project, { create: contact(`c${n}`, { language: `L${n}` }) }, time),
  );
  const fetched = happened(project, { create: contact('fetched') }, time, 'backfill');
  await Promise.all([...created, fetched].map((each) => queue.commit(each)));
  await follow();
  const answer = await stats.acquisition(project, windowOf(time, time + 1n, 'hour', 'UTC'), 'language');
  expect([answer.total, answer.without_create, answer.series?.length]).toEqual([103, 1, 101]);
  expect(answer.series?.at(-1)).toEqual({ kind: 'rest', value: null, total: 3, counts: [3] });
});

it('counts each event once with two followers at a time, and again from the beginning after a reset', async () => {
  const project = 'twice';
  const time = ns('2023-06-20T10:00:00Z');
  const events = Array.from({ length: 1_200 }, (_, n) =>
    happened(project, { create: contact(`c${n}`) }, time),
  );
  await Promise.all(events.map((each) => queue.commit(each)));
  await Promise.all([follow(), follow()]);
  const total = async (): Promise<number> =>
    (await stats.acquisition(project, windowOf(time, time + 1n, 'hour', 'UTC'), 'all')).total;
  expect([await total(), (await stats.overview(project)).contacts.total]).toEqual([1_200, 1_200]);
  await ask(
    database.ownerUrl,
    `truncate counted_contact, project_count, acquisition_day; delete from follower where name = 'stats'`,
  );
  await follow();
  expect([await total(), (await stats.overview(project)).contacts.total]).toEqual([1_200, 1_200]);
});
