import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { FollowersRepository, type FollowedEvent } from '../../src/followers/followers.repository';
import type { JournalFollower } from '../../src/followers/journal-follower';
import { JournalFollowers } from '../../src/followers/journal-followers.service';
import { LocksRepository } from '../../src/followers/locks.repository';
import { ParkedEventsRepository } from '../../src/followers/parked-events.repository';
import {
  ask,
  connect,
  openPool,
  openQueue,
  openReads,
  untilFeedHasAll,
} from '../support/postgres/connections';
import { event } from '../support/postgres/events';
import { runs, timeForRuns } from '../support/runs';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact, type Told } from '../support/sinch/callbacks';

jest.setTimeout(timeForRuns(120_000));

let database: TestDatabase;
let pool: DataSource;
let reads: ProjectReads;
let queue: CommitQueue;

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createDatabase();
  pool = await openPool(database.url);
  reads = openReads(database.url);
  queue = await openQueue(database.url);
  await ask(
    database.ownerUrl,
    `create table handled (place serial, follower text, event_id bigint, has_payload boolean);
     grant select, insert on handled to public; grant usage on sequence handled_place_seq to public`,
  );
});
afterAll(async () => {
  await queue.close();
  await reads.onApplicationShutdown();
  await pool.destroy();
  await database.drop();
});

const { signal } = new AbortController();
const PROJECT = 'p';
let at = 0;

/** Commits events one after the other. @returns their ids, when followers may read them */
async function commit(...told: readonly Told[]): Promise<readonly string[]> {
  const [before] = await ask<{ id: string }>(
    database.ownerUrl,
    'select coalesce(max(id), 0) as id from audit_event',
  );
  for (const each of told) await queue.commit(event(PROJECT, each, (at += 1_000)));
  await untilFeedHasAll(database.ownerUrl);
  const found = await ask<{ id: string }>(
    database.ownerUrl,
    'select id from audit_event where id > $1 order by era, tx, id',
    [before?.id],
  );
  return found.map(({ id }) => id);
}

const creations = (count: number): readonly Told[] =>
  Array.from({ length: count }, () => ({ create: contact(`contact-${(at += 1)}`) }));

/** How the journal was read: for which payloads, and how it was looked at without being read. */
class NotingFollowers extends FollowersRepository {
  readonly read: (readonly string[])[] = [];
  looks = 0;

  override follow(
    ...given: Parameters<FollowersRepository['follow']>
  ): ReturnType<FollowersRepository['follow']> {
    this.read.push([...given[2]].sort());
    return super.follow(...given);
  }

  override findBehind(...given: Parameters<FollowersRepository['findBehind']>): Promise<ReadonlySet<string>> {
    this.looks += 1;
    return super.findBehind(...given);
  }
}

/** What may happen within a follower's transaction, after it has handled events. */
type Meanwhile = (follower: string) => Promise<unknown>;

/** A process with followers, each of which notes what it handles in its transaction. */
class Process {
  readonly followers = new NotingFollowers(pool);
  private readonly journals = new JournalFollowers(
    new LocksRepository(pool),
    this.followers,
    new ParkedEventsRepository(pool, reads),
  );
  meanwhile: Meanwhile = () => Promise.resolve();

  follower(name: string, type: string): JournalFollower {
    const isOfConcern = ({ type: its, changes_values: changes }: FollowedEvent): boolean =>
      its === type && (its !== 'CONTACT_UPDATE' || changes);
    return this.journals.follower(
      {
        name,
        payloadOf: [type],
        isOfConcern,
        handle: async (session, _, events) => {
          for (const { id, payload } of events)
            await session.query('insert into handled (follower, event_id, has_payload) values ($1, $2, $3)', [
              name,
              id,
              payload !== null,
            ]);
          await this.meanwhile(name);
        },
      },
      new Logger(),
    );
  }
}

async function handledBy(name: string): Promise<readonly string[]> {
  const found = await ask<{ id: string; has_payload: boolean }>(
    database.ownerUrl,
    'select event_id as id, has_payload from handled where follower = $1 order by place',
    [name],
  );
  expect(found.filter((row) => !row.has_payload)).toEqual([]);
  return found.map(({ id }) => id);
}

