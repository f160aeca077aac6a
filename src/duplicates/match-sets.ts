/** A set of duplicates that is kept under an id. */
export interface KeptSet {
  readonly id: string;
  readonly contactIds: readonly string[];
}

/** What becomes of kept sets and of components: which goes on as which, and what is left over on either side. */
export interface Matching<Kept, Found> {
  readonly continued: readonly { readonly kept: Kept; readonly found: Found }[];
  readonly made: readonly Found[];
  /** `into`: the kept set that has taken its members over, where one has. */
  readonly ended: readonly { readonly kept: Kept; readonly into: string | null }[];
}

/**
 * Decides under which ids components go on: each as the kept set with which it shares most contacts, the older of equal ones.
 *
 * Ids are for people to come back to: no part of what the mirror promises to be independent of order.
 */
export function matchSets<Kept extends KeptSet, Found extends { readonly contactIds: readonly string[] }>(
  kept: readonly Kept[],
  found: readonly Found[],
): Matching<Kept, Found> {
  const candidates = kept
    .flatMap((set) =>
      found.map((component) => ({ kept: set, found: component, shared: overlap(set, component) })),
    )
    .filter(({ shared }) => shared > 0)
    .sort((a, b) => b.shared - a.shared || Number(BigInt(a.kept.id) - BigInt(b.kept.id)));
  const byKept = new Map<Kept, Found>();
  const byFound = new Map<Found, Kept>();
  for (const candidate of candidates) {
    if (byKept.has(candidate.kept) || byFound.has(candidate.found)) continue;
    byKept.set(candidate.kept, candidate.found);
    byFound.set(candidate.found, candidate.kept);
  }
  return {
    continued: [...byKept].map(([each, component]) => ({ kept: each, found: component })),
    made: found.filter((component) => !byFound.has(component)),
    ended: kept
      .filter((each) => !byKept.has(each))
      .map((each) => ({
        kept: each,
        into:
          candidates.flatMap((candidate) =>
            candidate.kept === each ? [byFound.get(candidate.found)?.id ?? null] : [],
          )[0] ?? null,
      })),
  };
}

function overlap(
  a: { readonly contactIds: readonly string[] },
  b: { readonly contactIds: readonly string[] },
): number {
  const ids = new Set(a.contactIds);
  return b.contactIds.filter((id) => ids.has(id)).length;
}
