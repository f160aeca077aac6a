import { RequestRate } from '../../src/outward/request-rate';

/** How many requests may begin in so many ms, if one is tried every ms. */
function begun(rate: RequestRate, fromMs: number, forMs: number): number {
  let count = 0;
  for (let now = fromMs; now < fromMs + forMs; now++) if (rate.take(now) === 0) count += 1;
  return count;
}

it('lets no more begin than is configured, and no burst after a rest above one second of it', () => {
  const rate = new RequestRate(50, 0);
  expect(begun(rate, 0, 10_000)).toBeGreaterThanOrEqual(498);
  expect(begun(rate, 10_000, 10_000)).toBeLessThanOrEqual(501);
  expect(begun(rate, 60_000, 10)).toBeLessThanOrEqual(51);
});

it('says how long to wait for the next', () => {
  const rate = new RequestRate(10, 0);
  expect(rate.take(0)).toBe(0);
  expect(rate.take(0)).toBe(100);
  expect(rate.take(100)).toBe(0);
});

it('halves the rate at each 429, and raises it by a tenth after a hundred successes', () => {
  const rate = new RequestRate(100, 0);
  rate.refused(0);
  expect(begun(rate, 1_000, 10_000)).toBeLessThanOrEqual(551);
  rate.refused(20_000);
  expect(begun(rate, 20_000, 10_000)).toBeLessThanOrEqual(251);
  for (let n = 0; n < 100; n++) rate.succeeded();
  expect(begun(rate, 30_000, 100_000)).toBeLessThanOrEqual(2_780);
  for (let n = 0; n < 5_000; n++) rate.succeeded();
  expect(begun(rate, 200_000, 10_000)).toBeGreaterThan(990);
});

it('without a configured rate has none, until a 429 sets it to half of what was sent', () => {
  const rate = new RequestRate(null, 0);
  expect(begun(rate, 0, 2_000)).toBe(2_000);
  rate.refused(2_000);
  expect(begun(rate, 2_000, 10_000)).toBeLessThan(5_100);
  for (let n = 0; n < 100_000; n++) rate.succeeded();
  expect(begun(rate, 20_000, 1_000)).toBe(1_000);
});

it('never asks for less than one request a second', () => {
  const rate = new RequestRate(4, 0);
  for (let n = 0; n < 20; n++) rate.refused(n);
  expect(begun(rate, 1_000, 10_000)).toBeGreaterThanOrEqual(9);
});
