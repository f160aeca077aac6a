import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import {
  openSecret,
  type Opening,
  readSealingKeys,
  resealSecret,
  sealingKeyBytes,
  sealingKeysMax,
  sealSecret,
  type SecretPlace,
} from '../../src/outward/seal-secret.rule';
import { anyText } from '../support/any-text';

const aKey = fc.uint8Array({ minLength: sealingKeyBytes, maxLength: sealingKeyBytes });
const someKeys = (least = 1) =>
  fc.uniqueArray(aKey, {
    minLength: least,
    maxLength: sealingKeysMax,
    selector: (key) => Buffer.from(key).toString('hex'),
  });
const aPlace: fc.Arbitrary<SecretPlace> = fc.record({
  projectId: anyText({ maxLength: 5 }),
  subscriptionId: anyText({ maxLength: 5 }),
  field: fc.constantFrom('signing_secrets', 'password', ''),
});
const place: SecretPlace = { projectId: 'P', subscriptionId: 'S', field: 'password' };
const seal = (keys: readonly Uint8Array[], at: SecretPlace, secret: string): Buffer =>
  sealSecret(readSealingKeys(keys), at, secret, randomBytes);
const open = (keys: readonly Uint8Array[], at: SecretPlace, sealed: Buffer): Opening =>
  openSecret(readSealingKeys(keys), at, sealed);

describe('A sealed secret', () => {
  it('opens under any of the keys, in its place, and says whether its key is the current one', () => {
    fc.assert(
      fc.property(someKeys(), fc.nat(3), aPlace, anyText(), (keys, at, of, secret) => {
        const index = at % keys.length;
        const sealed = seal(keys.slice(index), of, secret);
        expect(open(keys, of, sealed)).toEqual({ kind: 'opened', secret, isCurrent: index === 0 });
      }),
    );
  });

  it('does not open in any other place', () => {
    fc.assert(
      fc.property(someKeys(), aPlace, aPlace, (keys, of, other) => {
        fc.pre(JSON.stringify(of) !== JSON.stringify(other));
        expect(open(keys, other, seal(keys, of, 'secret')).kind).toBe('not-genuine');
      }),
    );
    const keys = [randomBytes(32)];
    const sealed = seal(keys, { projectId: 'a', subscriptionId: 'b', field: '' }, 'secret');
    for (const [projectId, subscriptionId, field] of [
      ['ab', '', ''],
      ['', 'ab', ''],
      ['a', '', 'b'],
      ['a","b', '', ''],
    ] as const)
      expect(open(keys, { projectId, subscriptionId, field }, sealed).kind).toBe('not-genuine');
  });

  it('does not open when a bit of it was changed, or a part of it is missing', () => {
    const keys = [randomBytes(32), randomBytes(32)];
    const sealed = seal(keys, place, 'whsec_secret');
    for (let at = 0; at < sealed.length; at++) {
      for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
        const changed = Buffer.from(sealed);
        changed[at] = (changed[at] ?? 0) ^ bit;
        expect(open(keys, place, changed).kind).toBe(
          at === 0 ? 'unreadable' : at <= 8 ? 'unknown-key' : 'not-genuine',
        );
      }
      expect(open(keys, place, sealed.subarray(0, at)).kind).not.toBe('opened');
    }
    expect(open(keys, place, Buffer.concat([sealed, Buffer.from([0])])).kind).toBe('not-genuine');
  });

  it('does not open under the id of another key', () => {
    const keys = [randomBytes(32), randomBytes(32)];
    const sealed = seal(keys, place, 'secret');
    const id = readSealingKeys(keys)[1]?.id ?? Buffer.alloc(0);
    expect(open(keys, place, Buffer.concat([sealed.subarray(0, 1), id, sealed.subarray(9)])).kind).toBe(
      'not-genuine',
    );
  });

  it('names the key that is missing, and shows nothing of the secret', () => {
    const [old, current] = [randomBytes(32), randomBytes(32)];
    const opening = open([current], place, seal([old], place, 'secret'));
    const [oldId, currentId] = readSealingKeys([old, current]).map(({ id }) => id.toString('hex'));
    expect(opening).toEqual({
      kind: 'unknown-key',
      detail: `The secret was sealed with the key ${oldId ?? ''}; the configured keys are ${currentId ?? ''}. Configure that key again, after the current one.`,
    });
  });

  it('has another nonce each time, of 96 bits, and shows neither secret nor key', () => {
    const keys = [randomBytes(32)];
    const sealed = Array.from({ length: 200 }, () => seal(keys, place, 'whsec_secret'));
    expect(new Set(sealed.map((each) => each.subarray(9, 21).toString('hex'))).size).toBe(200);
    for (const each of sealed) {
      expect(each.includes('secret')).toBe(false);
      expect(each.includes(keys[0]?.subarray(0, 8) ?? '')).toBe(false);
      expect(each).toHaveLength(1 + 8 + 12 + 16 + 'whsec_secret'.length);
    }
    const asked: number[] = [];
    sealSecret(readSealingKeys(keys), place, 'x', (bytes) => (asked.push(bytes), randomBytes(bytes)));
    expect(asked).toEqual([12]);
  });
});

describe('resealSecret', () => {
  it('moves a secret to the current key, and leaves alone what is there', () => {
    fc.assert(
      fc.property(someKeys(2), aPlace, anyText(), (given, of, secret) => {
        const keys = readSealingKeys(given);
        const old = sealSecret(keys.slice(1), of, secret, randomBytes);
        const again = resealSecret(keys, of, old, randomBytes);
        if (!Buffer.isBuffer(again)) throw new Error('not sealed again');
        expect(openSecret(keys.slice(0, 1), of, again)).toEqual({ kind: 'opened', secret, isCurrent: true });
        expect(resealSecret(keys, of, again, randomBytes)).toBeNull();
      }),
    );
  });

  it('answers why it cannot', () => {
    const keys = readSealingKeys([randomBytes(32)]);
    const foreign = seal([randomBytes(32)], place, 'secret');
    expect(resealSecret(keys, place, foreign, randomBytes)).toMatchObject({ kind: 'unknown-key' });
    expect(resealSecret(keys, place, Buffer.from([2]), randomBytes)).toMatchObject({ kind: 'unreadable' });
  });
});

describe('readSealingKeys', () => {
  it('takes one to four keys of 32 bytes', () => {
    for (const count of [0, 5])
      expect(() => readSealingKeys(Array.from({ length: count }, () => randomBytes(32)))).toThrow('1 to 4');
    for (const length of [0, 16, 31, 33])
      expect(() => readSealingKeys([randomBytes(length)])).toThrow('32 bytes');
    expect(() => sealSecret([], place, 'x', randomBytes)).toThrow('no key');
  });
});
