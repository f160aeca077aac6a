import { setTimeout as delay } from 'node:timers/promises';
import { SharedRest } from '../../src/followers/shared-rest';

const { signal } = new AbortController();

it('is over for all at once, after the longest that any of them asked for', async () => {
  const rest = new SharedRest();
  await rest.isOver(signal);
  const began = performance.now();
  rest.extend(40);
  const over: number[] = [];
  const waiting = [0, 1].map(async (n) => {
    await rest.isOver(signal);
    over.push(n);
    return performance.now() - began;
  });
  await delay(10);
  rest.extend(60);
  rest.extend(1);
  for (const waitedMs of await Promise.all(waiting)) expect(waitedMs).toBeGreaterThanOrEqual(70);
  expect(over.sort()).toEqual([0, 1]);
});

it('ends when the work does', async () => {
  const [rest, closing] = [new SharedRest(), new AbortController()];
  rest.extend(600_000);
  const waiting = rest.isOver(closing.signal);
  closing.abort();
  await waiting;
  await rest.isOver(closing.signal);
});
