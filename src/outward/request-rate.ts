/** What a destination that says it is too much is asked for at least, in requests a second. */
const perSecondMin = 1;
const successesToRaise = 100;
/** Above this, a rate that the destination lowered limits nothing any more. */
const perSecondMax = 5_000;

/**
 * How many requests a subscription may begin in a second: a bucket of one second's tokens.
 *
 * An answer 429 halves the rate, 100 successes add a tenth, up to what is configured. Where nothing is configured, the first 429
 * sets the rate to half of what was sent in the second before.
 */
export class RequestRate {
  private current: number | null;
  private tokens: number;
  private countedAtMs: number;
  private successes = 0;
  private sentSince = { atMs: 0, requests: 0, before: 0 };

  /** @param nowMs a monotonic clock */
  constructor(
    private readonly configured: number | null,
    nowMs: number,
  ) {
    this.current = configured;
    this.tokens = configured === null ? 0 : 1;
    this.countedAtMs = nowMs;
    this.sentSince.atMs = nowMs;
  }

  /** Takes the turn of one request. @returns 0, or how long to wait until there is one, in ms */
  take(nowMs: number): number {
    if (this.current !== null) {
      const earned = ((nowMs - this.countedAtMs) / 1_000) * this.current;
      this.tokens = Math.min(this.tokens + earned, Math.max(1, this.current));
      this.countedAtMs = nowMs;
      if (this.tokens < 1) return Math.ceil(((1 - this.tokens) / this.current) * 1_000);
      this.tokens -= 1;
    }
    this.note(nowMs);
    return 0;
  }

  /** A request was delivered. */
  succeeded(): void {
    if (this.current === null || this.current === this.configured) return;
    this.successes += 1;
    if (this.successes < successesToRaise) return;
    this.successes = 0;
    const raised = this.current * 1.1;
    this.current = raised >= (this.configured ?? perSecondMax) ? this.configured : raised;
  }

  /** The destination answered 429. */
  refused(nowMs: number): void {
    const rate = this.current ?? Math.max(this.sentSince.requests, this.sentSince.before);
    this.current = Math.max(rate / 2, perSecondMin);
    this.tokens = 0;
    this.countedAtMs = nowMs;
    this.successes = 0;
  }

  private note(nowMs: number): void {
    if (nowMs - this.sentSince.atMs >= 1_000)
      this.sentSince = { atMs: nowMs, requests: 0, before: this.sentSince.requests };
    this.sentSince.requests += 1;
  }
}
