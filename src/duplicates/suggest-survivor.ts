/** What is weighed of a member. */
export interface Candidate {
  readonly id: string;
  readonly hasExternalId: boolean;
  readonly identitiesCount: number;
  /** Nanoseconds since the epoch of the first event that told of it; null where none did. */
  readonly firstVersion: bigint | null;
}

export type SurvivorReason = 'external-id' | 'most-identities' | 'oldest' | 'smallest-id';

const FAR = 2n ** 64n;

/** What is asked first decides first: who else knows the contact, what it would keep, how long it has been there. */
const CRITERIA: readonly (readonly [SurvivorReason, (a: Candidate, b: Candidate) => number])[] = [
  ['external-id', (a, b) => Number(b.hasExternalId) - Number(a.hasExternalId)],
  ['most-identities', (a, b) => b.identitiesCount - a.identitiesCount],
  ['oldest', (a, b) => sign((a.firstVersion ?? FAR) - (b.firstVersion ?? FAR))],
  ['smallest-id', (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)],
];

/**
 * Suggests which member of a set a merge should keep.
 *
 * @returns the criteria that told it from at least one other, the deciding one last; null without members
 */
export function suggestSurvivor(
  members: readonly Candidate[],
): { readonly contactId: string; readonly reasons: readonly SurvivorReason[] } | null {
  let left = members;
  const reasons: SurvivorReason[] = [];
  for (const [reason, compare] of CRITERIA) {
    const [first, ...others] = left;
    if (first === undefined) return null;
    const best = others.reduce((a, b) => (compare(a, b) <= 0 ? a : b), first);
    const equals = left.filter((each) => compare(best, each) === 0);
    if (equals.length < left.length) reasons.push(reason);
    left = equals;
  }
  const [survivor] = left;
  return survivor === undefined ? null : { contactId: survivor.id, reasons };
}

function sign(difference: bigint): number {
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
