import fc from 'fast-check';
import { connectInSteps, type Component, type Group } from '../../src/matching/connect-contacts.rule';
import { runs } from '../support/runs';

const someIds = fc.subarray(['A', 'B', 'C', 'D', 'E', 'F']);

/** Connects to the end. @returns with the number of steps */
function connect<Evidence>(
  groups: readonly Group<Evidence>[],
  dismissals: readonly (readonly string[])[],
): { readonly components: readonly Component<Evidence>[]; readonly steps: number } {
  const work = connectInSteps(groups, dismissals);
  for (let steps = 1; ; steps++) {
    const step = work.next();
    if (step.done === true) return { components: step.value, steps };
  }
}

it('connects as each two that are not dismissed would, and tells by what', () => {
  fc.assert(
    fc.property(
      fc.array(someIds, { maxLength: 5 }),
      fc.array(someIds, { maxLength: 5 }),
      (groups, dismissals) => {
        const edges = groups.flatMap((ids, evidence) =>
          ids.flatMap((a) =>
            ids.flatMap((b) =>
              a !== b && !dismissals.some((pair) => pair.includes(a) && pair.includes(b))
                ? [{ a, b, evidence }]
                : [],
            ),
          ),
        );
        const { components: found } = connect(
          groups.map((contactIds, evidence) => ({ contactIds, evidence })),
          dismissals,
        );
        const expected = ['A', 'B', 'C', 'D', 'E', 'F'].flatMap((id) => {
          const reached = new Set([id]);
          for (const each of reached) for (const { a, b } of edges) if (a === each) reached.add(b);
          const contactIds = [...reached].sort();
          if (contactIds.length < 2 || contactIds[0] !== id) return [];
          return [
            {
              contactIds,
              evidence: [...new Set(edges.filter(({ a }) => reached.has(a)).map(({ evidence }) => evidence))],
            },
          ];
        });
        expect(
          found.map(({ contactIds, evidence }) => ({ contactIds, evidence: [...evidence].sort() })),
        ).toEqual(expected);
      },
    ),
    { numRuns: runs(1_000) },
  );
});

const idsOf = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `contact-${n}`);

it('connects a thousand contacts that one report names', () => {
  const contactIds = idsOf(1_000);
  const [component, ...others] = connect([{ contactIds, evidence: 'report' }], []).components;
  expect([component?.contactIds.length, component?.evidence, others]).toEqual([1_000, ['report'], []]);
  expect(connect([{ contactIds, evidence: 'report' }], [contactIds]).components).toEqual([]);
});

/** Of 1,000 contacts: lists that grow by one contact each. */
const ALL = idsOf(1_000);
const GROWING = ALL.slice(1).map((_, n) => ALL.slice(0, n + 2));
const PAIRS = ALL.slice(1).map((id, n) => [ALL[n] ?? '', id]);
const WITHOUT_ONE = ALL.slice(0, 50).map((id) => ALL.filter((other) => other !== id));

it.each<[string, readonly (readonly string[])[], readonly (readonly string[])[], readonly number[]]>([
  ['all were dismissed from each other', GROWING, [ALL], []],
  ['all were dismissed, and again with each new contact', GROWING, GROWING, []],
  ['all but the last were dismissed', GROWING, [ALL.slice(0, -1)], [1_000]],
  ['each was dismissed from the next', GROWING, PAIRS, [1_000]],
  ['fifty dismissals leave out one contact each', GROWING, WITHOUT_ONE, []],
  ['two halves were dismissed', GROWING, [ALL.slice(0, 500), ALL.slice(500)], [1_000]],
  ['each was dismissed by itself too', [ALL, ALL], [ALL, ...ALL.map((id) => [id, 'another'])], []],
])(
  'is near-linear in a thousand contacts with 999 growing reports where %s',
  (_, groups, dismissals, sizes) => {
    const before = process.cpuUsage();
    const { components, steps } = connect(
      groups.map((contactIds, evidence) => ({ contactIds, evidence })),
      dismissals,
    );
    const { user } = process.cpuUsage(before);
    expect(components.map(({ contactIds }) => contactIds.length)).toEqual(sizes);
    // pair by pair it were 166 million comparisons; each step is one that may be interrupted
    expect(user).toBeLessThan(4_000_000);
    expect(steps).toBeGreaterThan(groups.length);
  },
);
