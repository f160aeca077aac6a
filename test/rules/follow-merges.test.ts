import { followMerges, type Pointer } from '../../src/contacts/follow-merges.rule';

/** `A>B` merged, `A!` deleted, `A` active. */
function pointers(...told: readonly string[]): ReadonlyMap<string, Pointer> {
  return new Map(
    told.map((each): [string, Pointer] => {
      const [id = '', survivorId] = each.replace('!', '').split('>');
      if (survivorId !== undefined) return [id, { id, gone: 'merged', survivorId }];
      return [id, { id, gone: each.endsWith('!') ? 'deleted' : null, survivorId: null }];
    }),
  );
}

describe('followMerges', () => {
  it.each([
    ['A', pointers('A'), { state: 'active' }],
    ['A', pointers('A!'), { state: 'deleted' }],
    ['A', pointers(), { state: 'unknown' }],
    [
      'A',
      pointers('A>B', 'B'),
      { state: 'merged', survivorId: 'B', survivorState: 'active', chain: ['A', 'B'], chainLength: 2 },
    ],
    [
      'A',
      pointers('A>B', 'B>C', 'C!'),
      { state: 'merged', survivorId: 'C', survivorState: 'deleted', chain: ['A', 'B', 'C'], chainLength: 3 },
    ],
    [
      'A',
      pointers('A>B'),
      { state: 'merged', survivorId: 'B', survivorState: 'unknown', chain: ['A', 'B'], chainLength: 2 },
    ],
    ['A', pointers('A>B', 'B>A'), { state: 'cycle', chain: ['A', 'B'], chainLength: 2 }],
    ['X', pointers('X>A', 'A>B', 'B>A'), { state: 'cycle', chain: ['X', 'A', 'B'], chainLength: 3 }],
  ])('answers for %s', (id, told, resolution) => {
    expect(followMerges(told)(id)).toEqual(resolution);
  });

  it('shows 50 ids of a chain, and how many there are', () => {
    const long = pointers(...Array.from({ length: 999 }, (_, n) => `${n}>${n + 1}`), '999');
    const resolution = followMerges(long)('0');
    expect(resolution).toMatchObject({ state: 'merged', survivorId: '999', chainLength: 1_000 });
    expect('chain' in resolution && resolution.chain).toHaveLength(50);
  });
});
