import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { FollowersRepository, type FollowedEvent } from '../../src/followers/followers.repository';
import { LocksRepository } from '../../src/followers/locks.repository';
import type { JournalFollower } from '../../src/followers/journal-follower';
import { JournalFollowers } from '../../src/followers/journal-followers.service';
import { ParkedEventsRepository } from '../../src/followers/parked-events.repository';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import type { Queryable } from '../../src/database/queryable';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';
import { ask, openPool, openQueue, openReads, untilFeedHasAll } from '../support/postgres/connections';
import { until } from '../support/until';
import { event } from '../support/postgres/events';
import { runs, timeForRuns } from '../support/runs';

jest.setTimeout(timeForRuns(120_000));

let database: TestDatabase;
let pool: DataSource;
let reads: ProjectReads;
let queue: CommitQueue;
let followers: FollowersRepository;
let locks: LocksRepository;
let parked: ParkedEventsRepository;

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createDatabase();
  pool = await openPool(database.url);
  reads = openReads(database.url);
  queue = await openQueue(database.url);
  followers = new FollowersRepository(pool);
  locks = new LocksRepository(pool);
  parked = new ParkedEventsRepository(pool, reads);
  await ask(
    database.ownerUrl,
    'create table handled (follower text, contact_id text); grant select, insert on handled to public',
  );
});
afterAll(async () => {
  await queue.close();
  await reads.onApplicationShutdown();
  await pool.destroy();
  await database.drop();
});

/** How an event fails. */
type Failure = (session: Queryable) => Promise<unknown>;

const withSqlState =
  (code: string): Failure =>
  (session) =>
    session.query(`do $$ begin raise exception 'refused' using errcode = '${code}'; end $$`);

/** Failures that an event's size or content causes. */
const OF_THE_EVENT: Readonly<Record<string, Failure>> = {
  'a value that Postgres cannot take': (session) => session.query(`select 'x'::int`),
  'a constraint': withSqlState('23514'),
  'a limit of Postgres': withSqlState('54000'),
  'the statement time-out': (session) =>
    session.query('set local statement_timeout = 10').then(() => session.query('select pg_sleep(5)')),
  'work of our own that takes too long within the transaction': (session) =>
    session
      .query('set local idle_in_transaction_session_timeout = 10')
      .then(() => delay(100))
      .then(() => session.query('select')),
  'an exception of our own': () => Promise.reject(new TypeError('A payload that cannot be read')),
};
/** Failures that pass by themselves. */
const PASSING: Readonly<Record<string, Failure>> = {
  'a lost connection': withSqlState('08006'),
  'a deadlock': withSqlState('40P01'),
  'no more connections': withSqlState('53300'),
  'a lock time-out': withSqlState('55P03'),
  'a shutdown of Postgres': withSqlState('57P01'),
  'a session that is terminated': (session) => session.query('select pg_terminate_backend(pg_backend_pid())'),
};

/** A follower that notes in a table what it has handled; events of the contacts in `failures` fail. */
function followerOf(name: string, project: string, failures: ReadonlyMap<string, Failure>): JournalFollower {
  const handle = async (session: Queryable, _: string, events: readonly FollowedEvent[]): Promise<void> => {
    for (const { contact_id: id } of events) {
      await session.query('insert into handled values ($1, $2)', [name, id]);
      await failures.get(id)?.(session);
    }
  };
  const work = {
    name,
    payloadOf: [],
    isOfConcern: (each: FollowedEvent) => each.project_id === project,
    handle,
  };
  return new JournalFollowers(locks, followers, parked).follower(work, new Logger());
}

/** Follows to the end of the journal, or for so many turns. */
async function follow(follower: JournalFollower, name: string, turnsMax: number): Promise<void> {
  await untilFeedHasAll(database.ownerUrl);
  for (let turn = 0; turn < turnsMax; turn++) {
    await follower.followOn(new AbortController().signal).catch(() => undefined);
    if ((await followers.lag(name)).events === 0) return;
  }
}

