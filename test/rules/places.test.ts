import fc from 'fast-check';
import type { Cursor } from '../../src/audit/audit.repository';
import { areNear, comparePlaces, placeOf } from '../../src/followers/places.rule';

const place = fc.tuple(
  fc.oneof(fc.constant(1n), fc.bigInt({ min: 0n, max: 2n ** 31n - 1n })),
  fc.oneof(fc.constant(7n), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
);
const written = (numbers: readonly bigint[]): Cursor => numbers.map(String) as unknown as Cursor;

it('compares places as Postgres compares rows of numbers', () => {
  fc.assert(
    fc.property(place, place, (a, b) => {
      const [n = 0n, other = 0n] = a.flatMap((number, at) => (number === b[at] ? [] : [number, b[at] ?? 0n]));
      expect(Math.sign(comparePlaces(written(a), written(b)))).toBe(Number(n > other) - Number(n < other));
    }),
  );
});

it('reads the place of an event, whose era is a number', () => {
  expect(placeOf({ era: 2, tx: '12', id: '3' })).toEqual(['2', '12', '3']);
});

it('calls places near that are no more ids apart than a follower takes events at once, in one era', () => {
  const from: Cursor = ['1', '5', '1000'];
  const near = (other: Cursor): boolean => areNear(from, other) && areNear(other, from);
  expect([near(['1', '900', '1500']), near(['1', '4', '500']), near(from)]).toEqual([true, true, true]);
  expect([near(['1', '6', '1501']), near(['2', '5', '1000']), near(['1', '5', '0'])]).toEqual([
    false,
    false,
    false,
  ]);
});
