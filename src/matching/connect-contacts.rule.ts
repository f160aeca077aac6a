/** Contacts that something makes alike, each two of them. */
export type Group<Evidence> = { readonly contactIds: readonly string[]; readonly evidence: Evidence };

/** Contacts that evidence connects, and what it is. */
export interface Component<Evidence> {
  /** Two or more, in the order of ids. */
  readonly contactIds: readonly string[];
  /** What connects at least two of them that nobody has dismissed, in the order given. */
  readonly evidence: readonly Evidence[];
}

/**
 * The sets of duplicates: the connected components of contacts, where an edge is a piece of evidence between two of them that
 * nobody has dismissed.
 *
 * Independent of any order but that of `evidence`. A dismissal keeps apart each two of its contacts, not those that a third one
 * connects. Near-linear in the contacts that evidence and dismissals name.
 */
export function connectContacts<Evidence>(
  groups: readonly Group<Evidence>[],
  dismissals: readonly (readonly string[])[],
): readonly Component<Evidence>[] {
  const connecting = connectInSteps(groups, dismissals);
  for (;;) {
    const step = connecting.next();
    if (step.done === true) return step.value;
  }
}

/** `connectContacts`, which yields after each piece of evidence and each dismissal: each may name thousands of contacts. */
export function* connectInSteps<Evidence>(
  groups: readonly Group<Evidence>[],
  dismissals: readonly (readonly string[])[],
): Generator<void, readonly Component<Evidence>[], void> {
  const signatures = yield* signaturesOf(dismissals);
  const forest = new Forest();
  const connections: { readonly id: string; readonly evidence: Evidence }[] = [];
  for (const { contactIds, evidence } of groups) {
    for (const id of yield* connect(forest, new Set(contactIds), signatures))
      connections.push({ id, evidence });
    yield;
  }
  const members = groupBy(forest.ids(), (id) => forest.find(id));
  yield;
  // dismissals may leave a piece of evidence in several components
  const evidenceOf = groupBy(connections, ({ id }) => forest.find(id));
  yield;
  return [...members]
    .filter(([, ids]) => ids.length > 1)
    .map(([root, ids]) => ({
      contactIds: ids.sort(),
      evidence: [...new Set((evidenceOf.get(root) ?? []).map(({ evidence }) => evidence))],
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

/** The dismissals that name a contact. Contacts with the same ones share one signature. */
type Signature = ReadonlySet<number>;

/** The signature of each contact that a dismissal names; dismissals that lie within another are left out. */
function* signaturesOf(
  dismissals: readonly (readonly string[])[],
): Generator<void, ReadonlyMap<string, Signature>, void> {
  const namedBy = new Map<string, number[]>();
  const sets: ReadonlySet<string>[] = [];
  for (const ids of [...dismissals].sort((a, b) => b.length - a.length)) {
    yield;
    const set = new Set(ids);
    if (set.size < 2 || isWithinAnother(set, namedBy, sets)) continue;
    for (const id of set) {
      const own = namedBy.get(id);
      if (own === undefined) namedBy.set(id, [sets.length]);
      else own.push(sets.length);
    }
    sets.push(set);
  }
  const signatures = new Map<string, Signature>();
  const kept = new Map<string, Signature>();
  for (const [id, numbers] of namedBy) {
    const key = numbers.join();
    const signature = kept.get(key) ?? new Set(numbers);
    kept.set(key, signature);
    signatures.set(id, signature);
  }
  return signatures;
}

/** @param sets the dismissals that are kept so far, none of them smaller */
function isWithinAnother(
  set: ReadonlySet<string>,
  namedBy: ReadonlyMap<string, readonly number[]>,
  sets: readonly ReadonlySet<string>[],
): boolean {
  // another one that has all contacts is among those that name the contact with the fewest dismissals
  let fewest: readonly number[] | null = null;
  for (const id of set) {
    const own = namedBy.get(id) ?? [];
    if (fewest === null || own.length < fewest.length) fewest = own;
  }
  return (fewest ?? []).some((n) => {
    for (const id of set) if (sets[n]?.has(id) !== true) return false;
    return true;
  });
}

/**
 * Joins each two that are not dismissed, signature by signature: contacts of one signature are apart from each other, and
 * from the same others.
 *
 * @returns one of the contacts of each component that the evidence makes by itself
 */
function* connect(
  forest: Forest,
  ids: ReadonlySet<string>,
  signatures: ReadonlyMap<string, Signature>,
): Generator<void, readonly string[], void> {
  const contactsOf = new Map<Signature, string[]>();
  for (const id of ids) {
    const signature = signatures.get(id) ?? NOT_DISMISSED;
    const own = contactsOf.get(signature);
    if (own === undefined) contactsOf.set(signature, [id]);
    else own.push(id);
  }
  // who is in no dismissal is joined with all
  const [hub] = contactsOf.get(NOT_DISMISSED) ?? [];
  if (hub !== undefined) {
    for (const id of ids) if (id !== hub) forest.join(hub, id);
    return ids.size > 1 ? [hub] : [];
  }
  let unvisited = [...contactsOf.keys()];
  if (isDismissedAsWhole(unvisited)) return [];
  const joined: string[] = [];
  for (let first = unvisited.pop(); first !== undefined; first = unvisited.pop()) {
    const reached = [first];
    for (const signature of reached) {
      if (unvisited.length === 0) break;
      const apart: Signature[] = [];
      for (const other of unvisited) (intersect(signature, other) ? apart : reached).push(other);
      unvisited = apart;
      yield;
    }
    if (reached.length === 1) continue;
    const [root = '', ...others] = reached.flatMap((signature) => contactsOf.get(signature) ?? []);
    for (const other of others) forest.join(root, other);
    joined.push(root);
  }
  return joined;
}

const NOT_DISMISSED: Signature = new Set();

/** Whether one dismissal names the contacts of all signatures. */
function isDismissedAsWhole([first, ...others]: readonly Signature[]): boolean {
  for (const n of first ?? NOT_DISMISSED) if (others.every((other) => other.has(n))) return true;
  return false;
}

function intersect(a: Signature, b: Signature): boolean {
  const [few, many] = a.size < b.size ? [a, b] : [b, a];
  for (const n of few) if (many.has(n)) return true;
  return false;
}

/** Disjoint sets of ids: the smaller one joins the larger, find with the path halved. */
class Forest {
  private readonly parents = new Map<string, string>();
  private readonly sizes = new Map<string, number>();

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
    const [one, other] = [this.find(a), this.find(b)];
    if (one === other) return;
    const [sizeOfOne, sizeOfOther] = [this.sizes.get(one) ?? 1, this.sizes.get(other) ?? 1];
    const [root, child] = sizeOfOne < sizeOfOther ? [other, one] : [one, other];
    this.parents.set(child, root);
    this.sizes.set(root, sizeOfOne + sizeOfOther);
  }
}
