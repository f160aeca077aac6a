import type { Clock } from '../../../src/sinch/clock';

/** A clock that moves when it is told to, and by every sleep, which is over at once. */
export class ManualClock implements Clock {
  /** Every sleep, in ms. */
  readonly slept: number[] = [];
  /** Sleeps end by their signal alone. */
  frozen = false;
  private elapsedMs = 0;

  /** @param beginMs Unix time */
  constructor(private readonly beginMs = Date.UTC(2026, 0, 2, 3, 4, 5)) {}

  nowMs(): number {
    return this.beginMs + this.elapsedMs;
  }

  monotonicMs(): number {
    return this.elapsedMs;
  }

  pass(ms: number): void {
    this.elapsedMs += ms;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.slept.push(ms);
    if (this.frozen) {
      await new Promise((_resolve, reject) => {
        const end = (): void => {
          reject(new Error('aborted'));
        };
        if (signal?.aborted === true) end();
        signal?.addEventListener('abort', end);
      });
    }
    // whoever can go on at this moment does so before time goes by
    await new Promise(setImmediate);
    this.pass(ms);
  }
}
