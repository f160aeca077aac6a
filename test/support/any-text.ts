import fc from 'fast-check';

/** Any character but half of a surrogate pair. */
const aCharacter = fc
  .oneof(fc.integer({ min: 0, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map(
    (code) => String.fromCodePoint(code),
    (text) => {
      const code = typeof text === 'string' ? text.codePointAt(0) : undefined;
      if (code === undefined || text !== String.fromCodePoint(code)) throw new Error('Not one character');
      return code;
    },
  );

/** Texts of any characters. fast-check's own unit `binary` makes the same, but first lists a million characters for a second. */
export function anyText(
  length: { readonly minLength?: number; readonly maxLength?: number } = {},
): fc.Arbitrary<string> {
  return fc.string({ ...length, unit: aCharacter });
}
