import { changesOf, readCosts, writeCosts, type Cost } from '../support/costs/costs-table';

const cost = (more: Partial<Cost> = {}): Cost => ({
  statements: 2,
  framing: 5,
  rows: 100,
  buffers: 50,
  ...more,
});
const EMPTY = '# Costs\n\n<!-- costs: written -->\n<!-- end of costs -->\n\nMore | text | 1 | 2 | 3 | 4 |\n';
const sections = (costs: Readonly<Record<string, Cost>>): Parameters<typeof writeCosts>[1] => [
  { title: 'Reads', costs: new Map(Object.entries(costs)) },
];

it('writes costs as they are read again', () => {
  const costs = { 'a contact': cost(), 'list of 100': cost({ rows: 101, buffers: 1_234 }) };
  const written = writeCosts(EMPTY, sections(costs));
  expect(Object.fromEntries(readCosts(written))).toEqual(costs);
  expect(writeCosts(written, sections(costs))).toBe(written);
});

it('writes a row again only if it no longer holds', () => {
  const written = writeCosts(EMPTY, sections({ holds: cost(), differs: cost(), goes: cost() }));
  const now = { holds: cost({ buffers: 59 }), differs: cost({ buffers: 61 }), comes: cost({ rows: 0 }) };
  expect(Object.fromEntries(readCosts(writeCosts(written, sections(now))))).toEqual({
    ...now,
    holds: cost(),
  });
});

it.each<[string, Partial<Cost>, readonly string[]]>([
  ['one statement more', { statements: 3 }, ['statements: 2 before, 3 now (dearer)']],
  ['one setting less', { framing: 4 }, ['begin, set, commit: 5 before, 4 now (cheaper)']],
  ['one row more', { rows: 101 }, ['rows: 100 before, 101 now (dearer)']],
  ['a fifth more buffers', { buffers: 60 }, []],
  ['a fifth less buffers', { buffers: 40 }, []],
  ['yet more buffers', { buffers: 61 }, ['buffers: 50 before, 61 now (dearer)']],
  ['yet less buffers', { buffers: 39 }, ['buffers: 50 before, 39 now (cheaper)']],
])('shows %s', (_, more, lines) => {
  expect(changesOf(cost(), cost(more))).toEqual(lines);
});

it('lets few buffers differ by one', () => {
  const few = cost({ buffers: 3 });
  expect([2, 3, 4].flatMap((buffers) => changesOf(few, cost({ buffers })))).toEqual([]);
  expect(changesOf(few, cost({ buffers: 5 }))).toEqual(['buffers: 3 before, 5 now (dearer)']);
});
