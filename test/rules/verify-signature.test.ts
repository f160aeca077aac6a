import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { signatureOf, verifySignature, type SignatureVerdict } from '../../src/webhook/verify-signature.rule';
import { sign } from '../support/sinch/callbacks';
import { anyText } from '../support/any-text';

interface Vector {
  readonly name: string;
  readonly secret: string;
  readonly nonce: string;
  readonly timestamp: string;
  readonly algorithm: string;
  readonly signature: string;
  readonly body: string;
}
const { vectors } = JSON.parse(
  readFileSync(path.join(__dirname, '../fixtures/sinch/signature-vectors.json'), 'utf8'),
) as { vectors: Vector[] };
const vectorCalled = (name: string): Vector => {
  const found = vectors.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`There is no vector ${name}.`);
  return found;
};

const SECRET = 'foo_secret1234';
const BODY = Buffer.from('{"a":1}');
const NOW = 1_800_000_000;
const DAY = 86_400;

function headersOf(vector: Vector): Record<string, string> {
  return {
    'x-sinch-webhook-signature': vector.signature,
    'x-sinch-webhook-signature-algorithm': vector.algorithm,
    'x-sinch-webhook-signature-nonce': vector.nonce,
    'x-sinch-webhook-signature-timestamp': vector.timestamp,
  };
}

function judge(
  headers: Record<string, string | string[] | undefined>,
  body = BODY,
  secrets = [SECRET],
): SignatureVerdict {
  return verifySignature(headers, body, secrets, 3 * DAY, NOW);
}

const signed = (
  change: Record<string, string | string[] | undefined> = {},
): Record<string, string | string[] | undefined> => ({
  ...sign(BODY, SECRET, { nonce: '01FJA8B4A7BM43YGWSG9GBV067', timestamp: String(NOW) }),
  ...change,
});

