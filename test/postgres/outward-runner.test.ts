import type { DataSource } from 'typeorm';
import { seededRandom } from '../../bench/callbacks';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { openPool, openQueue } from '../support/postgres/connections';
import { ListedStream, listedMessage } from '../support/outward/listed-stream';
import {
  fastPace,
  startRunner,
  storeSubscription,
  type StartedRunner,
  subscriptionTo,
  SUBSCRIPTION,
} from '../support/outward/runners';
import { type ReceivedWebhook, Sink } from '../support/outward/sink';
import { until } from '../support/until';

let database: TestDatabase;
let pool: DataSource;
let sink: Sink;
let running: StartedRunner | null = null;

beforeEach(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  // it begins the first era
  await (await openQueue(database.url)).close();
  sink = await Sink.open();
});
afterEach(async () => {
  await running?.stop();
  running = null;
  await sink.close();
  await pool.destroy();
  await database.drop();
});

const pace = fastPace(500);

/** So many events of so many contacts; some are merges, of two. */
function randomStream(count: number, contacts: number, seed: number): ListedStream {
  const random = seededRandom(seed);
  const contact = (): string => `c${Math.floor(random() * contacts)}`;
  const stream = new ListedStream(50);
  for (let number = 1; number <= count; number++) {
    const keys = random() < 0.05 ? [...new Set([contact(), contact()])] : [contact()];
    stream.events.push([listedMessage(number, keys)]);
  }
  return stream;
}

const isDone = async (stream: ListedStream): Promise<boolean> => {
  const [row] = await pool.query<{ id: number; parked: number }[]>(
    `select p.id::int as id, (select count(*)::int from parked_delivery) as parked from subscription_progress p`,
  );
  return row?.id === stream.events.length && row.parked === 0;
};

/** Pairs of events of one contact of which the later one first arrived before the earlier one was settled. */
function violations(stream: ListedStream, settled: ReadonlyMap<string, number>): readonly string[] {
  const firstAt = new Map<string, number>();
  for (const [at, { id }] of sink.received.entries()) if (!firstAt.has(id)) firstAt.set(id, at);
  const last = new Map<string, string>();
  const found: string[] = [];
  for (const [message] of stream.events) {
    if (message === undefined) continue;
    for (const key of message.keys) {
      const before = last.get(key);
      const isEarly =
        before !== undefined &&
        (firstAt.get(message.id) ?? -1) < (settled.get(before) ?? Number.MAX_SAFE_INTEGER);
      if (isEarly) found.push(`${message.id} came before ${before} was settled`);
      last.set(key, message.id);
    }
  }
  return found;
}

/** Answers 500 to some events for the first times, and notes when each was first answered 200. */
function failSome(seed: number, share: number): Map<string, number> {
  const random = seededRandom(seed);
  const failures = new Map<string, number>();
  const settled = new Map<string, number>();
  sink.answer = ({ id }, times) => {
    if (!failures.has(id)) failures.set(id, random() < share ? 1 + Math.floor(random() * 3) : 0);
    if (times <= (failures.get(id) ?? 0)) return 500;
    if (!settled.has(id)) settled.set(id, sink.received.length - 1);
    return 200;
  };
  return settled;
}

it('delivers every event, those of one contact in order, though some fail', async () => {
  const stream = randomStream(600, 60, 1);
  const settled = failSome(2, 0.08);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream, { pace });
  await until(() => isDone(stream), 50_000);
  expect(new Set(sink.ids).size).toBe(600);
  expect(violations(stream, settled)).toEqual([]);
});

it('loses nothing and keeps the order though it is killed again and again', async () => {
  const stream = randomStream(600, 60, 3);
  const settled = failSome(4, 0.08);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  const random = seededRandom(5);
  let kills = 0;
  let commits = 0;
  for (; kills < 30 && !(await isDone(stream)); kills++) {
    const killAt = commits + 1 + Math.floor(random() * 3);
    const killed = new Promise<void>((resolve) => {
      void startRunner(pool, subscription, stream, {
        owner: `owner ${kills}`,
        pace,
        beforeCommit: () => {
          commits += 1;
          if (commits === killAt) resolve();
        },
      }).then((started) => {
        running = started;
      });
    });
    await Promise.race([killed, new Promise((resolve) => setTimeout(resolve, 2_000))]);
    await until(() => running !== null);
    await running?.kill();
    running = null;
  }
  expect(kills).toBeGreaterThan(5);
  running = await startRunner(pool, subscription, stream, { owner: 'the last', pace });
  await until(() => isDone(stream), 50_000);
  expect(new Set(sink.ids).size).toBe(600);
  expect(violations(stream, settled)).toEqual([]);
});

