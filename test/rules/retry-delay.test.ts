import fc from 'fast-check';
import { readHttpDate } from '../../src/sinch/read-http-date.rule';
import { readRetryAfterMs, retryDelayMs } from '../../src/sinch/retry-delay.rule';

const limits = { backoffFirstMs: 500, backoffMaxMs: 30_000, retryAfterMaxMs: 60_000 };
const anyRandom = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const anyAttempt = fc.integer({ min: 1, max: 2_000 });
/** Whole seconds of the years that toUTCString writes with four digits. */
const anySecond = fc.integer({ min: 0, max: 253_402_300_799 }).map((seconds) => seconds * 1000);

describe('retryDelayMs', () => {
  it('is anything from nothing to a ceiling that doubles, and is bounded', () => {
    fc.assert(
      fc.property(anyAttempt, anyRandom, (attempt, random) => {
        const delayMs = retryDelayMs(attempt, null, random, limits);
        expect(Number.isInteger(delayMs)).toBe(true);
        expect(delayMs).toBeGreaterThanOrEqual(0);
        expect(delayMs).toBeLessThan(Math.min(30_000, 500 * 2 ** (attempt - 1)));
      }),
    );
    const most = [1, 2, 3, 7, 8].map((attempt) => retryDelayMs(attempt, null, 0.999_999_9, limits));
    expect(most).toEqual([499, 999, 1_999, 29_999, 29_999]);
  });

  it('is never shorter than what the server asks for, up to a limit', () => {
    fc.assert(
      fc.property(anyAttempt, anyRandom, fc.nat(10_000_000), (attempt, random, retryAfterMs) => {
        const beyondMs = retryDelayMs(attempt, retryAfterMs, random, limits) - Math.min(retryAfterMs, 60_000);
        expect(beyondMs).toBeGreaterThanOrEqual(0);
        expect(beyondMs).toBeLessThan(500);
      }),
    );
  });
});

describe('readRetryAfterMs', () => {
  it('reads seconds', () => {
    fc.assert(
      fc.property(fc.nat(999_999_999), (seconds) => {
        expect(readRetryAfterMs(String(seconds), 0)).toBe(seconds * 1000);
      }),
    );
  });

  it('reads a date, as the time that is left', () => {
    fc.assert(
      fc.property(anySecond, anySecond, (atMs, nowMs) => {
        expect(readRetryAfterMs(new Date(atMs).toUTCString(), nowMs)).toBe(Math.max(0, atMs - nowMs));
      }),
    );
  });

  it.each([null, '', '-1', '1.5', '1e3', 'soon', '9999999999', '5, 5'])('finds nothing in %p', (text) => {
    expect(readRetryAfterMs(text, 0)).toBeNull();
  });
});

describe('readHttpDate', () => {
  it('reads what servers write', () => {
    expect(readHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(784_111_777_000);
    fc.assert(
      fc.property(anySecond, (ms) => {
        expect(readHttpDate(new Date(ms).toUTCString())).toBe(ms);
      }),
    );
  });

  it('takes nothing else', () => {
    const others = [
      'Sunday, 06-Nov-94 08:49:37 GMT',
      'Sun Nov  6 08:49:37 1994',
      '1994-11-06T08:49:37.000000000Z',
      'Sun, 06 Nov 1994 08:49:37 CET',
      'Mon, 06 Nov 1994 08:49:37 GMT',
      'Thu, 31 Feb 2026 08:49:37 GMT',
      '1',
      '',
    ];
    for (const text of others) expect(readHttpDate(text)).toBeNull();
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        expect(readHttpDate(text)).toBeNull();
      }),
    );
  });
});
