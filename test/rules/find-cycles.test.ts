import fc from 'fast-check';
import { findCycles } from '../../src/contacts/merges/find-cycles.rule';
import { followMerges } from '../../src/contacts/follow-merges.rule';

const merges = (...told: readonly string[]): ReadonlyMap<string, string> =>
  new Map(told.map((each) => each.split('>') as [string, string]));

describe('findCycles', () => {
  it('finds each circle once, from its smallest id on', () => {
    expect(findCycles(merges('X>C', 'C>A', 'A>B', 'B>C', 'E>D', 'D>E', 'F>G'))).toEqual([
      ['A', 'B', 'C'],
      ['D', 'E'],
    ]);
    expect(findCycles(merges('A>B', 'B>C'))).toEqual([]);
  });

  it('finds exactly the contacts that lead back to themselves', () => {
    const anId: fc.Arbitrary<string> = fc.constantFrom('A', 'B', 'C', 'D', 'E', 'F', 'G', 'H');
    fc.assert(
      fc.property(fc.array(fc.tuple(anId, anId)), (pairs) => {
        const survivorOf = new Map(pairs.filter(([loser, survivor]) => loser !== survivor));
        const pointers = new Map(
          [...survivorOf].map(([id, survivorId]) => [id, { id, gone: 'merged' as const, survivorId }]),
        );
        const inCircles = [...survivorOf.keys()].filter((id) => {
          const resolution = followMerges(pointers)(survivorOf.get(id) ?? '');
          return resolution.state === 'cycle' && resolution.chain.includes(id);
        });
        const found = findCycles(survivorOf);
        expect(found.flat().sort()).toEqual(inCircles.sort());
        for (const cycle of found) {
          expect(cycle[0]).toBe([...cycle].sort()[0]);
          for (const [n, id] of cycle.entries())
            expect(survivorOf.get(id)).toBe(cycle[(n + 1) % cycle.length]);
        }
      }),
    );
  });

  it('takes a circle of 100,000 merges', () => {
    const big = new Map(Array.from({ length: 100_000 }, (_, n) => [`${n}`, `${(n + 1) % 100_000}`]));
    expect(findCycles(big).map((cycle) => cycle.length)).toEqual([100_000]);
  });
});
