import fc from 'fast-check';
import { WaitAborted } from '../../src/sinch/until-aborted';
import { ManualClock } from '../support/sinch/manual-clock';
import { BucketCrowded, RequestBucket } from '../../src/sinch/request-bucket';

/** Of one who does not give up. */
const neverAborted = (): AbortSignal => new AbortController().signal;

describe('The bucket', () => {
  it('lets no more go in any second than allowed, in the order of arrival, and wastes little', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 900 }),
        fc.array(fc.nat(300), { minLength: 1, maxLength: 300 }),
        async (burst, perSecond, pausesMs) => {
          const clock = new ManualClock();
          const bucket = new RequestBucket({ burst, perSecond, waitersMax: 1_000 }, clock);
          const gone: { readonly n: number; readonly atMs: number }[] = [];
          const take = async (n: number): Promise<void> => {
            await bucket.take(neverAborted());
            gone.push({ n, atMs: clock.monotonicMs() });
          };
          const waits: Promise<void>[] = [];
          for (const [n, pauseMs] of pausesMs.entries()) {
            // some come while others wait
            if (n % 3 === 0) {
              await new Promise(setImmediate);
              clock.pass(pauseMs);
            }
            waits.push(take(n));
          }
          await Promise.all(waits);
          expect(gone.map(({ n }) => n)).toEqual(pausesMs.map((_pause, n) => n));
          for (const [first, { atMs }] of gone.entries()) {
            const within = gone.slice(first).filter((other) => other.atMs < atMs + 1_000).length;
            expect(within).toBeLessThanOrEqual(burst + perSecond);
          }
          const waitedMs = clock.slept.reduce((sum, ms) => sum + ms, 0);
          // each sleep is rounded up to a whole ms
          expect(waitedMs).toBeLessThanOrEqual((1_000 * pausesMs.length) / perSecond + clock.slept.length);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('stays below 800 a second with the limits of the client', async () => {
    const clock = new ManualClock();
    const bucket = new RequestBucket({ burst: 50, perSecond: 650, waitersMax: 10_000 }, clock);
    const began = clock.monotonicMs();
    await Promise.all(Array.from({ length: 6_550 }, () => bucket.take(neverAborted())));
    expect(clock.monotonicMs() - began).toBeGreaterThanOrEqual(10_000);
    expect(clock.monotonicMs() - began).toBeLessThan(10_100);
  });

  it('lets others move up when one gives up', async () => {
    const clock = new ManualClock();
    const bucket = new RequestBucket({ burst: 1, perSecond: 10, waitersMax: 10 }, clock);
    await bucket.take(neverAborted());
    const abort = new AbortController();
    const gone: string[] = [];
    const quitter = bucket.take(abort.signal);
    const patient = bucket.take(neverAborted()).then(() => gone.push('patient'));
    abort.abort();
    await expect(quitter).rejects.toThrow(WaitAborted);
    await patient;
    expect(gone).toEqual(['patient']);
    expect(clock.monotonicMs()).toBe(100);
    await expect(bucket.take(AbortSignal.abort())).rejects.toThrow(WaitAborted);
  });

  it('has a limit for those who wait', async () => {
    const bucket = new RequestBucket({ burst: 1, perSecond: 1, waitersMax: 1 }, new ManualClock());
    await bucket.take(neverAborted());
    const waiting = bucket.take(neverAborted());
    await expect(bucket.take(neverAborted())).rejects.toThrow(BucketCrowded);
    await waiting;
  });
});
