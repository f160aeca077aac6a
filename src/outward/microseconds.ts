/** SQL for a time as microseconds since the epoch, exactly as Postgres has it, which is finer than a `Date`. */
export function microseconds(time: string): string {
  return `(extract(epoch from date_trunc('second', ${time}))::bigint * 1000000 + extract(microseconds from ${time})::bigint % 1000000)`;
}

/** SQL for the time that a parameter has as microseconds since the epoch. */
export function atMicroseconds(parameter: string): string {
  return `timestamptz 'epoch' + ${parameter}::bigint / 1000000 * interval '1 second' + ${parameter}::bigint % 1000000 * interval '1 microsecond'`;
}
