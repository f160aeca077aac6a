/** A set of duplicates that is kept under an id. */
export interface KeptSet {
  readonly id: string;
  readonly contactIds: readonly string[];
}

/** Which component continues which stored set, and what is left over on either side. */
export interface Matching<Kept, Found> {
  readonly continued: readonly { readonly kept: Kept; readonly found: Found }[];
  readonly made: readonly Found[];
  /** `into`: the kept set that has taken its members over, where one has. */
  readonly ended: readonly { readonly kept: Kept; readonly into: string | null }[];
}

/**
 * Decides under which ids components continue: each as the kept set with which it shares most contacts, the older of equal ones.
 *
 * Ids are for people to come back to: no part of what the mirror promises to be independent of order.
 */
export function matchSets<Kept extends KeptSet, Found extends { readonly contactIds: readonly string[] }>(
  kept: readonly Kept[],
  found: readonly Found[],
): Matching<Kept, Found> {
  const candidates = overlaps(kept, found).sort(
    (a, b) => b.shared - a.shared || (BigInt(a.kept.id) < BigInt(b.kept.id) ? -1 : 1),
  );
  const byKept = new Map<Kept, Found>();
  const byFound = new Map<Found, Kept>();
  const nearest = new Map<Kept, Found>();
  for (const candidate of candidates) {
    if (!nearest.has(candidate.kept)) nearest.set(candidate.kept, candidate.found);
    if (byKept.has(candidate.kept) || byFound.has(candidate.found)) continue;
    byKept.set(candidate.kept, candidate.found);
    byFound.set(candidate.found, candidate.kept);
  }
  const takenOverBy = (each: Kept): string | null => {
    const component = nearest.get(each);
    return (component && byFound.get(component)?.id) ?? null;
  };
  return {
    continued: [...byKept].map(([each, component]) => ({ kept: each, found: component })),
    made: found.filter((component) => !byFound.has(component)),
    ended: kept.filter((each) => !byKept.has(each)).map((each) => ({ kept: each, into: takenOverBy(each) })),
  };
}

/** How many contacts each kept set shares with each component, where it shares any. */
function overlaps<Kept extends KeptSet, Found extends { readonly contactIds: readonly string[] }>(
  kept: readonly Kept[],
  found: readonly Found[],
): { readonly kept: Kept; readonly found: Found; readonly shared: number }[] {
  const componentsOf = new Map<string, Found[]>();
  for (const component of found) {
    for (const id of component.contactIds) {
      const own = componentsOf.get(id);
      if (own === undefined) componentsOf.set(id, [component]);
      else own.push(component);
    }
  }
  return kept.flatMap((set) => {
    const shared = new Map<Found, number>();
    for (const id of new Set(set.contactIds)) {
      for (const component of componentsOf.get(id) ?? [])
        shared.set(component, (shared.get(component) ?? 0) + 1);
    }
    return [...shared].map(([component, count]) => ({ kept: set, found: component, shared: count }));
  });
}
