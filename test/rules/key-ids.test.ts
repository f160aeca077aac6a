import fc from 'fast-check';
import { composeKeyId, isKeyIdOf, keyIdBytes } from '../../src/access/read-api-key.rule';
import { anyText } from '../support/any-text';

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((each) => Buffer.from(each));

it('an id of a key is known by the key of the service that made it, and by no other', () => {
  fc.assert(
    fc.property(bytes(keyIdBytes), bytes(32), bytes(32), (random, key, other) => {
      const id = composeKeyId(random, key);
      expect(id).toMatch(/^[0-9a-f]{32}$/);
      expect(isKeyIdOf(id, key)).toBe(true);
      expect(isKeyIdOf(id, other)).toBe(key.equals(other));
    }),
  );
});

it('an id that somebody made up or changed is not known, whatever text it is', () => {
  const key = Buffer.alloc(32, 7);
  const id = composeKeyId(Buffer.alloc(keyIdBytes, 1), key);
  fc.assert(
    fc.property(fc.oneof(anyText(), fc.stringMatching(/^[0-9a-f]{32}$/)), (text) => {
      expect(isKeyIdOf(text, key)).toBe(text === id);
    }),
  );
  for (let n = 0; n < id.length; n++) {
    const changed = `${id.slice(0, n)}${id[n] === '0' ? '1' : '0'}${id.slice(n + 1)}`;
    expect(isKeyIdOf(changed, key)).toBe(false);
  }
  for (const twin of [id.toUpperCase(), `${id}\n`, ` ${id}`, `${id}\0`])
    expect(isKeyIdOf(twin, key)).toBe(false);
});
