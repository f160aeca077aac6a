import { createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import {
  publicKeyOf,
  readSigningKey,
  type SigningKey,
  signingSecretBytes,
  signWebhook,
  writeSigningSecret,
  writeSigningSeed,
} from '../../src/outward/sign-webhook.rule';
import { anyText } from '../support/any-text';
import { runs } from '../support/runs';

const anId = fc.stringMatching(/^(?:evt|dom|snp|tst)_[\w-]{1,60}$/);
const random = fc.uint8Array({ minLength: signingSecretBytes, maxLength: signingSecretBytes });
const aSecret = random.map(writeSigningSecret);
const aSeed = random.map(writeSigningSeed);
/** The bytes of a body are JSON in UTF-8: the library signs texts. */
const aBody = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  anyText().map((text) => JSON.stringify(text)),
);

const now = (): number => Math.floor(Date.now() / 1000);

function keyOf(text: string): SigningKey {
  const key = readSigningKey(text);
  if (key === null) throw new Error('no key');
  return key;
}

const signed = (
  id: string,
  timestamp: number,
  body: string,
  ...secrets: string[]
): Record<string, string> => ({
  ...signWebhook(id, timestamp, Buffer.from(body), secrets.map(keyOf)),
});

/** Verifies ed25519 as a receiver does, who has the public key and the headers. */
function verifiesEd25519(publicKey: string, headers: Record<string, string>, body: string): boolean {
  const x = Buffer.from(publicKey.replace(/^whpk_/, ''), 'base64').toString('base64url');
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } });
  const text = `${headers['webhook-id'] ?? ''}.${headers['webhook-timestamp'] ?? ''}.${body}`;
  return (headers['webhook-signature'] ?? '')
    .split(' ')
    .filter((each) => each.startsWith('v1a,'))
    .some((each) => verify(null, Buffer.from(text), key, Buffer.from(each.slice(4), 'base64')));
}

describe('W8: A signed webhook', () => {
  it('verifies with the published library, as a text and as bytes', () => {
    fc.assert(
      fc.property(anId, aBody, aSecret, (id, body, secret) => {
        const headers = signed(id, now(), body, secret);
        expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
        expect(new Webhook(secret).verify(Buffer.from(body), headers)).toEqual(JSON.parse(body));
      }),
      { numRuns: runs(300) },
    );
  });

  it('verifies with each of the secrets that overlap, and with no other', () => {
    fc.assert(
      fc.property(anId, aBody, aSecret, aSecret, aSecret, aSeed, (id, body, current, old, other, seed) => {
        fc.pre(other !== current && other !== old);
        const headers = signed(id, now(), body, current, old, seed);
        for (const secret of [current, old])
          expect(() => new Webhook(secret).verify(body, headers)).not.toThrow();
        expect(() => new Webhook(other).verify(body, headers)).toThrow(WebhookVerificationError);
        expect(() => new Webhook(current).verify(`${body} `, headers)).toThrow(WebhookVerificationError);
        expect(() => new Webhook(old).verify(body, { ...headers, 'webhook-id': `${id}x` })).toThrow(
          WebhookVerificationError,
        );
      }),
      { numRuns: runs(200) },
    );
  });

  it('has the same signatures as the library makes, byte for byte', () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=';
    const signature = new Webhook(secret).sign('msg_1', new Date(1_674_087_231_000), '{"test":2432232314}');
    expect(signed('msg_1', 1_674_087_231, '{"test":2432232314}', secret)['webhook-signature']).toBe(
      signature,
    );
  });

  it('verifies by the public key where it is signed with ed25519', () => {
    fc.assert(
      fc.property(anId, aBody, aSeed, aSeed, (id, body, seed, other) => {
        fc.pre(seed !== other);
        const [key, otherKey] = [keyOf(seed), keyOf(other)];
        if (key.kind !== 'ed25519' || otherKey.kind !== 'ed25519') throw new Error('no ed25519');
        const headers = signed(id, now(), body, seed);
        expect(verifiesEd25519(publicKeyOf(key.privateKey), headers, body)).toBe(true);
        expect(verifiesEd25519(publicKeyOf(key.privateKey), headers, `${body} `)).toBe(false);
        expect(verifiesEd25519(publicKeyOf(otherKey.privateKey), headers, body)).toBe(false);
      }),
      { numRuns: runs(100) },
    );
  });

  it('has the public key that RFC 8032 lists for a seed (7.1, test 1)', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const key = keyOf(writeSigningSeed(seed));
    if (key.kind !== 'ed25519') throw new Error('no ed25519');
    const listed = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
    expect(publicKeyOf(key.privateKey)).toBe(`whpk_${Buffer.from(listed, 'hex').toString('base64')}`);
  });

  it('is not made of an id with a dot, of half a second, or without a key', () => {
    const key = keyOf(writeSigningSecret(new Uint8Array(32)));
    for (const id of ['', 'evt.1', 'evt 1', 'evt_1\n'])
      expect(() => signWebhook(id, 1, Buffer.from('{}'), [key])).toThrow('A webhook id');
    for (const at of [1.5, -1, Number.NaN])
      expect(() => signWebhook('evt_1', at, Buffer.from('{}'), [key])).toThrow('A webhook timestamp');
    expect(() => signWebhook('evt_1', 1, Buffer.from('{}'), [])).toThrow('no key');
  });
});

describe('readSigningKey', () => {
  it('reads secrets as they are written', () => {
    expect(writeSigningSecret(new Uint8Array(32))).toBe(`whsec_${'A'.repeat(43)}=`);
    fc.assert(
      fc.property(random, (bytes) => {
        expect(readSigningKey(writeSigningSecret(bytes))).toEqual({
          kind: 'hmac',
          secret: Buffer.from(bytes),
        });
      }),
    );
  });

  it.each([
    ['nothing', ''],
    ['no prefix', `${'A'.repeat(43)}=`],
    ['another prefix', `whpk_${'A'.repeat(43)}=`],
    ['31 bytes', `whsec_${'A'.repeat(40)}AA==`],
    ['33 bytes', `whsec_${'A'.repeat(44)}`],
    ['base64 of URLs', `whsec_${'-'.repeat(42)}8=`],
    ['base64 without its end', `whsec_${'A'.repeat(43)}`],
    ['bits that no byte has', `whsec_${'A'.repeat(42)}B=`],
    ['a space', `whsec_${'A'.repeat(43)}= `],
  ])('refuses %s', (_, text) => {
    expect(readSigningKey(text)).toBeNull();
  });
});
