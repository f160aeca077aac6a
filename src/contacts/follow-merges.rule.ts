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

/** Where the chain from an id ends, and how many ids it has; `end` is null where it runs into a cycle. */
interface Ending {
  readonly end: string | null;
  readonly length: number;
}

/**
 * Follows merges from ids to the contacts that answer for them.
 *
 * Each pointer is followed once, however many ids are asked for: an ending that was found is kept.
 *
 * @param pointers every contact that can be reached from the ids; one that is missing is unknown
 */
export function followMerges(pointers: ReadonlyMap<string, Pointer>): (id: string) => Resolution {
  const endings = new Map<string, Ending>();
  const next = (id: string): string | null => pointers.get(id)?.survivorId ?? null;
  return (id) => {
    const { end, length } = findEnding(id, next, endings);
    if (end === null) return { state: 'cycle', chain: shown(id, next, length), chainLength: length };
    const state = stateOf(pointers.get(end));
    return end === id
      ? { state }
      : {
          state: 'merged',
          survivorId: end,
          survivorState: state,
          chain: shown(id, next, length),
          chainLength: length,
        };
  };
}

/** Finds the ending of an id, and keeps those of all ids that it passes. */
function findEnding(id: string, next: (id: string) => string | null, endings: Map<string, Ending>): Ending {
  const path = new Map<string, number>();
  let at: string | null = id;
  while (at !== null && !endings.has(at) && !path.has(at)) {
    path.set(at, path.size);
    at = next(at);
  }
  const passed = [...path.keys()];
  const cycleBegin = at === null ? undefined : path.get(at);
  let ending: Ending;
  if (cycleBegin !== undefined) {
    ending = { end: null, length: passed.length - cycleBegin };
    for (const each of passed.splice(cycleBegin)) endings.set(each, ending);
  } else {
    ending = (at === null ? undefined : endings.get(at)) ?? { end: passed.at(-1) ?? id, length: 0 };
  }
  for (const each of passed.reverse()) {
    ending = { end: ending.end, length: ending.length + 1 };
    endings.set(each, ending);
  }
  return endings.get(id) ?? ending;
}

function stateOf(pointer: Pointer | undefined): 'active' | 'deleted' | 'unknown' {
  if (pointer === undefined) return 'unknown';
  return pointer.gone === null ? 'active' : 'deleted';
}

/** The first ids of a chain. */
function shown(id: string, next: (id: string) => string | null, length: number): readonly string[] {
  const chain: string[] = [];
  for (let at: string | null = id; at !== null && chain.length < Math.min(length, chainShownMax);) {
    chain.push(at);
    at = next(at);
  }
  return chain;
}
