/**
 * Finds the circles that merges run in, each once, from its smallest id on, in the order of smallest ids.
 *
 * Linear in the number of merges: every contact is passed once.
 *
 * @param survivorOf where each merged contact went
 */
export function findCycles(survivorOf: ReadonlyMap<string, string>): readonly (readonly string[])[] {
  const passed = new Set<string>();
  const cycles: (readonly string[])[] = [];
  for (const start of survivorOf.keys()) {
    const path = new Map<string, number>();
    let id: string | undefined = start;
    while (id !== undefined && !passed.has(id)) {
      passed.add(id);
      path.set(id, path.size);
      id = survivorOf.get(id);
    }
    const at = id === undefined ? undefined : path.get(id);
    if (at !== undefined) cycles.push(fromSmallest([...path.keys()].slice(at)));
  }
  return cycles.sort(([a = ''], [b = '']) => compareIds(a, b));
}

function fromSmallest(cycle: readonly string[]): readonly string[] {
  const smallest = cycle.reduce((a, b) => (compareIds(a, b) <= 0 ? a : b));
  const at = cycle.indexOf(smallest);
  return [...cycle.slice(at), ...cycle.slice(0, at)];
}

/** As Postgres orders ids: by their bytes in UTF-8. */
export function compareIds(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