let made = 0;

/** Two followers of creations and one of deletions that have handled all there is; what they read until then is not noted. */
async function standing(): Promise<{
  readonly process: Process;
  readonly names: readonly [string, string, string];
  readonly each: readonly [JournalFollower, JournalFollower, JournalFollower];
}> {
  const process = new Process();
  const run = (made += 1);
  const names = [`first ${run}`, `second ${run}`, `of deletions ${run}`] as const;
  for (const name of names) await process.followers.begin(name);
  const each = [
    process.follower(names[0], 'CONTACT_CREATE'),
    process.follower(names[1], 'CONTACT_CREATE'),
    process.follower(names[2], 'CONTACT_DELETE'),
  ] as const;
  await commit(...creations(1));
  for (const follower of each) while (await follower.followOn(signal));
  await ask(database.ownerUrl, 'delete from handled');
  process.followers.read.length = 0;
  return { process, names, each };
}

describe('followers that stand at the same place', () => {
  it('read the journal once for all of them when they begin together, each event once', async () => {
    const { process, names, each } = await standing();
    const ids = await commit(...creations(5), { delete: contact('gone') });
    await Promise.all(each.map((follower) => follower.followOn(signal)));
    expect(process.followers.read).toEqual([['CONTACT_CREATE', 'CONTACT_CREATE', 'CONTACT_DELETE']]);
    expect(await Promise.all(names.map(handledBy))).toEqual([ids.slice(0, 5), ids.slice(0, 5), ids.slice(5)]);
    // nothing is left, and nothing comes again
    expect(await Promise.all(each.map((follower) => follower.followOn(signal)))).toEqual([
      false,
      false,
      false,
    ]);
    expect(process.followers.read).toHaveLength(2);
    expect((await Promise.all(names.map(handledBy))).flat()).toHaveLength(11);
  });

  it('read it once when they come one after the other', async () => {
    const { process, names, each } = await standing();
    const ids = await commit(...creations(3));
    for (const follower of each) await follower.followOn(signal);
    expect(process.followers.read).toHaveLength(1);
    expect(await Promise.all(names.map(handledBy))).toEqual([ids, ids, []]);
    for (const name of names)
      expect(await process.followers.lag(name)).toEqual({ events: 0, seconds: expect.any(Number) as number });
  });

  it('look once for all of them whether there is anything, where nothing says so', async () => {
    const { process, names, each } = await standing();
    expect(await Promise.all(each.map((follower) => follower.followOn(signal, true)))).toEqual([
      false,
      false,
      false,
    ]);
    expect([process.followers.looks, process.followers.read.length]).toEqual([1, 0]);
    const ids = await commit(...creations(1));
    const later = new Process();
    const behind = names.map((name) => later.follower(name, 'CONTACT_CREATE'));
    for (const follower of behind) await follower.followOn(signal, true);
    expect(later.followers.looks).toBe(1);
    expect(await handledBy(names[0])).toEqual(ids);
    expect(await later.followers.findBehind(['never begun', ...names], signal)).toEqual(
      new Set(['never begun']),
    );
  });

  it('read again what one of them failed to handle, and halve it, while the others continue', async () => {
    const { process, names, each } = await standing();
    process.meanwhile = (name) =>
      name === names[0] ? Promise.reject(new TypeError('No')) : Promise.resolve();
    const ids = await commit(...creations(4));
    await Promise.all(each.map((follower) => follower.followOn(signal)));
    expect([await handledBy(names[0]), await handledBy(names[1])]).toEqual([[], ids]);
    process.meanwhile = () => Promise.resolve();
    while (await each[0].followOn(signal));
    expect(await handledBy(names[0])).toEqual(ids);
    // alone: only what it needs itself
    expect(process.followers.read.slice(1).every((types) => types.join() === 'CONTACT_CREATE')).toBe(true);
  });

  it('read for themselves where the one that was to read could not', async () => {
    const { process, names, each } = await standing();
    const locks = new LocksRepository(pool);
    const ids = await commit(...creations(2));
    await locks.exclusively(names[0], false, () =>
      Promise.all(each.map((follower) => follower.followOn(signal))),
    );
    expect(await Promise.all(names.map(handledBy))).toEqual([[], ids, []]);
    while (await each[0].followOn(signal));
    expect(await handledBy(names[0])).toEqual(ids);
    expect(process.followers.read.length).toBeLessThanOrEqual(3);
  });
});

