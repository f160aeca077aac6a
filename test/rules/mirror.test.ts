import fc from 'fast-check';
import { registerChangesOf, join, type Registers } from '../../src/audit/commit/mirror.rule';
import { readNotification, type Notification } from '../../src/audit/commit/read-notification.rule';
import { runs, timeForRuns } from '../support/runs';
import { aHistory, asFound } from '../support/sinch/histories';

const NOW = 1_800_000_000_000_000_000n;

function read(body: Buffer): Notification {
  const reading = readNotification(body, NOW);
  if (reading.kind !== 'event') throw new Error(JSON.stringify(reading));
  return asFound(body, reading.notification);
}

/** The state that a batch leaves, by contact. */
function fold(notifications: readonly Notification[]): Map<string, Registers> {
  const state = new Map<string, Registers>();
  for (const effect of notifications.flatMap(registerChangesOf)) {
    const { contactId, says, went } = effect;
    state.set(contactId, join(state.get(contactId) ?? { says: null, went: null }, { says, went }));
  }
  return state;
}

function joinStates(a: Map<string, Registers>, b: Map<string, Registers>): Map<string, Registers> {
  const state = new Map(a);
  for (const [id, registers] of b)
    state.set(id, join(state.get(id) ?? { says: null, went: null }, registers));
  return state;
}

function print(state: Map<string, Registers>): string {
  return JSON.stringify(
    [...state].sort(([a], [b]) => (a < b ? -1 : 1)),
    (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
  );
}

function* permutations<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= 1) yield items;
  for (const [at, item] of items.entries()) {
    for (const rest of permutations(items.toSpliced(at, 1))) yield [item, ...rest];
  }
}

const orderCount = runs(10_000);

describe('the mirror (C1)', () => {
  it(
    'is one function of the set of events, in thousands of orders with repeats and in random batches',
    () => {
      let orders = 0;
      let seed = 1;
      while (orders < orderCount) {
        const result = fc.check(
          fc.property(aHistory(6), fc.infiniteStream(fc.nat()), (bodies, dice) => {
            const notifications = bodies.map(read);
            const whole = print(fold(notifications));
            const roll = (sides: number): number => Number(dice.next().value) % sides;
            for (const order of permutations(notifications)) {
              orders += 1;
              const repeated = order.flatMap((each) => (roll(4) === 0 ? [each, each] : [each]));
              let state = new Map<string, Registers>();
              while (repeated.length > 0) state = joinStates(state, fold(repeated.splice(0, 1 + roll(3))));
              if (print(state) !== whole) return false;
            }
            return true;
          }),
          { seed: seed++, numRuns: 50 },
        );
        if (result.failed) throw new Error(fc.defaultReportMessage(result) ?? 'failed');
      }
      expect(orders).toBeGreaterThanOrEqual(orderCount);
    },
    timeForRuns(120_000),
  );
});