describe('verifySignature', () => {
  it.each(vectors)('accepts the published vector $name', (vector) => {
    expect(judge(headersOf(vector), Buffer.from(vector.body), [vector.secret])).toMatchObject({
      kind: 'signed',
    });
  });

  it('refuses the published vectors with another secret, other white space, or without the last newline', () => {
    const single = vectorCalled('contact-create-single-line');
    const lines = vectorCalled('event-inbound-multi-line-trailing-newline');
    const reserialised = JSON.stringify(JSON.parse(lines.body));
    expect(judge(headersOf(single), Buffer.from(single.body), ['wrong_secret']).kind).toBe('unsigned');
    expect(judge(headersOf(lines), Buffer.from(reserialised), [lines.secret]).kind).toBe('unsigned');
    expect(judge(headersOf(lines), Buffer.from(lines.body.trimEnd()), [lines.secret]).kind).toBe('unsigned');
  });

  it.each([
    'x-sinch-webhook-signature',
    'x-sinch-webhook-signature-nonce',
    'x-sinch-webhook-signature-timestamp',
  ])('refuses a %s that is missing, empty or repeated', (name) => {
    const value = signed()[name] as string;
    for (const bad of [undefined, '', [value, value], `${value}, ${value}`]) {
      expect(judge(signed({ [name]: bad })).kind).toBe('unsigned');
    }
  });

  const ALGORITHM = 'x-sinch-webhook-signature-algorithm';
  const WRONG = { 'x-sinch-webhook-signature': 'A'.repeat(43) + '=' };

  it.each([undefined, '', 'HmacSHA256', 'hmacsha256', 'HMAC-SHA256', 'HmacSHA512', 'none', 'HmacSHA256, x'])(
    'takes a right signature whatever the algorithm header says: %j',
    (algorithm) => {
      expect(judge(signed({ [ALGORITHM]: algorithm }))).toMatchObject({ kind: 'signed', fault: null });
    },
  );

  it.each([undefined, '', 'HmacSHA256', 'hmacsha256', 'HMAC_SHA-256', 'HmacSHA256, HmacSHA256'])(
    'refuses a wrong signature for good where the algorithm is the known one: %j',
    (algorithm) => {
      expect(judge(signed({ ...WRONG, [ALGORITHM]: algorithm })).kind).toBe('unsigned');
    },
  );

  it.each(['HmacSHA512', 'none', 'Ed25519', 'HmacSHA256, HmacSHA512', '\u00ff\n'])(
    'does not refuse for good what it cannot judge, the algorithm %j: a later version may know it',
    (algorithm) => {
      const verdict = judge(signed({ ...WRONG, [ALGORITHM]: algorithm }));
      expect(verdict.kind).toBe('unknown-algorithm');
      expect(JSON.stringify(verdict)).toMatch(/^[ -~]*$/);
    },
  );

  it('finds a fault in every delivery that is made by splitting a signed one at another dot', () => {
    const words = fc.array(fc.constantFrom('.', '"', '{', '1', 'a', ' '), { maxLength: 40 });
    fc.assert(
      fc.property(words, fc.stringMatching(/^[!-\-/-~]{1,128}$/), (characters, nonce) => {
        const body = Buffer.from(characters.join(''));
        const headers = sign(body, SECRET, { nonce, timestamp: String(NOW) });
        expect(judge(headers, body)).toMatchObject({ kind: 'signed', fault: null });
        const text = `${body.toString()}.${nonce}.${NOW}`;
        const parts = text.split('.');
        for (let first = 1; first <= parts.length - 2; first++) {
          for (let second = first + 1; second < parts.length; second++) {
            const split = [parts.slice(0, first), parts.slice(first, second), parts.slice(second)];
            const [otherBody = '', otherNonce = '', otherTimestamp = ''] = split.map((part) =>
              part.join('.'),
            );
            if (otherBody === body.toString()) continue;
            const verdict = judge(
              {
                ...headers,
                'x-sinch-webhook-signature-nonce': otherNonce,
                'x-sinch-webhook-signature-timestamp': otherTimestamp,
              },
              Buffer.from(otherBody),
            );
            // an empty header is a missing one
            if (verdict.kind === 'signed') expect(verdict.fault).toMatch(/^unreadable-/);
            else expect([otherNonce, otherTimestamp]).toContain('');
          }
        }
      }),
    );
  });

  it.each(['a.b', '.', 'a b', 'n'.repeat(129), 'caf\u00e9', '\u007f'])(
    'finds a fault in the nonce %j',
    (nonce) => {
      const headers = signed();
      const signature = signatureOf(SECRET, BODY, nonce, String(NOW));
      Object.assign(headers, {
        'x-sinch-webhook-signature': signature,
        'x-sinch-webhook-signature-nonce': nonce,
      });
      expect(judge(headers)).toMatchObject({ kind: 'signed', fault: 'unreadable-nonce' });
    },
  );

  it('refuses every other spelling of a right signature: base64 twins, url-safe, unpadded, with white space', () => {
    const bodies = Array.from({ length: 64 }, (_, n) => Buffer.from(`{"a":${n}}`));
    for (const body of bodies) {
      const headers = sign(body, SECRET, { timestamp: String(NOW) });
      const right = headers['x-sinch-webhook-signature'] ?? '';
      const last = right.charAt(42);
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
      const twin = `${right.slice(0, 42)}${alphabet.charAt(alphabet.indexOf(last) + 1)}=`;
      expect(Buffer.from(twin, 'base64')).toEqual(Buffer.from(right, 'base64'));
      const urlSafe = right.replaceAll('+', '-').replaceAll('/', '_');
      for (const other of [
        twin,
        right.slice(0, 43),
        `${right}=`,
        `${right} `,
        right.toLowerCase(),
        ...(urlSafe === right ? [] : [urlSafe]),
      ]) {
        expect(judge({ ...headers, 'x-sinch-webhook-signature': other }, body).kind).toBe('unsigned');
      }
      expect(judge(headers, body).kind).toBe('signed');
    }
  });

  it('tries every secret, and tells by which a delivery is signed without telling the secret', () => {
    const [one, two] = [judge(signed(), BODY, ['next', SECRET]), judge(signed(), BODY, [SECRET])];
    expect([one, two]).toMatchObject([{ secretIndex: 1 }, { secretIndex: 0 }]);
    expect({ ...one, secretIndex: 0 }).toEqual(two);
    expect(one).toMatchObject({
      kind: 'signed',
      parts: { secret_id: expect.stringMatching(/^[0-9a-f]{8}$/) },
    });
    expect(JSON.stringify(one)).not.toContain(SECRET);
  });

  it.each([
    [-3 * DAY, null],
    [-3 * DAY - 1, 'stale-timestamp'],
    [300, null],
    [301, 'future-timestamp'],
  ])('judges a timestamp %d s from now %s', (seconds, fault) => {
    expect(judge(sign(BODY, SECRET, { timestamp: String(NOW + seconds) }))).toMatchObject({
      kind: 'signed',
      fault,
    });
  });

  it.each(['1e9', '-1', '0x10', '12.5', 'yesterday', '9'.repeat(40)])(
    'keeps a signed delivery with the timestamp %j apart',
    (timestamp) => {
      expect(judge(sign(BODY, SECRET, { timestamp }))).toMatchObject({
        kind: 'signed',
        fault: 'unreadable-timestamp',
      });
    },
  );

  it('never throws and never accepts what was not signed, whatever the headers say', () => {
    fc.assert(
      fc.property(anyText(), anyText(), fc.uint8Array(), (signature, nonce, body) => {
        const headers = signed({
          'x-sinch-webhook-signature': signature,
          'x-sinch-webhook-signature-nonce': nonce,
        });
        expect(judge(headers, Buffer.from(body)).kind).toBe('unsigned');
      }),
    );
  });
});
