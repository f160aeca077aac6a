import { EventEmitter } from 'node:events';
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadSlots, turnOf } from '../../src/access/read-slots';
import { Problem } from '../../src/rest/problems/problem';
import { runs } from '../support/runs';

const LIST = '/v1/projects/:project_id/contacts';

/** A request on its way through the slots, and its client. */
class Read {
  readonly request: FastifyRequest;
  private readonly raw = Object.assign(new EventEmitter(), { destroyed: false });
  /** `waiting`, `running`, `ended`, or the code of the problem by which it was refused. */
  state = 'waiting';

  constructor(slots: ReadSlots, key: string, method = 'GET', url = LIST, query = {}) {
    this.request = { method, routeOptions: { url }, query } as unknown as FastifyRequest;
    slots.enter(this.request, { raw: this.raw } as unknown as FastifyReply, key).then(
      () => (this.state = 'running'),
      (error: unknown) => (this.state = error instanceof Problem ? error.code : 'failed'),
    );
  }

  end(): void {
    turnOf(this.request).end();
    this.state = 'ended';
  }

  leave(): void {
    this.raw.destroyed = true;
    this.raw.emit('close');
  }
}

const read = (slots: ReadSlots, key: string, count: number): readonly Read[] =>
  Array.from({ length: count }, () => new Read(slots, key));
const statesOf = (reads: readonly Read[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { state } of reads) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
};

it('leaves turns to other keys, however many reads of one key come first', async () => {
  const slots = new ReadSlots();
  const many = read(slots, 'many', 100);
  const others = [...read(slots, 'other', 1), ...read(slots, 'third', 1)];
  await nextTurn();
  expect([statesOf(many), statesOf(others)]).toEqual([{ running: 16, waiting: 84 }, { running: 2 }]);
});

it('gives a free turn to the key that has the fewest, the oldest read first', async () => {
  const slots = new ReadSlots();
  const [one, two] = [read(slots, 'one', 40), read(slots, 'two', 40)];
  const late = read(slots, 'late', 2);
  await nextTurn();
  expect([statesOf(one)['running'], statesOf(two)['running'], statesOf(late)]).toEqual([
    16,
    8,
    { waiting: 2 },
  ]);
  one[0]?.end();
  await nextTurn();
  expect(late.map(({ state }) => state)).toEqual(['running', 'waiting']);
  for (const each of one.slice(1, 16)) each.end();
  await nextTurn();
  expect(late.map(({ state }) => state)).toEqual(['running', 'running']);
});

it('carries out no read whose client has left', async () => {
  const slots = new ReadSlots();
  const reads = read(slots, 'key', 17);
  await nextTurn();
  reads[16]?.leave();
  reads[0]?.end();
  await nextTurn();
  expect([reads[16]?.state, statesOf(reads)]).toEqual([
    'unavailable',
    { ended: 1, running: 15, unavailable: 1 },
  ]);
});

it('lets no more than 500 reads of a key wait', async () => {
  const slots = new ReadSlots();
  const reads = read(slots, 'key', 517);
  await nextTurn();
  expect(statesOf(reads)).toEqual({ running: 16, waiting: 500, 'rate-limited': 1 });
});

it('takes HEAD, long polls and reads by POST for reads, and nothing else', async () => {
  const slots = new ReadSlots();
  read(slots, 'key', 16);
  const taken = [
    new Read(slots, 'key', 'HEAD'),
    new Read(slots, 'key', 'GET', `${LIST}:changes`, { wait: '30' }),
    new Read(slots, 'key', 'POST', `${LIST}:batchGet`),
  ];
  const others = [
    new Read(slots, 'key', 'POST', '/v1/projects/:project_id/merges'),
    new Read(slots, 'key', 'GET', '/v1/api-keys'),
  ];
  await nextTurn();
  expect([statesOf(taken), statesOf(others)]).toEqual([{ waiting: 3 }, { running: 2 }]);
});

it('gives the turn back while something is awaited, and takes another only to continue', async () => {
  const slots = new ReadSlots();
  const [held] = read(slots, 'key', 1);
  await nextTurn();
  if (held === undefined) throw new Error('no read');
  const turn = turnOf(held.request);
  let wake: (goesOn: boolean) => void = () => undefined;
  const waited = turn.without(() => new Promise<boolean>((resolve) => (wake = resolve)));
  const others = read(slots, 'key', 17);
  await nextTurn();
  expect(statesOf(others)).toEqual({ running: 16, waiting: 1 });
  wake(false);
  expect(await waited).toBe(false);
  others[0]?.end();
  await nextTurn();
  expect(statesOf(others)).toEqual({ ended: 1, running: 16 });
});

describe('While many deliveries arrive', () => {
  const besideDeliveries = Math.min(Math.ceil(1.5 * availableParallelism()), 24);
  const deliver = (slots: ReadSlots, count: number): void => {
    for (let n = 0; n < count; n++) slots.giveWayToDelivery();
  };
  /** Three keys with twenty reads each, and all but one of those that run end. */
  const besides = async (deliveries: number): Promise<readonly Read[]> => {
    const slots = new ReadSlots();
    const reads = ['a', 'b', 'c'].flatMap((key) => read(slots, key, 20));
    await nextTurn();
    deliver(slots, deliveries);
    for (const each of reads.filter(({ state }) => state === 'running').slice(0, 23)) each.end();
    await nextTurn();
    return reads;
  };
  afterEach(() => jest.useRealTimers());

  it('fewer reads run', async () => {
    expect(statesOf(await besides(49))['running']).toBe(24);
    expect(statesOf(await besides(50))['running']).toBe(besideDeliveries);
  });

  it('those who wait are not passed, and start when deliveries cease', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const slots = new ReadSlots();
    deliver(slots, 50);
    const first = read(slots, 'key', 20);
    await nextTurn();
    const before = statesOf(first);
    jest.advanceTimersByTime(999);
    await nextTurn();
    expect(statesOf(first)).toEqual(before);
    jest.advanceTimersByTime(1_001);
    await nextTurn();
    expect(statesOf(first)).toEqual({ running: 16, waiting: 4 });
    const late = read(slots, 'key', 1);
    first[0]?.end();
    await nextTurn();
    expect([statesOf(first), statesOf(late)]).toEqual([
      { ended: 1, running: 16, waiting: 3 },
      { waiting: 1 },
    ]);
  });
});

it('loses no turn, in whatever order reads come, end and are given up', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.tuple(fc.constantFrom('come', 'end', 'leave', 'tick'), fc.nat(), fc.constantFrom('a', 'b', 'c')),
        {
          maxLength: 300,
        },
      ),
      async (steps) => {
        const slots = new ReadSlots();
        const reads: Read[] = [];
        for (const [step, n, key] of steps) {
          const some = reads[n % Math.max(reads.length, 1)];
          if (step === 'come') reads.push(...read(slots, key, 1 + (n % 9)));
          else if (step === 'tick') await nextTurn();
          else if (step === 'leave') some?.leave();
          else if (some?.state === 'running') some.end();
        }
        for (const each of reads) each.leave();
        await nextTurn();
        const all = ['x', 'y'].flatMap((key) => read(slots, key, 12));
        await nextTurn();
        expect(statesOf(all)).toEqual({ running: 24 });
      },
    ),
    { numRuns: runs(100) },
  );
});