it('tries what cannot be sent no more often than what a destination refuses', async () => {
  const stream = randomStream(100, 50, 13);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  let tries = 0;
  running = await startRunner(pool, subscription, stream, {
    send: () => {
      tries += 1;
      return Promise.reject(new Error('The key is not there'));
    },
  });
  await until(async () => (await breaker()).state === 'open');
  const [first] = await parkedRows();
  expect(first).toMatchObject({ reason: 'internal-error', tries: 1, last_status: null });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(tries).toBeLessThan(30);
});

it('has a failing contact delay only itself', async () => {
  const stream = new ListedStream();
  for (let number = 1; number <= 40; number++)
    stream.events.push([listedMessage(number, [`c${number % 4}`])]);
  sink.answer = ({ id }) => (['evt_1_4_0'].includes(id) ? 500 : 200);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream);
  await until(async () => (await parkedRows()).length === 10);
  expect(sink.ids.length).toBe(31);
  const [first, ...others] = await parkedRows();
  expect(first).toMatchObject({ event_id: 'evt_1_4_0', reason: 'status-5xx', tries: 1, last_status: 500 });
  expect(others.every((each) => each.reason === 'waiting-behind' && each.next_at === null)).toBe(true);
});

it('has a request that hangs delay only its contact', async () => {
  const stream = new ListedStream(10);
  for (let number = 1; number <= 60; number++)
    stream.events.push([listedMessage(number, [`c${number % 6}`])]);
  sink.answer = ({ id }) => (id === 'evt_1_6_0' ? 'hang' : 200);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream);
  await until(async () => (await parkedRows()).length === 10 && sink.ids.length === 51);
  expect((await parkedRows())[0]).toMatchObject({ event_id: 'evt_1_6_0', reason: 'under-way', tries: 0 });
});

it('stands still while the destination is down, tries it now and then, and continues when it is back', async () => {
  const stream = randomStream(3_000, 300, 6);
  sink.answer = () => 503;
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream, { pace: fastPace(200) });
  await until(async () => (await breaker()).state === 'open');
  await until(() => sink.received.length > 25);
  expect((await parkedRows()).length).toBeLessThanOrEqual(64);
  const [row] = await pool.query<{ id: number }[]>('select id::int as id from subscription_progress');
  expect(row?.id).toBeLessThan(100);
  expect(new Set(sink.received.slice(-5).map(({ id }) => id)).size).toBeGreaterThan(1);
  const downUntil = sink.received.length;
  let concurrent = 0;
  let most = 0;
  sink.answer = async () => {
    concurrent += 1;
    if (sink.received.length < downUntil + 10) most = Math.max(most, concurrent);
    await new Promise((resolve) => setTimeout(resolve, 1));
    concurrent -= 1;
    return 200;
  };
  await until(() => isDone(stream), 50_000);
  expect(most).toBe(1);
  expect(new Set(sink.ids).size).toBe(3_000);
});

it('is disabled by 410, with nothing lost', async () => {
  const stream = randomStream(50, 50, 7);
  sink.answer = ({ id }) => (id === 'evt_1_20_0' ? 410 : 200);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream);
  await until(async () => (await state()).state === 'disabled');
  expect(await state()).toEqual({ state: 'disabled', state_reason: 'gone' });
  const [told] = await pool.query<object[]>('select type, subject, keys from domain_event');
  expect(told).toEqual({ type: 'subscription.disabled', subject: SUBSCRIPTION, keys: [] });
  const sent = new Set(sink.ids);
  await pool.query(`update subscription set state = 'active'`);
  await running?.stop();
  sink.answer = () => 200;
  running = await startRunner(pool, subscription, stream, { pace });
  await until(() => isDone(stream));
  expect(new Set(sink.ids).size).toBe(50);
  expect(sent.size).toBeLessThan(50);
});

it('gives up a message that the destination calls bad three times, and continues with its contact', async () => {
  const stream = new ListedStream();
  for (let number = 1; number <= 3; number++) stream.events.push([listedMessage(number, ['c'])]);
  sink.answer = ({ id }) => (id === 'evt_1_1_0' ? 422 : 200);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream, { pace });
  await until(() => isDone(stream));
  expect(sink.received.map(({ id }) => id)).toEqual([
    'evt_1_1_0',
    'evt_1_1_0',
    'evt_1_1_0',
    'evt_1_2_0',
    'evt_1_3_0',
  ]);
  const [dead] = await pool.query<object[]>('select event_id, reason, tries, last_status from dead_delivery');
  expect(dead).toEqual({ event_id: 'evt_1_1_0', reason: 'status-4xx', tries: 3, last_status: 422 });
  const [told] = await pool.query<object[]>('select type, data from domain_event');
  expect(told).toEqual({
    type: 'delivery.dead',
    data: { subscription_id: SUBSCRIPTION, event_id: 'evt_1_1_0', reason: 'status-4xx' },
  });
  const attempts = await pool.query<object[]>('select outcome, status from delivery_attempt order by number');
  expect(attempts.slice(0, 1)).toEqual([{ outcome: 'failed', status: 422 }]);
  expect(attempts).toHaveLength(5);
});