it('ends the wait for what another reads when its work is to end', async () => {
  const { names, each } = await standing();
  const ids = await commit(...creations(1));
  const blocker = await connect(database.ownerUrl);
  await blocker.query('begin; lock table audit_event');
  const ended: string[] = [];
  const reading = each[0].followOn(signal).finally(() => ended.push('the one that reads'));
  const closing = new AbortController();
  const waiting = each[1]
    .followOn(closing.signal)
    .catch(() => false)
    .finally(() => ended.push('the one that waits'));
  closing.abort();
  await waiting;
  await blocker.end();
  await reading.catch(() => undefined);
  expect(ended).toEqual(['the one that waits', 'the one that reads']);
  while (await each[0].followOn(signal));
  expect(await handledBy(names[0])).toEqual(ids);
});

it('has a follower that is elsewhere read for itself, and the others not wait for it', async () => {
  const { process, names, each } = await standing();
  const late = `late ${made}`;
  await process.followers.begin(late);
  const follower = process.follower(late, 'CONTACT_CREATE');
  while (await follower.followOn(signal));
  const missed = await commit(...creations(600));
  for (let turn = 0; turn < 3; turn++) for (const other of each) await other.followOn(signal);
  process.followers.read.length = 0;
  const last = await commit(...creations(1));
  // within its transaction the others come to the end
  process.meanwhile = async (name) => {
    if (name !== late) return;
    process.meanwhile = () => Promise.resolve();
    for (const other of each) await other.followOn(signal);
    expect(await handledBy(names[0])).toEqual([...missed, ...last]);
  };
  expect(await follower.followOn(signal)).toBe(true);
  expect(process.followers.read[0]).toEqual(['CONTACT_CREATE']);
  while (await follower.followOn(signal));
  expect(await handledBy(late)).toEqual([...missed, ...last]);
});

describe('a page that was read before another process moved the cursor', () => {
  const place = async (id: string | undefined): Promise<{ era: number; tx: string; id: string }> => {
    const [row] = await ask<{ era: number; tx: string; id: string }>(
      database.ownerUrl,
      'select era, tx, id from audit_event where id = $1',
      [id],
    );
    if (row === undefined) throw new Error('No such event');
    return row;
  };

  it('is not used by a follower that another process has brought to its end, or beyond', async () => {
    const { process, names, each } = await standing();
    const ids = await commit(...creations(3));
    await each[0].followOn(signal);
    const other = new Process();
    const elsewhere = other.follower(names[1], 'CONTACT_CREATE');
    while (await elsewhere.followOn(signal));
    const more = await commit(...creations(2));
    while (await each[1].followOn(signal));
    expect(await handledBy(names[1])).toEqual([...ids, ...more]);
    expect(process.followers.read).toHaveLength(2);
  });

  it('does not move back a follower that it does not concern', async () => {
    const { process, names, each } = await standing();
    await commit(...creations(3));
    await each[0].followOn(signal);
    const other = new Process();
    const elsewhere = other.follower(names[2], 'CONTACT_DELETE');
    const [gone] = await commit({ delete: contact('gone too') });
    while (await elsewhere.followOn(signal));
    const stood = await process.followers.find(names[2]);
    expect(await each[2].followOn(signal)).toBe(false);
    expect(await process.followers.find(names[2])).toEqual(stood);
    expect(await handledBy(names[2])).toEqual([gone]);
  });

  it('gives one that was brought into its middle the rest of it', async () => {
    const { process, names, each } = await standing();
    const ids = await commit(...creations(4));
    await each[0].followOn(signal);
    await process.followers.move(pool, names[1], await place(ids[1]));
    await each[1].followOn(signal);
    expect(await handledBy(names[1])).toEqual(ids.slice(2));
    expect(process.followers.read).toHaveLength(1);
  });

  it('is not used by one that was brought back to before it', async () => {
    const { process, names, each } = await standing();
    const ids = await commit(...creations(2));
    for (const follower of each) while (await follower.followOn(signal));
    const later = await commit(...creations(2));
    await each[0].followOn(signal);
    await process.followers.move(pool, names[1], await place(ids[0]));
    while (await each[1].followOn(signal));
    expect(await handledBy(names[1])).toEqual([...ids, ids[1], ...later]);
  });
});

