import fc from 'fast-check';
import { type InLane, Lanes } from '../../src/outward/lanes.rule';
import { runs } from '../support/runs';

/** Heads of a list, by what the word says: nothing before one has any of its keys. */
function headsOf(items: readonly InLane[]): readonly string[] {
  return items
    .filter(
      (item, at) => !items.slice(0, at).some((other) => other.keys.some((key) => item.keys.includes(key))),
    )
    .map(({ eventId }) => eventId)
    .sort();
}

const keys = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 3 });

it('has those as heads before which nothing of their contacts stands, whatever is added and taken out', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(keys, fc.nat(20)), { maxLength: 60 }), (steps) => {
      const lanes = new Lanes<InLane>();
      let model: InLane[] = [];
      for (const [n, [each, choice]] of steps.entries()) {
        const victim = model[choice];
        if (n % 3 === 2 && victim !== undefined) {
          const before = new Set(headsOf(model));
          const freed = lanes.remove(victim).map(({ eventId }) => eventId);
          model = model.filter((other) => other !== victim);
          expect(freed.sort()).toEqual(headsOf(model).filter((id) => !before.has(id)));
        } else {
          const item = { eventId: `e${n}`, keys: each };
          lanes.add(item);
          model.push(item);
        }
        expect([...lanes.heads()].map(({ eventId }) => eventId).sort()).toEqual(headsOf(model));
        expect(lanes.size).toBe(model.length);
        for (const item of model) {
          const blocker = lanes.blockerOf(item);
          expect(blocker === null).toBe(lanes.isHead(item));
        }
      }
    }),
    { numRuns: runs(300) },
  );
});

it('tells what stands before a delivery of one contact, the nearest first', () => {
  const lanes = new Lanes<InLane>();
  const items = ['1', '2', '3'].map((eventId) => ({ eventId, keys: ['a'] }));
  for (const item of items) lanes.add(item);
  const [first, second, third] = items;
  if (third === undefined) throw new Error('There are three');
  expect(lanes.before(third)).toEqual([second, first]);
  expect(lanes.contacts).toBe(1);
});

it('leaves a delivery where it is that is added twice, and takes out only what is there', () => {
  const lanes = new Lanes<InLane>();
  const item = { eventId: '1', keys: ['a'] };
  lanes.add(item);
  lanes.add({ eventId: '1', keys: ['b'] });
  expect(lanes.size).toBe(1);
  expect(lanes.get('1')).toBe(item);
  expect(lanes.remove({ eventId: '1', keys: ['a'] })).toEqual([]);
  expect([...lanes.all()]).toEqual([item]);
});
