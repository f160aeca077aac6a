/** Most ids of a chain that an answer shows. */
const chainShownMax = 50;

/** Where one id points: the part of a contact's row that resolving needs. */
export interface Pointer {
  readonly id: string;
  readonly gone: 'absent' | 'deleted' | 'merged' | null;
  readonly survivorId: string | null;
}

/**
 * What answers for an id now.
 *
 * `chain` runs from the id that was asked for to the end, both included, and shows 50 ids at most of `chainLength`.
 */
export type Resolution =
  | { readonly state: 'active' | 'deleted' | 'unknown' }
  | {
      readonly state: 'merged';
      /** The end of the chain. */
      readonly survivorId: string;
      readonly survivorState: 'active' | 'deleted' | 'unknown';
      readonly chain: readonly string[];
      readonly chainLength: number;
    }
  | { readonly state: 'cycle'; readonly chain: readonly string[]; readonly chainLength: number };

/**
 * Follows merges from an id to the contact that answers for it.
 *
 * @param pointers every contact that can be reached from `id`; one that is missing is unknown
 */
export function followMerges(id: string, pointers: ReadonlyMap<string, Pointer>): Resolution {
  const chain = new Set<string>();
  let end = id;
  for (let next: string | null = id; next !== null; next = pointers.get(end)?.survivorId ?? null) {
    if (chain.has(next)) return { state: 'cycle', ...shown(chain) };
    chain.add(next);
    end = next;
  }
  const state = stateOf(pointers.get(end));
  return chain.size === 1
    ? { state }
    : { state: 'merged', survivorId: end, survivorState: state, ...shown(chain) };
}

function stateOf(pointer: Pointer | undefined): 'active' | 'deleted' | 'unknown' {
  if (pointer === undefined) return 'unknown';
  return pointer.gone === null ? 'active' : 'deleted';
}

function shown(chain: ReadonlySet<string>): { chain: readonly string[]; chainLength: number } {
  return { chain: [...chain].slice(0, chainShownMax), chainLength: chain.size };
}
