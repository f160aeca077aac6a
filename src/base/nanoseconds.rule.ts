const nsPerMs = 1_000_000n;

/** A time in nanoseconds since the epoch, as versions count it. */
export function nsOf(time: Date): bigint {
  return BigInt(time.getTime()) * nsPerMs;
}

/** Nanoseconds since the epoch as milliseconds; what is finer is cut. */
export function msOf(ns: bigint): number {
  return Number(ns / nsPerMs);
}
