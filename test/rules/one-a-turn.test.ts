import { OneATurn } from '../../src/base/one-a-turn';

describe('OneATurn', () => {
  it('lets one begin in each turn of the event loop, in order', async () => {
    const gate = new OneATurn();
    let turn = 0;
    let isDone = false;
    const count = (): void => {
      turn += 1;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    const begun: (readonly [number, number])[] = [];
    await Promise.all(
      [0, 1, 2, 3].map(async (n) => {
        await gate.next();
        begun.push([n, turn]);
      }),
    );
    isDone = true;
    expect(begun.map(([n]) => n)).toEqual([0, 1, 2, 3]);
    expect(new Set(begun.map(([, at]) => at)).size).toBe(4);
  });
});
