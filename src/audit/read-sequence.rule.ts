/** A place in journal order, as decimal digits. */
export type Place = readonly [era: string, tx: string, id: string];

/** The greatest of each that Postgres holds: int, xid8, bigint. */
const MAX = [2_147_483_647n, 18_446_744_073_709_551_615n, 9_223_372_036_854_775_807n] as const;

/** Reads a place in commit order, written as `era.tx.id`; null where it is none. */
export function readSequence(text: string): Place | null {
  const [, era, tx, id] = /^(\d{1,10})\.(\d{1,20})\.(\d{1,19})$/.exec(text) ?? [];
  if (era === undefined || tx === undefined || id === undefined) return null;
  return [era, tx, id].every((number, n) => BigInt(number) <= (MAX[n] ?? 0n)) ? [era, tx, id] : null;
}

/** Whether a place comes before another in journal order. */
export function standsBefore(
  place: readonly [...Place, ...string[]],
  other: readonly [...Place, ...string[]],
): boolean {
  for (const n of MAX.keys()) {
    const [a, b] = [BigInt(place[n] ?? 0), BigInt(other[n] ?? 0)];
    if (a !== b) return a < b;
  }
  return false;
}
