import { nsOf } from './nanoseconds.rule';

/** The time by our clock, in nanoseconds since the epoch. */
export function nowNs(): bigint {
  return nsOf(new Date());
}
