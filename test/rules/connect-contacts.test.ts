import fc from 'fast-check';
import { connectContacts } from '../../src/duplicates/connect-contacts';

const someIds = fc.subarray(['A', 'B', 'C', 'D', 'E', 'F']);

it('connects as each two that are not dismissed would, and tells by what', () => {
  fc.assert(
    fc.property(
      fc.array(someIds, { maxLength: 5 }),
      fc.array(someIds, { maxLength: 5 }),
      (groups, dismissals) => {
        const edges = groups.flatMap((ids, cause) =>
          ids.flatMap((a) =>
            ids.flatMap((b) =>
              a !== b && !dismissals.some((pair) => pair.includes(a) && pair.includes(b))
                ? [{ a, b, cause }]
                : [],
            ),
          ),
        );
        const found = connectContacts(
          groups.map((contactIds, cause) => ({ contactIds, cause })),
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
              causes: [...new Set(edges.filter(({ a }) => reached.has(a)).map(({ cause }) => cause))],
            },
          ];
        });
        expect(found.map(({ contactIds, causes }) => ({ contactIds, causes: [...causes].sort() }))).toEqual(
          expected,
        );
      },
    ),
    { numRuns: 5_000 },
  );
});

it('connects a thousand contacts that one report names', () => {
  const contactIds = Array.from({ length: 1_000 }, (_, n) => `contact-${n}`);
  const [component, ...others] = connectContacts([{ contactIds, cause: 'report' }], []);
  expect([component?.contactIds.length, component?.causes, others]).toEqual([1_000, ['report'], []]);
  expect(connectContacts([{ contactIds, cause: 'report' }], [contactIds])).toEqual([]);
});
