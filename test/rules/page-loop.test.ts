import fc from 'fast-check';
import { PageLoop } from '../../src/sync/page-loop';

/** How many tokens are read before the loop is noticed; null: it was not. */
function readUntilNoticed(tokens: Iterable<string>): number | null {
  const loop = new PageLoop();
  let read = 0;
  for (const token of tokens) {
    read += 1;
    if (loop.closes(token)) return read;
  }
  return null;
}

function* looping(before: number, length: number, most: number): Generator<string> {
  for (let n = 0; n < most; n++) yield n < before ? `before ${n}` : `loop ${(n - before) % length}`;
}

it('notices a loop of any length, wherever it begins, before its pages are read four times', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.integer({ min: 1, max: 200 }), (before, length) => {
      const most = 4 * (before + length) + 4;
      expect(readUntilNoticed(looping(before, length, most))).not.toBeNull();
    }),
  );
});

it('lets a list without repeated tokens pass, however long', () => {
  expect(readUntilNoticed(Array.from({ length: 100_000 }, (_, n) => `${n}`))).toBeNull();
});