it('has an update that was read as one of the name only looked at again where values changed after the reading', async () => {
  const process = new Process();
  const names = [`name ${(made += 1)}`, `values ${made}`] as const;
  for (const name of names) await process.followers.begin(name);
  const each = names.map((name) => process.follower(name, 'CONTACT_UPDATE'));
  const john = contact(`john ${made}`);
  await commit({ create: john });
  for (const follower of each) while (await follower.followOn(signal));
  const [renamed] = await commit({ update: { ...john, display_name: 'Johnny' } });
  await each[0]?.followOn(signal);
  const [changed] = await commit({ update: { ...john, email: 'john@example.com' } });
  expect(process.followers.read).toHaveLength(3);
  // by the page that was read before the second update
  await each[1]?.followOn(signal);
  expect([process.followers.read.length, await handledBy(names[1])]).toEqual([3, []]);
  expect((await process.followers.find(names[1]))[2]).toBe(renamed);
  for (const follower of each) while (await follower.followOn(signal));
  expect(await Promise.all(names.map(handledBy))).toEqual([[changed], [changed]]);
});

it('skips nothing and repeats nothing while several processes each hold locks, in any order of turns', async () => {
  /** Which followers of which processes take their turns together; whether events come before; who fails. */
  const steps = fc.array(
    fc.record({
      committed: fc.nat({ max: 3 }),
      turns: fc.uniqueArray(fc.nat({ max: 5 }), { minLength: 1, maxLength: 6 }),
      failing: fc.option(fc.nat({ max: 2 }), { freq: 3 }),
    }),
    { minLength: 5, maxLength: 14 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const { process, names, each } = await standing();
      const other = new Process();
      const all = [
        ...each,
        ...names.map((name, n) => other.follower(name, n === 2 ? 'CONTACT_DELETE' : 'CONTACT_CREATE')),
      ];
      const told: { readonly id: string; readonly isCreation: boolean }[] = [];
      const say = async (count: number): Promise<void> => {
        for (const isCreation of Array.from({ length: count }, (_, n) => n % 3 !== 2)) {
          const [id = ''] = await commit(
            isCreation
              ? (creations(1)[0] ?? { delete: contact('x') })
              : { delete: contact(`gone-${(at += 1)}`) },
          );
          told.push({ id, isCreation });
        }
      };
      for (const { committed, turns, failing } of taken) {
        await say(committed);
        const fail: Meanwhile = (name) =>
          failing !== null && name === names[failing]
            ? Promise.reject(Object.assign(new Error('Busy'), { code: '40P01' }))
            : Promise.resolve();
        process.meanwhile = other.meanwhile = fail;
        const taking = turns.flatMap((n) => all[n] ?? []);
        await Promise.all(taking.map((follower) => follower.followOn(signal).catch(() => undefined)));
      }
      process.meanwhile = other.meanwhile = () => Promise.resolve();
      for (const follower of all) while (await follower.followOn(signal));
      const created = told.filter(({ isCreation }) => isCreation).map(({ id }) => id);
      const gone = told.filter(({ isCreation }) => !isCreation).map(({ id }) => id);
      expect(await Promise.all(names.map(handledBy))).toEqual([created, created, gone]);
    }),
    { numRuns: runs(8) },
  );
});
