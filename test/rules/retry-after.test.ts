import fc from 'fast-check';
import {
  decideRetry,
  type FailedDelivery,
  messageFaultTriesMax,
  retryAfterMaxMs,
  retryForMaxMs,
} from '../../src/outward/retry-after.rule';

const [second, minute, hour] = [1_000, 60_000, 3_600_000];
const LADDER = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  2 * hour,
  6 * hour,
  12 * hour,
  24 * hour,
];

const aRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const failed = (more: Partial<FailedDelivery> = {}): FailedDelivery => ({
  tries: 1,
  messageFaults: 0,
  firstTriedAtMs: 0,
  stoodStillMs: 0,
  ...more,
});

/** How often a delivery is tried that always fails, and when, in ms after the first try. */
function triesOf(
  randoms: readonly number[],
  retryAfterMs: number | null,
  isMessageFault = false,
): readonly number[] {
  const at = [0];
  for (;;) {
    const tries = at.length;
    const delivery = failed({ tries, messageFaults: isMessageFault ? tries : 0 });
    const decision = decideRetry(
      delivery,
      at.at(-1) ?? 0,
      retryAfterMs,
      randoms[tries % randoms.length] ?? 0,
    );
    if (decision.kind === 'dead') return at;
    at.push((at.at(-1) ?? 0) + decision.waitMs);
  }
}

describe('A delivery that failed', () => {
  it('waits as listed, then 24 h each time, until five days after the first try', () => {
    const at = triesOf([0], null);
    const waits = at.slice(1).map((each, index) => each - (at[index] ?? 0));
    expect(waits.slice(0, 9)).toEqual(LADDER);
    expect(waits.slice(9, -1)).toEqual([24 * hour, 24 * hour, 24 * hour]);
    expect(at.at(-1)).toBe(retryForMaxMs);
  });

  it('waits up to a fifth longer, and never for nothing', () => {
    fc.assert(
      fc.property(fc.nat(8), aRandom, (index, random) => {
        const decision = decideRetry(failed({ tries: index + 1 }), 0, null, random);
        if (decision.kind === 'dead') throw new Error('dead');
        const plain = LADDER[index] ?? 0;
        expect(decision.waitMs).toBe(Math.floor(plain * (1 + 0.2 * random)));
      }),
    );
  });

  it('is tried a limited number of times, the last time five days after the first', () => {
    fc.assert(
      fc.property(
        fc.array(aRandom, { minLength: 1, maxLength: 20 }),
        fc.option(fc.nat(10 * hour)),
        (randoms, retryAfterMs) => {
          const at = triesOf(randoms, retryAfterMs);
          expect(at.length).toBeLessThanOrEqual(15);
          expect(at.at(-1)).toBe(retryForMaxMs);
          for (const [index, each] of at.entries())
            if (index > 0) expect(each).toBeGreaterThan(at[index - 1] ?? 0);
        },
      ),
    );
  });

  it('waits longer where the destination asks for it, up to an hour', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        aRandom,
        fc.nat(100 * hour),
        (tries, random, retryAfterMs) => {
          const [asked, plain] = [retryAfterMs, null].map((each) =>
            decideRetry(failed({ tries }), 0, each, random),
          );
          if (asked?.kind !== 'wait' || plain?.kind !== 'wait') throw new Error('dead');
          expect(asked.waitMs).toBe(Math.max(plain.waitMs, Math.min(retryAfterMs, retryAfterMaxMs)));
        },
      ),
    );
  });

  it('is given up after three message faults, however many other failures there were', () => {
    expect(triesOf([0], null, true)).toHaveLength(messageFaultTriesMax);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 5 }), (tries, messageFaults) => {
        const { kind } = decideRetry(failed({ tries, messageFaults }), 0, null, 0);
        expect(kind).toBe(messageFaults >= messageFaultTriesMax ? 'dead' : 'wait');
      }),
    );
  });

  it('does not lose the time that its timer stood still', () => {
    const late = retryForMaxMs + hour;
    expect(decideRetry(failed({ tries: 3 }), late, null, 0)).toEqual({ kind: 'dead' });
    expect(decideRetry(failed({ tries: 3, stoodStillMs: 2 * hour }), late, null, 0)).toEqual({
      kind: 'wait',
      waitMs: 2 * minute,
    });
  });

  it('never waits a negative time, whatever the clock says', () => {
    const anyMs = fc.maxSafeInteger();
    fc.assert(
      fc.property(
        anyMs,
        anyMs,
        fc.nat(hour),
        fc.nat(50),
        aRandom,
        (firstTriedAtMs, nowMs, stoodStillMs, tries, random) => {
          const decision = decideRetry(
            failed({ tries: tries + 1, firstTriedAtMs, stoodStillMs }),
            nowMs,
            null,
            random,
          );
          if (decision.kind === 'wait') expect(decision.waitMs).toBeGreaterThan(0);
          if (decision.kind === 'wait') expect(decision.waitMs).toBeLessThanOrEqual(28.8 * hour);
        },
      ),
    );
  });
});
