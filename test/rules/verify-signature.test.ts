import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { verifySignature, type Verdict } from '../../src/webhook/verify-signature';
import { sign } from '../sinch/callbacks';

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
): Verdict {
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

  it.each(Object.keys(signed()).filter((name) => name.startsWith('x-sinch')))(
    'refuses a %s that is missing, empty or repeated',
    (name) => {
      const value = signed()[name] as string;
      for (const bad of [undefined, '', [value, value], `${value}, ${value}`]) {
        expect(judge(signed({ [name]: bad })).kind).toBe('unsigned');
      }
    },
  );

  it.each(['HmacSHA512', 'HMACSHA256', 'hmacsha256', 'none', 'HmacSHA256 '])(
    'refuses the algorithm %j',
    (algorithm) => {
      expect(judge(signed({ 'x-sinch-webhook-signature-algorithm': algorithm })).kind).toBe('unsigned');
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
    expect(one).toEqual(two);
    expect(one).toMatchObject({
      kind: 'signed',
      parts: { secret_id: expect.stringMatching(/^[0-9a-f]{8}$/) },
    });
    expect(JSON.stringify(one)).not.toContain(SECRET);
  });

  it.each([
    [-3 * DAY, 'timely'],
    [-3 * DAY - 1, 'stale-timestamp'],
    [300, 'timely'],
    [301, 'future-timestamp'],
  ])('judges a timestamp %d s from now %s', (seconds, timing) => {
    expect(judge(sign(BODY, SECRET, { timestamp: String(NOW + seconds) }))).toMatchObject({
      kind: 'signed',
      timing,
    });
  });

  it.each(['1e9', '-1', '0x10', '12.5', 'yesterday', '9'.repeat(40)])(
    'keeps a signed delivery with the timestamp %j apart',
    (timestamp) => {
      expect(judge(sign(BODY, SECRET, { timestamp }))).toMatchObject({
        kind: 'signed',
        timing: 'unreadable-timestamp',
      });
    },
  );

  it('never throws and never accepts what was not signed, whatever the headers say', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.uint8Array(),
        (signature, nonce, body) => {
          const headers = signed({
            'x-sinch-webhook-signature': signature,
            'x-sinch-webhook-signature-nonce': nonce,
          });
          expect(judge(headers, Buffer.from(body)).kind).toBe('unsigned');
        },
      ),
    );
  });
});
