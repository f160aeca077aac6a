import fc from 'fast-check';
import { BodyBudget, type BodyPlace } from '../../src/http/body-budget';

const limits = { totalBytes: 1_000, largeBytes: 700, smallMaxBytes: 50, stepBytes: 10, stepMaxMs: 100 };

const anAct = fc.oneof(
  fc.record({ act: fc.constant('reserve' as const), bytes: fc.integer({ min: 1, max: 400 }) }),
  fc.record({
    act: fc.constantFrom('read' as const, 'gain' as const, 'release' as const, 'grow' as const),
    which: fc.nat(20),
    bytes: fc.integer({ min: 1, max: 400 }),
  }),
  fc.record({ act: fc.constant('look' as const) }),
);

it('never holds more than its bounds, and nothing when all bodies are done, whatever happens in which order', () => {
  fc.assert(
    fc.property(fc.array(anAct, { maxLength: 200 }), (acts) => {
      const budget = new BodyBudget(limits);
      const places: BodyPlace[] = [];
      for (const [nowMs, each] of acts.entries()) {
        if (each.act === 'reserve') {
          const place = budget.reserve(each.bytes, () => undefined);
          if (place !== null) places.push(place);
        } else if (each.act === 'look') {
          budget.cutSlow(nowMs);
        } else {
          const place = places[each.which];
          if (each.act === 'read') place?.read(nowMs);
          if (each.act === 'gain') place?.gain(each.bytes, nowMs);
          if (each.act === 'grow') place?.grow(each.bytes);
          if (each.act === 'release') place?.release();
        }
        expect(budget.reservedBytes).toBeLessThanOrEqual(limits.totalBytes);
      }
      for (const place of places) place.release();
      expect(budget.reservedBytes).toBe(0);
    }),
  );
});

it('cuts the slowest for a body that does not fit, and never one that is not being read', () => {
  const budget = new BodyBudget(limits);
  const cut: string[] = [];
  const reserve = (name: string, bytes: number): BodyPlace | null =>
    budget.reserve(bytes, (reason) => cut.push(`${name} ${reason}`));
  const [a, b, c] = [reserve('a', 200), reserve('b', 200), reserve('c', 200)];
  expect(reserve('too much', 200)).toBeNull();
  a?.read(1);
  b?.read(2);
  a?.gain(5, 3);
  expect(reserve('d', 200)).not.toBeNull();
  // five bytes are no step
  expect(cut).toEqual(['a full']);
  b?.gain(10, 4);
  c?.read(4);
  expect(reserve('e', 300)).not.toBeNull();
  expect(cut).toEqual(['a full', 'b full']);
});

it('has room for small bodies that large ones neither take nor are cut for', () => {
  const budget = new BodyBudget(limits);
  const cut: string[] = [];
  const large = budget.reserve(700, () => cut.push('large'));
  const small = Array.from({ length: 6 }, () => budget.reserve(50, () => cut.push('small')));
  for (const place of small) place?.read(1);
  expect(small).not.toContain(null);
  expect(budget.reserve(60, () => undefined)).toBeNull();
  expect(cut).toEqual([]);
  large?.read(2);
  // the slowest of all gives way to a small one
  expect(budget.reserve(50, () => undefined)).not.toBeNull();
  expect(cut).toEqual(['small']);
  expect(budget.reserve(100, () => undefined)).not.toBeNull();
  expect(cut).toEqual(['small', 'large']);
});

it('counts a body of unknown length as a large one when it has become one', () => {
  const budget = new BodyBudget(limits);
  const unknown = Array.from({ length: 20 }, () => budget.reserve(50, () => undefined));
  expect(unknown).not.toContain(null);
  // larger than small ones may be, and all together more than large ones may take
  const grown = unknown.map((place) => place?.grow(100));
  expect(grown.filter((hasRoom) => hasRoom).length).toBeLessThanOrEqual(7);
  for (const [n, place] of unknown.entries()) if (grown[n] === false) place?.release();
  expect(budget.reserve(50, () => undefined)).not.toBeNull();
  expect(budget.reservedBytes).toBeLessThanOrEqual(limits.totalBytes);
});

it('cuts what gains no step in time, however little comes of it all the while', () => {
  const budget = new BodyBudget(limits);
  const cut: string[] = [];
  const trickling = budget.reserve(100, (reason) => cut.push(`trickling ${reason}`));
  const steady = budget.reserve(100, (reason) => cut.push(`steady ${reason}`));
  trickling?.read(0);
  steady?.read(0);
  for (let nowMs = 0; nowMs <= 200; nowMs += 50) {
    trickling?.gain(1, nowMs);
    steady?.gain(10, nowMs);
    budget.cutSlow(nowMs);
  }
  expect(cut).toEqual(['trickling slow']);
});
