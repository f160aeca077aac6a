/** Contacts that something makes alike, each two of them. */
export type Group<Cause> = { readonly contactIds: readonly string[]; readonly cause: Cause };

/** Contacts that evidence connects, and what it is. */
export interface Component<Cause> {
  /** Two or more, in the order of ids. */
  readonly contactIds: readonly string[];
  /** What connects at least two of them that nobody has dismissed, in the order given. */
  readonly causes: readonly Cause[];
}

/**
 * The sets of duplicates: the connected components of contacts, where an edge is a piece of evidence between two of them that
 * nobody has dismissed.
 *
 * Independent of any order but that of `causes`. A dismissal keeps apart each two of its contacts, not those that a third one
 * connects.
 */
export function connectContacts<Cause>(
  evidence: readonly Group<Cause>[],
  dismissals: readonly (readonly string[])[],
): readonly Component<Cause>[] {
  const dismissedBy = new Map<string, Set<number>>();
  for (const [n, ids] of dismissals.entries()) {
    for (const id of ids) dismissedBy.set(id, (dismissedBy.get(id) ?? new Set()).add(n));
  }
  const forest = new Forest();
  const connections = evidence.flatMap(({ contactIds, cause }) =>
    connect(forest, [...new Set(contactIds)], dismissedBy).map((id) => ({ id, cause })),
  );
  const members = groupBy(forest.ids(), (id) => forest.find(id));
  // dismissals may leave a piece of evidence in several components
  const causes = groupBy(connections, ({ id }) => forest.find(id));
  return [...members]
    .filter(([, ids]) => ids.length > 1)
    .map(([root, ids]) => ({
      contactIds: ids.sort(),
      causes: [...new Set((causes.get(root) ?? []).map(({ cause }) => cause))],
    }))
    .sort((a, b) => ((a.contactIds[0] ?? '') < (b.contactIds[0] ?? '') ? -1 : 1));
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/**
 * Joins each two that are not dismissed; without dismissals a chain of joins does.
 *
 * @returns one of each two that were joined
 */
function connect(
  forest: Forest,
  ids: readonly string[],
  dismissedBy: ReadonlyMap<string, ReadonlySet<number>>,
): readonly string[] {
  // whoever is in no dismissal is joined with all
  const hub = ids.find((id) => !dismissedBy.has(id));
  if (hub !== undefined) {
    const others = ids.filter((id) => id !== hub);
    for (const other of others) forest.join(hub, other);
    return others.slice(0, 1);
  }
  const joined: string[] = [];
  for (const [n, a] of ids.entries()) {
    for (const b of ids.slice(n + 1)) {
      if (isDismissed(dismissedBy.get(a), dismissedBy.get(b))) continue;
      forest.join(a, b);
      joined.push(a);
    }
  }
  return joined;
}

function isDismissed(a: ReadonlySet<number> = new Set(), b: ReadonlySet<number> = new Set()): boolean {
  return [...a].some((n) => b.has(n));
}

/** Disjoint sets of ids: union by whoever comes, find with the path halved. */
class Forest {
  private readonly parents = new Map<string, string>();

  ids(): readonly string[] {
    return [...this.parents.keys()];
  }

  find(id: string): string {
    let root = id;
    for (let parent = this.parents.get(root); parent !== undefined && parent !== root;) {
      this.parents.set(root, this.parents.get(parent) ?? parent);
      root = parent;
      parent = this.parents.get(root);
    }
    return root;
  }

  join(a: string, b: string): void {
    for (const id of [a, b]) if (!this.parents.has(id)) this.parents.set(id, id);
    this.parents.set(this.find(a), this.find(b));
  }
}
