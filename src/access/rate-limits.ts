import { Injectable } from '@nestjs/common';
import { Config } from '../config/config';

const windowSeconds = 60;
const policy = 'per-key';

/** How a request stands to the limit of its key. */
export interface RateVerdict {
  readonly isWithin: boolean;
  /** Until the key may send as many requests again as it may. */
  readonly resetSeconds: number;
  /** `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10). */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Counts the requests of each key by the minute, in this process alone.
 *
 * All keys are counted again when a minute begins, so what is held is bounded by the keys that came in one.
 */
@Injectable()
export class RateLimits {
  private readonly requestsMax: number | null;
  private readonly counts = new Map<string, number>();
  private minute = 0;

  constructor({ rateLimitPerMinute }: Config) {
    this.requestsMax = rateLimitPerMinute;
  }

  /** Counts a request of a key. @param nowMs by a clock that never goes back. @returns null where nothing is limited */
  count(keyId: string, nowMs: number): RateVerdict | null {
    if (this.requestsMax === null) return null;
    const nowSeconds = Math.floor(nowMs / 1000);
    const minute = Math.floor(nowSeconds / windowSeconds);
    if (minute !== this.minute) {
      this.minute = minute;
      this.counts.clear();
    }
    const count = (this.counts.get(keyId) ?? 0) + 1;
    this.counts.set(keyId, count);
    const resetSeconds = windowSeconds - (nowSeconds % windowSeconds);
    const remaining = Math.max(0, this.requestsMax - count);
    return {
      isWithin: count <= this.requestsMax,
      resetSeconds,
      headers: {
        'ratelimit-policy': `"${policy}";q=${this.requestsMax};w=${windowSeconds}`,
        ratelimit: `"${policy}";r=${remaining};t=${resetSeconds}`,
      },
    };
  }
}
