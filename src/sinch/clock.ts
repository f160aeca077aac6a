import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';

/** Time as an argument: what waits and measures here can be tested without waiting. */
export interface Clock {
  /** Unix time in ms, by this machine. */
  nowMs(): number;
  /** A time in ms that only grows, for differences. */
  monotonicMs(): number;
  /** @throws when the signal is aborted before the time is over. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
};
