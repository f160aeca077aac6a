/** What `node --cpu-prof` writes: V8's `Profiler.Profile`. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  /** The node that was met, and the microseconds since the sample before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A function as called from where it stands in the tree. */
export interface Call {
  readonly name: string;
  /** Microseconds in the function itself. */
  self: number;
  /** With all that it called. */
  total: number;
  readonly calls: Map<string, Call>;
}

/** The calls of a profile by name; the time in which nothing was to do is left out. */
export function callTree({ nodes, samples, timeDeltas }: CpuProfile, root: string): Call {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const own = new Map<number, number>();
  for (const [at, id] of samples.entries()) own.set(id, (own.get(id) ?? 0) + (timeDeltas[at] ?? 0));

  const add = (id: number, parent: Call): void => {
    const node = byId.get(id);
    if (node === undefined || node.callFrame.functionName === '(idle)') return;
    const name = nameOf(node.callFrame, root);
    const call = parent.calls.get(name) ?? { name, self: 0, total: 0, calls: new Map<string, Call>() };
    parent.calls.set(name, call);
    const before = call.total;
    call.self += own.get(id) ?? 0;
    call.total += own.get(id) ?? 0;
    for (const child of node.children ?? []) add(child, call);
    parent.total += call.total - before;
  };
  const all: Call = { name: 'all', self: 0, total: 0, calls: new Map() };
  for (const child of nodes[0]?.children ?? []) add(child, all);
  return all;
}

/** The functions by the part of the time that each takes itself, the greatest first. */
export function selfTimes(tree: Call): readonly { readonly name: string; readonly part: number }[] {
  const sums = new Map<string, number>();
  const visit = (call: Call): void => {
    sums.set(call.name, (sums.get(call.name) ?? 0) + call.self);
    for (const each of call.calls.values()) visit(each);
  };
  visit(tree);
  return [...sums]
    .map(([name, self]) => ({ name, part: Math.round((1_000 * self) / tree.total) / 1_000 }))
    .sort((a, b) => b.part - a.part);
}

/** The function and its file, relative to the project or to its package. */
function nameOf({ functionName, url }: { functionName: string; url: string }, root: string): string {
  const file = url
    .replace('file://', '')
    .replace(/^.*node_modules\//, '')
    .replace(`${root}/dist/`, '');
  return `${functionName === '' ? '(anonymous)' : functionName}${file === '' ? '' : ` ${file}`}`;
}