const handledBy = async (name: string): Promise<readonly string[]> =>
  (
    await ask<{ contact_id: string }>(
      database.ownerUrl,
      'select contact_id from handled where follower = $1',
      [name],
    )
  )
    .map((row) => row.contact_id)
    .sort();

const parkedBy = (name: string): ReturnType<ParkedEventsRepository['page']> =>
  parked.page({ follower: name, projectIds: null }, null, 100);

it('parks exactly the events that fail alone by size or content, wherever they are, and handles all others once', async () => {
  let run = 0;
  const positions = fc.uniqueArray(
    fc.tuple(fc.nat({ max: 29 }), fc.constantFrom(...Object.keys(OF_THE_EVENT))),
    {
      selector: ([n]) => n,
      maxLength: 4,
    },
  );
  await fc.assert(
    fc.asyncProperty(positions, async (bad) => {
      const project = `parked-${run++}`;
      const name = `follower of ${project}`;
      const ids = Array.from({ length: 30 }, (_, n) => `contact-${n}`);
      const failures = new Map(bad.map(([n, kind]) => [`contact-${n}`, OF_THE_EVENT[kind] as Failure]));
      await Promise.all(ids.map((id) => queue.commit(event(project, { create: contact(id) }))));
      const follower = followerOf(name, project, failures);
      await follow(follower, name, 400);

      const good = ids.filter((id) => !failures.has(id)).sort();
      expect(await handledBy(name)).toEqual(good);
      const rows = await parkedBy(name);
      expect(rows.map((row) => [row.project_id, row.tries])).toEqual(rows.map(() => [project, 3]));
      expect(rows).toHaveLength(failures.size);
      expect(rows.map(({ reason }) => reason).join()).not.toContain('cannot be read');

      for (const row of rows) await expect(follower.retry(row)).rejects.toThrow('stays parked');
      expect((await parkedBy(name)).map(({ tries }) => tries)).toEqual(rows.map(() => 4));
      failures.clear();
      for (const row of rows) await Promise.all([follower.retry(row), follower.retry(row)]);
      expect(await handledBy(name)).toEqual([...ids].sort());
      expect(await parkedBy(name)).toEqual([]);
    }),
    { numRuns: runs(3) },
  );
});

it.each(Object.entries(PASSING))('waits for what passes by itself: %s', async (kind, failure) => {
  const project = `waits-${kind}`;
  const failures = new Map([['contact-1', failure]]);
  for (const id of ['contact-0', 'contact-1', 'contact-2'])
    await queue.commit(event(project, { create: contact(id) }));
  const follower = followerOf(project, project, failures);
  // enough turns to halve a batch down to the event and to fail three times
  await follow(follower, project, 60);
  expect(await parkedBy(project)).toEqual([]);
  // the event before it alone may have been read first, while another transaction was open
  expect(['', 'contact-0']).toContain((await handledBy(project)).join());
  failures.clear();
  await follow(follower, project, 12);
  expect(await handledBy(project)).toEqual(['contact-0', 'contact-1', 'contact-2']);
});

/** Waits until no other transaction keeps what was committed from being followed. */
const readable = (): Promise<unknown> =>
  until(async () => {
    const [row] = await ask<{ count: string }>(
      database.ownerUrl,
      'select count(*) from audit_event where tx >= pg_snapshot_xmin(pg_current_snapshot())',
    );
    return row?.count === '0';
  });

it('handles the events of few projects in one transaction', async () => {
  const name = 'of many projects';
  const ids = Array.from({ length: 90 }, (_, n) => `many-${n % 60}`);
  await followers.begin(name);
  const batches: string[][] = [];
  const handled: string[] = [];
  const work = {
    name,
    payloadOf: [],
    isOfConcern: (each: FollowedEvent) => each.project_id.startsWith('many-'),
    handle: (_: Queryable, project: string, events: readonly FollowedEvent[]) => {
      batches.at(-1)?.push(project);
      handled.push(...events.map((each) => each.project_id));
      return Promise.resolve();
    },
  };
  await Promise.all(
    ids.map((project, n) => queue.commit(event(project, { create: contact(`contact-${n}`) }))),
  );
  await readable();
  const follower = new JournalFollowers(locks, followers, parked).follower(work, new Logger());
  for (let turn = 0; turn < 400 && (await followers.lag(name)).events > 0; turn++) {
    batches.push([]);
    await follower.followOn(new AbortController().signal);
  }
  expect(Math.max(...batches.map((projects) => projects.length))).toBe(25);
  expect(handled.sort()).toEqual([...ids].sort());
});

