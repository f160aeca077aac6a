/** A place in journal order. */
export type Place = readonly [era: string, tx: string, id: string];

/** An event's place, as rows have it. */
export interface EventPlace {
  readonly era: number | string;
  readonly tx: string;
  readonly id: string;
}

/** How many ids apart two places may be that count as near: as many events as a follower takes at once. */
const nearIdsMax = 500n;

export function placeOf({ era, tx, id }: EventPlace): Place {
  return [String(era), tx, id];
}

/** Negative where `a` comes before `b` in the journal, 0 where they are the same place. */
export function comparePlaces(a: Place, b: Place): number {
  for (const [n, digits] of a.entries()) {
    const order = compareNumbers(digits, b[n] ?? '0');
    if (order !== 0) return order;
  }
  return 0;
}

/** Whether few events lie between two places. Ids have gaps, so places that are called far apart may have fewer between them. */
export function areNear([era, , id]: Place, [otherEra, , otherId]: Place): boolean {
  const apart = BigInt(id) - BigInt(otherId);
  return era === otherEra && apart <= nearIdsMax && -apart <= nearIdsMax;
}

/** Of whole numbers without a sign and without leading zeros. */
function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : Number(a > b);
}
