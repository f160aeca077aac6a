import { setImmediate as nextTurn } from 'node:timers/promises';

/** After how long work lets others have the event loop, in ms. */
const turnMs = 20;

/**
 * Runs work that takes long in turns of the event loop, between which deliveries and requests are served.
 *
 * @param work yields wherever it may be interrupted, so often that no step takes more than some milliseconds
 */
export async function inTurns<T>(work: Generator<void, T, void>): Promise<T> {
  for (let began = performance.now(); ;) {
    const step = work.next();
    if (step.done === true) return step.value;
    if (performance.now() - began < turnMs) continue;
    await nextTurn();
    began = performance.now();
  }
}

/** `flatMap` in turns of the event loop. @param of takes no more than some milliseconds for one item */
export async function flatMapInTurns<Item, Result>(
  items: readonly Item[],
  of: (item: Item) => readonly Result[],
): Promise<readonly Result[]> {
  return inTurns(flatMapping(items, of));
}

function* flatMapping<Item, Result>(
  items: readonly Item[],
  of: (item: Item) => readonly Result[],
): Generator<void, readonly Result[], void> {
  const results: Result[] = [];
  for (const item of items) {
    for (const result of of(item)) results.push(result);
    yield;
  }
  return results;
}

/** Items by what they have in common, each group in the order given; yields after each item. */
export function* groupInSteps<Item, Key>(
  items: readonly Item[],
  keyOf: (item: Item) => Key,
): Generator<void, ReadonlyMap<Key, readonly Item[]>, void> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
    yield;
  }
  return groups;
}
