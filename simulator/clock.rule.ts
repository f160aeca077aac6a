const nsPerMs = 1_000_000n;

/** Answers nanoseconds since the epoch. */
export type TimeSource = () => bigint;

/** The simulated Sinch's own time: that of the source, except that no two events are accepted at the same. */
export class Clock {
  private last = 0n;
  private pastAt: bigint | null = null;

  constructor(private readonly source: TimeSource) {}

  now(): bigint {
    return this.source();
  }

  nowMs(): number {
    return Number(this.source() / nsPerMs);
  }

  /** The time at which an event is accepted: later than every one before, by a nanosecond at least. */
  accept(): bigint {
    const at = this.pastAt ?? this.source();
    this.last = at > this.last ? at : this.last + 1n;
    return this.last;
  }

  /** Lets everything that `work` does be accepted at a time in the past. @param at nanoseconds since the epoch */
  inPast(at: bigint, work: () => void): void {
    this.pastAt = at;
    try {
      work();
    } finally {
      this.pastAt = null;
    }
  }
}

/** RFC 3339 UTC with nine fraction digits, as some of Sinch's callbacks carry. */
export function writeNanoseconds(time: bigint): string {
  const toMs = new Date(Number(time / nsPerMs)).toISOString().slice(0, -1);
  return `${toMs}${String(time % nsPerMs).padStart(6, '0')}Z`;
}
