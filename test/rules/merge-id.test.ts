import fc from 'fast-check';
import { mergeId, readMergeId } from '../../src/contacts/merges/merge-id.rule';

describe('The id of a merge', () => {
  it('is read back as the pair that it names', () => {
    const anId = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 100 })
      .filter((id) => id.isWellFormed() && !id.includes('\0') && Buffer.byteLength(id) <= 512);
    fc.assert(
      fc.property(anId, anId, (loserId, survivorId) => {
        expect(readMergeId(mergeId(loserId, survivorId))).toEqual({ loserId, survivorId });
      }),
    );
    const [a, b] = ['a'.repeat(512), 'b'.repeat(512)];
    expect(readMergeId(mergeId(a, b))).toEqual({ loserId: a, survivorId: b });
  });

  it.each([
    '',
    'QQ',
    '!!!',
    'QQBC=',
    mergeId('', 'B'),
    mergeId('A', ''),
    mergeId('A', 'B\0C'),
    `${mergeId('A', 'B')} `,
    Buffer.from([0x41, 0, 0xff]).toString('base64url'),
    mergeId('a'.repeat(513), 'b'.repeat(512)),
    'x'.repeat(100_000),
  ])('is no other text: %.20j', (text) => {
    expect(readMergeId(text)).toBeNull();
  });

  it('names nothing but by its one spelling', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const pair = readMergeId(text);
        if (pair !== null) expect(mergeId(pair.loserId, pair.survivorId)).toBe(text);
      }),
    );
  });
});
