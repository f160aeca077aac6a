import { pause } from '../base/pause';

/** The rest of followers that rest together, so that they also begin together, and one reading of the journal serves them all. */
export class SharedRest {
  /** `performance.now` of its end. */
  private endsAt = 0;

  /** Has those who do not work rest for so long from now on, in ms, or for longer where they already do. */
  extend(ms: number): void {
    this.endsAt = Math.max(this.endsAt, performance.now() + ms);
  }

  /** Resolves when the rest is over, also where others extend it meanwhile, or when the signal is aborted. */
  async isOver(signal: AbortSignal): Promise<void> {
    for (;;) {
      const leftMs = this.endsAt - performance.now();
      if (leftMs <= 0 || signal.aborted) return;
      await pause(leftMs, signal);
    }
  }
}
