import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { accessVariables } from '../../simulator/demo/access-variables';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import { createContact } from '../support/http/simulated';
import { SinchLink } from '../support/http/sinch-link';
import { OwnDatabase } from '../support/process/own-database';
import { MIRROR, ServiceProcess } from '../support/process/service-process';

jest.setTimeout(180_000);

const ADMIN_KEY = 'k'.repeat(32);
const MERGE = /^POST .*:merge$/;

let database: OwnDatabase;
let simulator: Simulator;
let link: SinchLink;

beforeAll(async () => {
  database = await OwnDatabase.create();
});
afterAll(() => database.remove());

let seed = 70;
beforeEach(async () => {
  // nobody subscribes: every callback is lost
  simulator = await startSimulator({ seed: seed++ });
  link = await SinchLink.to(simulator.url);
});
afterEach(async () => {
  await link.close();
  await simulator.close();
});

const env = (): Record<string, string> => ({
  DATABASE_URL: database.url,
  SINCH_WEBHOOK_SECRETS: 's'.repeat(20),
  ADMIN_API_KEY: ADMIN_KEY,
  ...accessVariables(simulator),
  SINCH_API_URL: link.url,
});

interface Answered {
  readonly status: number;
  readonly retryAfter: number;
  readonly body: Record<string, unknown>;
}

async function ask(
  service: ServiceProcess,
  method: string,
  path: string,
  body?: object,
  key?: string,
): Promise<Answered> {
  const answer = await fetch(`${service.base}/v1/projects/${simulator.projectId}${path}`, {
    method,
    redirect: 'manual',
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: answer.status,
    retryAfter: Number(answer.headers.get('retry-after') ?? 0),
    body: (await answer.json()) as Record<string, unknown>,
  };
}

const statusOf = async (service: ServiceProcess, id: string): Promise<number> =>
  (await ask(service, 'GET', `/contacts/${id}`)).status;

interface Pair {
  readonly survivor_id: string;
  readonly loser_id: string;
}

/** For each phone number two contacts that share it, which Sinch and the mirror have. */
async function makePairs(service: ServiceProcess, ...phones: readonly string[]): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (const identity of phones) {
    pairs.push({
      survivor_id: await createContact(simulator, { channel_identities: [{ channel: 'SMS', identity }] }),
      loser_id: await createContact(simulator, {
        channel_identities: [{ channel: 'WHATSAPP', identity }],
        email: `${identity}@example.com`,
      }),
    });
  }
  await ask(service, 'POST', '/sync-runs', { mode: 'backfill' });
  for (const id of pairs.flatMap((pair) => [pair.loser_id, pair.survivor_id]))
    await service.until(async () => (await statusOf(service, id)) === 200);
  return pairs;
}

/** A merge that is asked for, of two contacts or of a set. */
interface Order {
  readonly pair: Pair;
  readonly path: string;
  readonly body: object;
  readonly key: string;
}

interface SetOrder extends Order {
  readonly id: string;
}

/** Has Sinch do merges that are asked for, and kills the service before it has an answer. */
async function crashDuring(service: ServiceProcess, ...orders: readonly Order[]): Promise<void> {
  const never = new Promise(() => undefined);
  const asked: Promise<unknown>[] = [];
  for (const { pair, path, body, key } of orders) {
    link.plan(MERGE, { kind: 'pass', before: () => never });
    asked.push(ask(service, 'POST', path, body, key).catch(() => null));
    await service.until(() => simulator.find(pair.loser_id) === null);
  }
  await service.kill();
  expect(await Promise.all(asked)).toEqual(orders.map(() => null));
}

const orderOf = (pair: Pair): Order => ({
  pair,
  path: '/merges',
  body: { ...pair, reason: 'one person' },
  key: randomUUID(),
});

/** Of the set that two contacts with one phone number form. */
async function orderOfSet(service: ServiceProcess, pair: Pair): Promise<SetOrder> {
  let id: string | undefined;
  await service.until(async () => {
    const { body } = await ask(service, 'GET', `/duplicates?contact_id=${pair.loser_id}`);
    id = (body['duplicates'] as readonly { readonly id: string }[])[0]?.id;
    return id !== undefined;
  });
  const body = { survivor_id: pair.survivor_id };
  return { pair, path: `/duplicates/${id ?? ''}:merge`, body, key: randomUUID(), id: id ?? '' };
}

