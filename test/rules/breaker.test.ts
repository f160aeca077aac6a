import fc from 'fast-check';
import {
  afterAttempt,
  afterTime,
  type Breaker,
  CLOSED,
  concurrencyOf,
  failedContactsMin,
  failuresInRowMin,
  firstProbeMs,
  nextProbe,
  openMaxMs,
  type Outcome,
  probeUnderWayMs,
  probeWaitMaxMs,
  successesToDouble,
  windowAttemptsMin,
  windowMs,
  windowStepMs,
} from '../../src/outward/breaker.rule';
import { runs } from '../support/runs';

/** An attempt that took no time. */
const after = (breaker: Breaker, outcome: Outcome, atMs: number, contactId = 'C', concurrency = 8): Breaker =>
  afterAttempt(breaker, { contactId, outcome, beganAtMs: atMs, endedAtMs: atMs }, concurrency);

function openedAt(atMs: number): Breaker {
  let breaker = CLOSED;
  for (let at = 0; at < failuresInRowMin; at++) breaker = after(breaker, 'destination-fault', atMs, `C${at}`);
  return breaker;
}

/** Tries one head and answers what is then. */
function probed(
  breaker: Breaker,
  atMs: number,
  outcome: Outcome,
  heads: readonly string[] = ['A', 'B', 'C'],
): Breaker {
  const probe = nextProbe(breaker, heads, atMs);
  if (probe === null) throw new Error('no probe is due');
  return after(probe.breaker, outcome, atMs, probe.contactId);
}

const aStep = fc.record({
  outcome: fc.constantFrom<Outcome>('delivered', 'destination-fault', 'destination-fault', 'message-fault'),
  contactId: fc.constantFrom('A', 'B', 'C', 'D'),
  passedMs: fc.oneof(fc.nat(200), fc.nat(20_000)),
});

describe('A closed breaker', () => {
  it('opens exactly when ten failures in a row hit three contacts, or half of twenty failed within a minute', () => {
    fc.assert(
      fc.property(fc.array(aStep, { minLength: 1, maxLength: 80 }), (steps) => {
        let breaker = CLOSED;
        let nowMs = 1_000_000;
        const seen: { outcome: Outcome; contactId: string; step: number }[] = [];
        for (const { outcome, contactId, passedMs } of steps) {
          nowMs += passedMs;
          breaker = after(breaker, outcome, nowMs, contactId);
          const step = Math.floor(nowMs / windowStepMs);
          if (outcome !== 'message-fault') seen.push({ outcome, contactId, step });
          const row = seen.slice(seen.findLastIndex((each) => each.outcome === 'delivered') + 1);
          const isRow =
            row.length >= failuresInRowMin &&
            new Set(row.map((each) => each.contactId)).size >= failedContactsMin;
          const recent = seen.filter((each) => each.step > step - windowMs / windowStepMs);
          const failures = recent.filter((each) => each.outcome === 'destination-fault').length;
          const isHalf = recent.length >= windowAttemptsMin && failures / recent.length >= 0.5;
          const isOpen = outcome === 'destination-fault' && (isRow || isHalf);
          expect(breaker.state).toBe(isOpen ? 'open' : 'closed');
          if (isOpen) return;
        }
      }),
      { numRuns: runs(500) },
    );
  });

  it('stays closed however often one contact fails, and however many messages are bad', () => {
    let breaker = CLOSED;
    for (let at = 0; at < windowAttemptsMin - 1; at++) breaker = after(breaker, 'destination-fault', at, 'A');
    expect(breaker.state).toBe('closed');
    breaker = CLOSED;
    for (let at = 0; at < 1_000; at++) breaker = after(breaker, 'message-fault', at, `C${at}`);
    expect(breaker).toEqual(CLOSED);
  });

  it('opens where exactly half of twenty failed, of one contact too', () => {
    let breaker = CLOSED;
    for (let at = 0; at < windowAttemptsMin / 2; at++) breaker = after(breaker, 'delivered', at, 'A');
    for (let at = 0; at < windowAttemptsMin / 2 - 1; at++)
      breaker = after(breaker, 'destination-fault', at, 'A');
    expect(breaker.state).toBe('closed');
    expect(after(breaker, 'destination-fault', windowMs - windowStepMs, 'A').state).toBe('open');
    // by then the first ones are older than a minute
    expect(after(breaker, 'destination-fault', windowMs, 'A').state).toBe('closed');
  });

  it('holds no ids of contacts and stays small', () => {
    let breaker = CLOSED;
    for (let at = 0; at < 5_000; at++)
      breaker = after(breaker, at % 3 === 0 ? 'destination-fault' : 'delivered', at * 700, 'contact-id');
    breaker = after(breaker, 'destination-fault', 5_000 * 700, 'contact-id');
    expect(JSON.stringify(breaker)).not.toContain('contact-id');
    expect(JSON.stringify(breaker).length).toBeLessThan(1_000);
    expect(afterTime(breaker, Number.MAX_SAFE_INTEGER)).toBe(breaker);
  });
});

