import type { DataSource } from 'typeorm';
import { BEGINNING, type Cursor } from '../../src/audit/audit.repository';
import { FollowersRepository, type FollowedEvent } from '../../src/followers/followers.repository';
import { LocksRepository, type Hold } from '../../src/followers/locks.repository';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import { batchOf } from '../../src/audit/commit/commit.repository';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';
import { ask, connect, openPool, openQueue, untilFeedHasAll } from '../support/postgres/connections';
import { until } from '../support/until';
import { event } from '../support/postgres/events';

let database: TestDatabase;
let pool: DataSource;
let queue: CommitQueue;
let followers: FollowersRepository;
let locks: LocksRepository;

beforeAll(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  queue = await openQueue(database.url);
  followers = new FollowersRepository(pool);
  locks = new LocksRepository(pool);
});
afterAll(async () => {
  await queue.close();
  await pool.destroy();
  await database.drop();
});

const placeOf = ({ era, tx, id }: FollowedEvent): Cursor => [String(era), tx, id];

it('gets each event once and none too early, though transactions end in another order than they began', async () => {
  await queue.commit(event('p', { create: contact('first') }));
  const slow = await connect(database.url);
  await slow.query('begin; select pg_current_xact_id()');
  await queue.commit(event('p', { create: contact('quick') }));
  const told: string[] = [];
  let cursor: Cursor = BEGINNING;
  const followOn = async (): Promise<number> => {
    // one by one, so that the cursor stands at each
    for (;;) {
      const {
        events: [next],
      } = await followers.follow(pool, cursor, [], 1);
      if (next === undefined) return told.length;
      told.push(next.contact_id);
      cursor = placeOf(next);
    }
  };
  await until(async () => (await followOn()) === 1);
  const { statement, values } = await batchOf(1, [event('p', { create: contact('slow') })]);
  await slow.query({ ...statement, values: [...values] });
  expect(await followOn()).toBe(1);
  await slow.query('commit');
  await slow.end();
  await until(async () => (await followOn()) === 3);
  expect(told).toEqual(['first', 'slow', 'quick']);
});

it('says whether there may be more events than it gave', async () => {
  for (const id of ['1', '2', '3']) await queue.commit(event('more', { create: contact(id) }));
  await untilFeedHasAll(database.ownerUrl);
  const { events: all, isMore } = await followers.follow(pool, BEGINNING, [], 1_000);
  expect([all.length >= 3, isMore]).toEqual([true, false]);
  const sizes = [all.length - 1, all.length, all.length + 1];
  const said = await Promise.all(sizes.map((size) => followers.follow(pool, BEGINNING, [], size)));
  // one that gave as many as were asked for cannot know
  expect(said.map((batch) => batch.isMore)).toEqual([true, true, false]);
});

it('gives a lock to one at a time, until that lets go or its connection ends', async () => {
  const [mine, other] = [await locks.hold('x'), await locks.hold('y')];
  expect([await mine?.isHeld(), await other?.isHeld()]).toEqual([true, true]);
  expect(await locks.hold('x')).toBeNull();
  await mine?.release();
  const next = await locks.hold('x');
  expect(await next?.isHeld()).toBe(true);
  await ask(
    database.ownerUrl,
    `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and database = (
       select oid from pg_database where datname = current_database())`,
  );
  await until(async () => (await next?.isHeld()) === false);
  await until(async () => (await other?.isHeld()) === false);
  await Promise.all([next?.release(), other?.release()]);
  let last: Hold | null = null;
  await until(async () => {
    // the pool may not have noticed yet that a connection is gone
    last = await locks.hold('x').catch(() => null);
    return last !== null;
  });
  await (last as Hold | null)?.release();
  // what the session was told for the lock does not stay with the connection
  expect(await pool.query('show idle_session_timeout')).toEqual([{ idle_session_timeout: '0' }]);
});

describe('which updates change what a contact is found and counted by', () => {
  const PROJECT = 'values';
  let at = 0;

  /** Commits events one by one. @returns by event, whether a follower that comes now has to look at it */
  const changes = async (...told: readonly Parameters<typeof event>[1][]): Promise<readonly boolean[]> => {
    const [{ last }] = (await ask<{ last: string }>(
      database.ownerUrl,
      'select coalesce(max(id), 0) as last from audit_event',
    )) as [{ last: string }];
    for (const each of told) await queue.commit(event(PROJECT, each, (at += 1_000)));
    let found: readonly FollowedEvent[] = [];
    await until(async () => {
      const { events } = await followers.follow(pool, BEGINNING, [], 1_000);
      found = events.filter(({ id }) => BigInt(id) > BigInt(last));
      return found.length === told.length;
    });
    return found.map((each) => each.changes_values);
  };

  it('not one of the name or the metadata', async () => {
    const john = contact('john', { email: 'john@example.com' });
    await changes({ create: john });
    expect(
      await changes(
        { update: { ...john, display_name: 'Johnny' } },
        { update: { ...john, metadata: '{"a":1}' } },
        { update: john },
      ),
    ).toEqual([false, false, false]);
  });

  it.each([
    ['an e-mail address', { email: 'other@example.com' }],
    ['an external id', { external_id: 'crm-1' }],
    ['a language', { language: 'FR' }],
    ['an identity', { channel_identities: [{ channel: 'SMS', identity: '15557654321', app_id: '' }] }],
    [
      'the app of an identity',
      { channel_identities: [{ channel: 'SMS', identity: '15551234567', app_id: 'a' }] },
    ],
  ])('one of %s', async (what, fields) => {
    const id = `changed ${what}`;
    await changes({ create: contact(id) });
    expect(await changes({ update: contact(id, fields) })).toEqual([true]);
    // the same again, and back
    expect(await changes({ update: contact(id, fields) }, { update: contact(id) })).toEqual([true, true]);
    expect(await changes({ update: contact(id) })).toEqual([false]);
  });

  it('every one of a contact that is deleted, and of one that an earlier release wrote', async () => {
    await changes({ create: contact('gone') }, { delete: contact('gone') });
    expect(await changes({ update: contact('gone', { metadata: 'x' }) })).toEqual([true]);
    await changes({ create: contact('old') });
    await ask(
      database.ownerUrl,
      `update contact set values_digest = null, values_tx = null where id = 'old'`,
    );
    expect(await changes({ update: contact('old', { metadata: 'x' }) })).toEqual([true]);
    expect(await changes({ update: contact('old', { metadata: 'y' }) })).toEqual([false]);
  });
});
