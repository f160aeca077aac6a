import type { TimeSource } from './clock.rule';

/** The machine's time, to the nanosecond; it never goes back. */
export function machineTime(): TimeSource {
  const offset = BigInt(Date.now()) * 1_000_000n - process.hrtime.bigint();
  return () => offset + process.hrtime.bigint();
}
