import type { DataSource } from 'typeorm';
import { BEGINNING, type Cursor } from '../../src/audit/audit.repository';
import { FollowersRepository, type FollowedEvent, type Hold } from '../../src/audit/followers.repository';
import type { CommitQueue } from '../../src/contacts/commit-queue';
import { batchOf } from '../../src/contacts/commit.repository';
import { createDatabase, type TestDatabase } from '../server/database';
import { contact } from '../sinch/callbacks';
import { ask, connect, openPool, openQueue, until } from './connections';
import { event } from './events';

let database: TestDatabase;
let pool: DataSource;
let queue: CommitQueue;
let followers: FollowersRepository;

beforeAll(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  queue = await openQueue(database.url);
  followers = new FollowersRepository(pool);
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
      const [next] = await followers.follow(pool, cursor, [], 1);
      if (next === undefined) return told.length;
      told.push(next.contact_id);
      cursor = placeOf(next);
    }
  };
  await until(async () => (await followOn()) === 1);
  const { statement, values } = batchOf(1, [event('p', { create: contact('slow') })]);
  await slow.query({ ...statement, values: [...values] });
  expect(await followOn()).toBe(1);
  await slow.query('commit');
  await slow.end();
  await until(async () => (await followOn()) === 3);
  expect(told).toEqual(['first', 'slow', 'quick']);
});

it('gives a lock to one at a time, until that lets go or its connection ends', async () => {
  const [mine, other] = [await followers.hold('x'), await followers.hold('y')];
  expect([await mine?.isHeld(), await other?.isHeld()]).toEqual([true, true]);
  expect(await followers.hold('x')).toBeNull();
  await mine?.release();
  const next = await followers.hold('x');
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
    last = await followers.hold('x').catch(() => null);
    return last !== null;
  });
  await (last as Hold | null)?.release();
  // what the session was told for the lock does not stay with the connection
  expect(await pool.query('show idle_session_timeout')).toEqual([{ idle_session_timeout: '0' }]);
});