it('tries fewer events after a transaction that took long, and then more again', async () => {
  const name = 'slow';
  await followers.begin(name);
  let now = performance.now();
  let msEach = 0;
  let told = 0;
  const sizes: number[] = [];
  const work = {
    name,
    payloadOf: [],
    isOfConcern: (each: FollowedEvent) => each.project_id === name,
    handle: (_: Queryable, __: string, events: readonly FollowedEvent[]) => {
      now += msEach * events.length;
      sizes.push(events.length);
      return Promise.resolve();
    },
  };
  const commit = async (count: number): Promise<unknown> =>
    Promise.all(
      Array.from({ length: count }, (_, n) =>
        queue.commit(event(name, { create: contact(`contact-${n}`, { metadata: `${(told += 1)}` }) })),
      ),
    );
  const follower = new JournalFollowers(locks, followers, parked).follower(work, new Logger());
  const followAll = async (): Promise<number> => {
    sizes.length = 0;
    await readable();
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => now);
    try {
      await follow(follower, name, 400);
    } finally {
      clock.mockRestore();
    }
    return Math.max(...sizes);
  };
  await commit(80);
  expect(await followAll()).toBeGreaterThan(40);
  msEach = 100;
  await commit(80);
  await followAll();
  await commit(80);
  expect(await followAll()).toBeLessThanOrEqual(40);
  msEach = 0;
  await commit(80);
  await followAll();
  await commit(80);
  expect(await followAll()).toBeGreaterThan(40);
});

it('reads fewer events at once where they are large, or the contacts that they name', async () => {
  const sizes = async (project: string): Promise<readonly number[]> => {
    const batches: number[] = [];
    const work = {
      name: project,
      payloadOf: [],
      isOfConcern: (each: FollowedEvent) => each.project_id === project,
      handle: (_: Queryable, __: string, events: readonly FollowedEvent[]) => {
        batches.push(events.length);
        return Promise.resolve();
      },
    };
    await follow(new JournalFollowers(locks, followers, parked).follower(work, new Logger()), project, 400);
    return batches;
  };
  const identities = (count: number, n: number): unknown[] =>
    Array.from({ length: count }, (_, at) => ({ channel: 'MESSENGER', identity: `${n}-${at}`, app_id: '' }));
  const commit = (project: string, of: (n: number) => Record<string, unknown>): Promise<unknown> =>
    Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        queue.commit(event(project, { create: contact(`contact-${n}`, of(n)) })),
      ),
    );
  await commit('small', () => ({}));
  await commit('long', () => ({ metadata: 'x'.repeat(200_000) }));
  await commit('rich', (n) => ({ channel_identities: identities(900, n) }));
  expect(Math.max(...(await sizes('small')))).toBeGreaterThan(20);
  const long = await sizes('long');
  expect([Math.max(...long) <= 10, long.reduce((sum, size) => sum + size, 0)]).toEqual([true, 60]);
  const rich = await sizes('rich');
  expect([Math.max(...rich) <= 11, rich.reduce((sum, size) => sum + size, 0)]).toEqual([true, 60]);

  // small events about contacts that are large
  for (let n = 0; n < 60; n++)
    await queue.commit(event('rich', { duplicates: [{ channel: 'SMS', contact_ids: [`contact-${n}`] }] }, n));
  const later = await sizes('rich');
  expect(later.reduce((sum, size) => sum + size, 0)).toBe(60);
  expect(Math.max(...later)).toBeLessThanOrEqual(11);
});