/** A merge of two contacts and one of a set, both of which Sinch did when the service was killed. */
async function crashOfBoth(): Promise<readonly [Order, SetOrder]> {
  const service = new ServiceProcess(env());
  await service.ready();
  const [one, other] = await makePairs(service, '15550001111', '15550002222');
  if (one === undefined || other === undefined) throw new Error('There are not two pairs');
  const [order, set] = [orderOf(one), await orderOfSet(service, other)];
  await crashDuring(service, order, set);
  return [order, set];
}

/** How a set is answered that was merged. */
const resolved = ({ id, pair }: SetOrder): unknown =>
  expect.objectContaining({
    id,
    status: 'resolved',
    resolved_by: expect.objectContaining({ type: 'CONTACT_MERGE' }) as unknown,
    merges: [expect.objectContaining(pair)],
  });

/** Asks again as the same request: once more after the wait that the answer names, where it is under way still. */
async function askAgain(service: ServiceProcess, { path, body, key }: Order): Promise<Answered> {
  const first = await ask(service, 'POST', path, body, key);
  if (first.status !== 409) return first;
  expect(first.body).toMatchObject({ code: 'idempotency-conflict' });
  expect(first.retryAfter).toBeGreaterThan(1);
  await delay(first.retryAfter * 1_000);
  return ask(service, 'POST', path, body, key);
}

describe('A service that starts after it was killed when Sinch had merged', () => {
  it('finds the merges done, and answers the same requests as it would have', async () => {
    const [order, set] = await crashOfBoth();
    const { pair } = order;
    const service = new ServiceProcess(env());
    await service.ready();
    await service.until(async () => (await statusOf(service, pair.loser_id)) === 307);
    const { body } = await ask(service, 'GET', `/merges?loser_id=${pair.loser_id}`);
    expect(body['merges']).toMatchObject([
      { ...pair, source: 'api', actor: 'admin', fields_filled: ['email'] },
    ]);
    await service.until(
      async () => (await ask(service, 'GET', `/duplicates/${set.id}`)).body['status'] === 'resolved',
    );

    const answer = await askAgain(service, order);
    expect([answer.status, answer.body]).toEqual([201, expect.objectContaining(pair)]);
    // without the key it is another request
    const again = await ask(service, 'POST', order.path, order.body);
    expect([again.status, again.body['errors']]).toEqual([
      409,
      [expect.objectContaining({ code: 'already-merged' })],
    ]);
    // the set is resolved meanwhile: both are answered with its outcome
    for (const answered of [await askAgain(service, set), await ask(service, 'POST', set.path, set.body)])
      expect([answered.status, answered.body]).toEqual([200, resolved(set)]);
    expect(link.count(MERGE)).toBe(2);
    await service.stop();
  });

  it('finds them done when they are asked for again, where it could not ask Sinch at its start', async () => {
    const [order, set] = await crashOfBoth();
    const asks = [order, set].map(({ pair }) => new RegExp(`^GET /contacts/${pair.loser_id}$`));
    for (const one of asks) link.plan(one, { kind: 'answer', status: 403, isDone: false });
    const known = asks.map((one) => link.count(one));
    const service = new ServiceProcess(env());
    await service.ready();
    await service.until(() => asks.every((one, n) => link.count(one) > (known[n] ?? 0)));
    for (const { pair } of [order, set]) expect(await statusOf(service, pair.loser_id)).toBe(200);

    const answer = await ask(service, 'POST', order.path, order.pair);
    expect([answer.status, answer.body['errors']]).toEqual([
      409,
      [expect.objectContaining({ code: 'already-merged' })],
    ]);
    expect(await statusOf(service, order.pair.loser_id)).toBe(307);
    const ofSet = await ask(service, 'POST', set.path, {});
    expect([ofSet.status, ofSet.body]).toEqual([200, resolved(set)]);
    expect(link.count(MERGE)).toBe(2);
    await service.stop();
  });
});

it('finds a merge done by a reconcile too, which takes the loser for merged and not for deleted', async () => {
  const service = new ServiceProcess(env());
  await service.ready();
  const [pair] = await makePairs(service, '15550001111');
  if (pair === undefined) throw new Error('There is no pair');
  const order = orderOf(pair);
  await crashDuring(service, order);
  const command = new ServiceProcess(env(), MIRROR, 'sync', 'reconcile', '--confirm');
  const { code, stdout } = await command.ended;
  expect([code, stdout]).toEqual([0, expect.stringContaining('completed')]);
  const { rows } = await database.owner.query<{ gone: string; survivor_id: string }>(
    'select gone, survivor_id from contact where project_id = $1 and id = $2',
    [simulator.projectId, order.pair.loser_id],
  );
  expect(rows).toEqual([{ gone: 'merged', survivor_id: order.pair.survivor_id }]);
});
