import type { Clock } from './clock';
import { untilAborted, WaitAborted } from './until-aborted';

/** How much may be sent: in any second at most `burst + perSecond` requests. */
export interface BucketLimits {
  readonly burst: number;
  readonly perSecond: number;
  /** Most requests that wait at once. */
  readonly waitersMax: number;
}

/** More requests wait than may. */
export class BucketCrowded extends Error {}

/** Holds requests back so that no more leave than a limit allows; who comes first goes first. */
export class RequestBucket {
  private tokens: number;
  private refilledAtMs: number;
  /** In the order of arrival. */
  private readonly waiting = new Set<() => void>();
  private pumping = false;

  constructor(
    private readonly limits: BucketLimits,
    private readonly clock: Clock,
  ) {
    this.tokens = limits.burst;
    this.refilledAtMs = clock.monotonicMs();
  }

  /**
   * Waits for the right to send one request.
   *
   * @throws WaitAborted when the signal is aborted first: others then move up.
   * @throws BucketCrowded
   */
  async take(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new WaitAborted();
    if (this.waiting.size === 0 && this.spend()) return;
    if (this.waiting.size >= this.limits.waitersMax) throw new BucketCrowded();
    let go = (): void => undefined;
    const granted = new Promise<void>((resolve) => {
      go = resolve;
    });
    this.waiting.add(go);
    void this.pump();
    try {
      await untilAborted(granted, signal);
    } finally {
      this.waiting.delete(go);
    }
  }

  /** Lets those who wait go, one token each, until nobody waits. */
  private async pump(): Promise<void> {
    if (this.pumping) return;
    this.pumping = true;
    while (this.waiting.size > 0) {
      if (!this.spend()) {
        await this.clock.sleep(Math.ceil(((1 - this.tokens) / this.limits.perSecond) * 1000));
        continue;
      }
      for (const go of this.waiting) {
        this.waiting.delete(go);
        go();
        break;
      }
    }
    this.pumping = false;
  }

  private spend(): boolean {
    const nowMs = this.clock.monotonicMs();
    const refill = ((nowMs - this.refilledAtMs) / 1000) * this.limits.perSecond;
    this.tokens = Math.min(this.limits.burst, this.tokens + refill);
    this.refilledAtMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