describe('An open breaker', () => {
  it('tries one head after 5 s, then after waits that double up to 5 min', () => {
    let breaker = openedAt(1_000);
    const waits: number[] = [];
    let nowMs = 1_000;
    for (let at = 0; at < 9; at++) {
      let waitMs = 0;
      while (nextProbe(breaker, ['A'], nowMs + waitMs) === null) waitMs += 1_000;
      waits.push(waitMs / 1_000);
      nowMs += waitMs;
      breaker = probed(breaker, nowMs, 'destination-fault', ['A']);
    }
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
    expect(concurrencyOf(breaker, 8)).toBe(0);
  });

  it('tries another contact each time, and the one tried longest ago where there is no other', () => {
    const tried: string[] = [];
    let breaker = openedAt(0);
    for (let at = 1; at <= 7; at++) {
      const probe = nextProbe(breaker, ['A', 'B', 'C'], at * probeWaitMaxMs);
      if (probe === null) throw new Error('no probe is due');
      tried.push(probe.contactId);
      breaker = after(probe.breaker, 'destination-fault', at * probeWaitMaxMs, probe.contactId);
    }
    expect(tried.join('')).toBe('ABCABCA');
    expect(nextProbe(breaker, [], 100 * probeWaitMaxMs)).toBeNull();
  });

  it('has one probe at a time, and begins another where the sender of one was killed', () => {
    const probe = nextProbe(openedAt(0), ['A'], firstProbeMs);
    if (probe === null) throw new Error('no probe is due');
    expect(nextProbe(probe.breaker, ['A', 'B'], firstProbeMs + probeUnderWayMs - 1)).toBeNull();
    expect(nextProbe(probe.breaker, ['A', 'B'], firstProbeMs + probeUnderWayMs)?.contactId).toBe('B');
  });

  it('is not moved by requests that began before it opened', () => {
    const breaker = openedAt(10_000);
    for (const outcome of ['delivered', 'destination-fault'] as const)
      expect(
        afterAttempt(breaker, { contactId: 'A', outcome, beganAtMs: 10_000, endedAtMs: 20_000 }, 8),
      ).toBe(breaker);
  });

  it('still tries, and believes, where the clock was put back', () => {
    const breaker = openedAt(10 * openMaxMs);
    expect(probed(breaker, 1_000, 'delivered').state).toBe('half-open');
    expect(afterTime(breaker, 1_000)).toBe(breaker);
  });

  it('is disabled after five days, and at once by 410', () => {
    const breaker = openedAt(0);
    expect(afterTime(breaker, openMaxMs - 1)).toBe(breaker);
    const disabled: Breaker = { state: 'disabled', reason: 'open-too-long', sinceMs: openMaxMs };
    expect(afterTime(breaker, openMaxMs)).toEqual(disabled);
    expect(probed(breaker, openMaxMs, 'destination-fault')).toEqual(disabled);
    for (const each of [CLOSED, breaker, probed(breaker, 9_000, 'delivered')])
      expect(after(each, 'gone', 9_500)).toEqual({ state: 'disabled', reason: 'gone', sinceMs: 9_500 });
    expect(after(disabled, 'delivered', openMaxMs + 1)).toBe(disabled);
    expect(concurrencyOf(disabled, 8)).toBe(0);
    expect(nextProbe(disabled, ['A'], 2 * openMaxMs)).toBeNull();
  });
});