it('writes and sends nothing more once another has the lease', async () => {
  const stream = randomStream(20, 20, 8);
  sink.answer = () => 200;
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  let isTaken = false;
  running = await startRunner(pool, subscription, stream, {
    beforeCommit: async () => {
      if (isTaken) return;
      isTaken = true;
      await pool.query(`update subscription_progress set epoch = epoch + 1, owner = 'other'`);
    },
  });
  await until(() => isTaken);
  await running?.stop();
  running = null;
  const [row] = await pool.query<{ id: number }[]>('select id::int as id from subscription_progress');
  expect(row?.id).toBe(0);
  expect((await parkedRows()).length).toBe(0);
});

it('sends nothing whose answer may come after the lease', async () => {
  const stream = randomStream(20, 20, 9);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream, { leaseEnd: () => performance.now() + 14_000 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(sink.received).toEqual([]);
});

it('keeps of a replica only the newest of what waits, but each merge', async () => {
  const stream = new ListedStream();
  for (let number = 1; number <= 9; number++)
    stream.events.push([listedMessage(number, number === 5 ? ['c', 'd'] : ['c'])]);
  sink.answer = () => 500;
  const subscription = subscriptionTo(sink.url, { purpose: 'replica' });
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream);
  await until(async () => (await parkedRows()).length > 0);
  expect((await parkedRows()).map(({ event_id }) => event_id)).toEqual([
    'evt_1_4_0',
    'evt_1_5_0',
    'evt_1_9_0',
  ]);
  const skipped = await pool.query<object[]>(
    `select event_id, reason from delivery_attempt where outcome = 'skipped' order by number`,
  );
  expect(skipped).toHaveLength(6);
  expect(skipped[0]).toEqual({ event_id: 'evt_1_1_0', reason: 'superseded' });
});

it('sends one event per contact where it is asked to', async () => {
  const stream = randomStream(200, 20, 10);
  const subscription = subscriptionTo(sink.url, { filterJson: { once_per: 'contact' } });
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream, { pace });
  await until(() => isDone(stream));
  const subjects = new Set(stream.events.map(([message]) => message?.subject));
  expect(sink.received).toHaveLength(subjects.size);
});

it('reads behind the end by the delay, and leaves out contacts that were deleted or merged meanwhile', async () => {
  const stream = new ListedStream();
  stream.events.push([listedMessage(1, ['gone'], { receivedAt: new Date(Date.now() - 20_000) })]);
  stream.events.push([listedMessage(2, ['here'], { receivedAt: new Date(Date.now() - 20_000) })]);
  stream.events.push([listedMessage(3, ['new'], { receivedAt: new Date(Date.now() + 3_600_000) })]);
  await pool.query(
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys, gone, gone_version, gone_tie_break)
     values ('p', 'gone', 1, '\\x03', '{}', '{}', 'deleted', 2, '\\x01')`,
  );
  const subscription = subscriptionTo(sink.url, { filterJson: { delay_seconds: 10 } });
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream);
  await until(
    async () =>
      (await pool.query<{ id: number }[]>('select id::int as id from subscription_progress'))[0]?.id === 2,
  );
  expect(sink.ids).toEqual(['evt_1_2_0']);
  const [skipped] = await pool.query<object[]>(
    "select event_id, outcome, reason from delivery_attempt where outcome = 'skipped'",
  );
  expect(skipped).toEqual({ event_id: 'evt_1_1_0', outcome: 'skipped', reason: 'left-meanwhile' });
});

it('sends the same bytes and id at every try', async () => {
  const stream = randomStream(30, 5, 11);
  failSome(12, 0.5);
  const subscription = subscriptionTo(sink.url);
  await storeSubscription(pool, subscription);
  running = await startRunner(pool, subscription, stream, { pace });
  await until(() => isDone(stream));
  const bodies = new Map<string, string>();
  for (const { id, body } of sink.received as readonly ReceivedWebhook[]) {
    expect(bodies.get(id) ?? body.toString()).toBe(body.toString());
    bodies.set(id, body.toString());
  }
});

interface ParkedRow {
  readonly event_id: string;
  readonly reason: string;
  readonly tries: number;
  readonly next_at: Date | null;
  readonly last_status: number | null;
}

async function parkedRows(): Promise<readonly ParkedRow[]> {
  return await pool.query<ParkedRow[]>(
    'select event_id, reason, tries, next_at, last_status from parked_delivery order by number',
  );
}

async function breaker(): Promise<{ readonly state: string }> {
  const [row] = await pool.query<{ breaker: { state: string } }[]>(
    'select breaker from subscription_progress',
  );
  return row?.breaker ?? { state: '' };
}

async function state(): Promise<{ readonly state?: string }> {
  const [row] = await pool.query<object[]>('select state, state_reason from subscription');
  return row ?? {};
}
