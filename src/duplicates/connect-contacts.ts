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
  const effective = evidence.filter(({ contactIds }) =>
    connect(forest, [...new Set(contactIds)], dismissedBy),
  );
  const members = groupBy(forest.ids(), (id) => forest.find(id));
  const causes = groupBy(effective, ({ contactIds }) => forest.find(contactIds[0] ?? ''));
  return [...members]
    .filter(([, ids]) => ids.length > 1)
    .map(([root, ids]) => ({
      contactIds: ids.sort(),
      causes: (causes.get(root) ?? []).map(({ cause }) => cause),
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

/** Joins each two that are not dismissed; whether there were any. Without dismissals a chain of joins does. */
function connect(
  forest: Forest,
  ids: readonly string[],
  dismissedBy: ReadonlyMap<string, ReadonlySet<number>>,
): boolean {
  const [first, ...others] = ids;
  if (first === undefined || others.length === 0) return false;
  const marked = ids.filter((id) => dismissedBy.has(id));
  if (marked.length < 2) {
    for (const other of others) forest.join(first, other);
    return true;
  }
  let isConnected = false;
  const unmarked = ids.filter((id) => !dismissedBy.has(id));
  const [hub] = unmarked;
  if (hub !== undefined) {
    for (const id of ids) if (id !== hub) forest.join(hub, id);
    return true;
  }
  for (const [n, a] of marked.entries()) {
    for (const b of marked.slice(n + 1)) {
      if (isDismissed(dismissedBy.get(a), dismissedBy.get(b))) continue;
      forest.join(a, b);
      isConnected = true;
    }
  }
  return isConnected;
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
