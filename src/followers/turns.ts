import type { Problem } from '../rest/problems/problem';
import { unavailable } from '../rest/problems/unavailable';

/** Most that wait for one turn, and how long each waits, in ms. */
const waitersMax = 20;
const waitMaxMs = 5_000;

/**
 * One at a time per name, first come first served, within this process.
 *
 * Those who wait hold no connection, so a lock that is held for long keeps nobody else waiting.
 */
export class Turns {
  /** By name, those who wait; a name is in it while somebody has its turn. */
  private readonly waiters = new Map<string, (() => void)[]>();

  /** @throws Problem `unavailable` when too many wait already, or when the turn does not come within 5 s */
  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const waiters = this.waiters.get(name);
    if (waiters === undefined) this.waiters.set(name, []);
    else await wait(waiters);
    try {
      return await work();
    } finally {
      const next = this.waiters.get(name)?.shift();
      if (next === undefined) this.waiters.delete(name);
      else next();
    }
  }
}

function wait(waiters: (() => void)[]): Promise<void> {
  if (waiters.length >= waitersMax) throw busy();
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => {
      waiters.splice(waiters.indexOf(begin), 1);
      reject(busy());
    }, waitMaxMs);
    const begin = (): void => {
      clearTimeout(giveUp);
      resolve();
    };
    waiters.push(begin);
  });
}

function busy(): Problem {
  return unavailable('Too many decisions are waiting. Send the request again.');
}