describe('A half-open breaker', () => {
  it.each([
    [1, [1]],
    [2, [1]],
    [8, [1, 2, 4]],
    [20, [1, 2, 4, 8, 16]],
    [64, [1, 2, 4, 8, 16, 32]],
  ])(
    'of %i requests at once doubles them after ten successes each, until it is closed',
    (configured, expected) => {
      let breaker = probed(openedAt(0), firstProbeMs, 'delivered');
      const seen: number[] = [];
      while (breaker.state === 'half-open') {
        seen.push(concurrencyOf(breaker, configured));
        for (let at = 0; at < successesToDouble; at++) {
          expect(breaker.state).toBe('half-open');
          breaker = after(breaker, 'delivered', firstProbeMs + 1, 'A', configured);
        }
      }
      expect(seen).toEqual(expected);
      expect(breaker).toEqual(CLOSED);
      expect(concurrencyOf(breaker, configured)).toBe(configured);
    },
  );

  it('begins where a probe was delivered, or was refused as a message', () => {
    for (const outcome of ['delivered', 'message-fault'] as const) {
      const breaker = probed(openedAt(0), firstProbeMs, outcome);
      expect(breaker).toEqual({ state: 'half-open', sinceMs: firstProbeMs, concurrency: 1, successes: 0 });
      expect(after(breaker, 'message-fault', firstProbeMs)).toBe(breaker);
    }
  });

  it('opens again by one failure, but not by one of a request that began before', () => {
    const breaker = probed(openedAt(0), firstProbeMs, 'delivered');
    const old = {
      contactId: 'A',
      outcome: 'destination-fault',
      beganAtMs: firstProbeMs - 1,
      endedAtMs: 9_000,
    } as const;
    expect(afterAttempt(breaker, old, 8)).toBe(breaker);
    expect(after(breaker, 'destination-fault', 9_000)).toEqual(openedAt(9_000));
  });
});

it('A breaker never waits longer than five minutes, and is disabled only by 410 or five days', () => {
  const anAttempt = fc.record({
    outcome: fc.constantFrom<Outcome>(
      'delivered',
      'destination-fault',
      'destination-fault',
      'message-fault',
      'gone',
    ),
    contactId: fc.constantFrom('A', 'B', 'C', 'D'),
    passedMs: fc.oneof(
      { arbitrary: fc.nat(60_000), weight: 9 },
      { arbitrary: fc.nat(2 * openMaxMs), weight: 1 },
    ),
  });
  fc.assert(
    fc.property(
      fc.array(anAttempt, { maxLength: 120 }),
      fc.integer({ min: 1, max: 64 }),
      (attempts, concurrency) => {
        let breaker = CLOSED;
        let nowMs = 0;
        for (const { outcome, contactId, passedMs } of attempts) {
          nowMs += passedMs;
          const was = breaker;
          const probe = nextProbe(breaker, [contactId], nowMs);
          breaker = after(probe?.breaker ?? breaker, outcome, nowMs, contactId, concurrency);
          expect(concurrencyOf(breaker, concurrency)).toBeLessThanOrEqual(concurrency);
          if (breaker.state === 'open') {
            expect(breaker.nextProbeAtMs - nowMs).toBeLessThanOrEqual(probeWaitMaxMs);
            expect(nextProbe(breaker, ['A'], nowMs + probeWaitMaxMs)).not.toBeNull();
          }
          if (breaker.state === 'disabled' && was.state !== 'disabled') {
            const isOverdue = was.state === 'open' && nowMs - was.sinceMs >= openMaxMs;
            expect(breaker.reason === 'gone' ? outcome === 'gone' : isOverdue).toBe(true);
          }
        }
      },
    ),
    { numRuns: runs(300) },
  );
});
