/** Lets so many pass at once, and so many a second after. */
export class TokenBucket {
  private level: number;
  private filledAtMs: number;

  /** @param nowMs of a clock that never goes back */
  constructor(
    private readonly capacity: number,
    private readonly perSecond: number,
    nowMs: number,
  ) {
    this.level = capacity;
    this.filledAtMs = nowMs;
  }

  take(nowMs: number): boolean {
    const gained = ((nowMs - this.filledAtMs) / 1000) * this.perSecond;
    this.level = Math.min(this.capacity, this.level + gained);
    this.filledAtMs = nowMs;
    if (this.level < 1) return false;
    this.level -= 1;
    return true;
  }
}
