import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { PageTokens, type PageFilter } from '../../src/rest/page-token';
import { Problem } from '../../src/rest/problems/problem';
import { anyText } from '../support/any-text';

const key = randomBytes(32);
function tokensWith(bytes: Buffer): PageTokens {
  const made = new PageTokens();
  made.useKey(bytes);
  return made;
}
const tokens = tokensWith(key);
const filter = { project_id: 'p', status: 'active', page_size: 50 };

const filters: fc.Arbitrary<PageFilter> = fc.dictionary(
  fc.string(),
  fc.oneof(fc.string(), fc.boolean(), fc.bigInt()),
);
const cursors = fc.array(anyText());

function refusalOf(open: () => unknown): unknown {
  try {
    return open();
  } catch (error) {
    return error instanceof Problem ? error.code : error;
  }
}

describe('A page token', () => {
  it('gives back the cursor that it was sealed with, with the same key elsewhere too', () => {
    fc.assert(
      fc.property(fc.string(), filters, cursors, (route, given, cursor) => {
        const token = tokensWith(Buffer.from(key)).seal(route, given, cursor);
        expect(token).toMatch(/^[\w-]+$/);
        expect(tokens.open(route, given, token)).toEqual(cursor);
      }),
    );
  });

  it('holds for the filter in any order, and for other page sizes, waits and tokens', () => {
    const token = tokens.seal('contacts', filter, ['a']);
    const same = {
      page_token: token,
      wait: 30,
      page_size: 2,
      status: 'active',
      project_id: 'p',
      email: undefined,
    };
    expect(tokens.open('contacts', same, token)).toEqual(['a']);
  });

  it('is refused by another list, another project and another filter', () => {
    const token = tokens.seal('contacts', filter, ['a']);
    for (const [route, other] of [
      ['merges', filter],
      ['contacts', { ...filter, project_id: 'q' }],
      ['contacts', { ...filter, status: 'all' }],
      ['contacts', { ...filter, email: '' }],
      ['contacts', { project_id: 'p' }],
    ] as const) {
      expect(refusalOf(() => tokens.open(route, other, token))).toBe('page-token-mismatch');
    }
  });

  it('is refused with any bit changed, cut short, or made with another key', () => {
    const token = tokens.seal('contacts', filter, ['a', 'b']);
    const bytes = Buffer.from(token, 'base64url');
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const forged = Buffer.from(bytes);
        forged.writeUInt8(forged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(refusalOf(() => tokens.open('contacts', filter, forged.toString('base64url')))).toBe(
          'page-token-mismatch',
        );
      }),
    );
    const strange = tokensWith(randomBytes(32)).seal('contacts', filter, ['a', 'b']);
    for (const wrong of [strange, token.slice(0, -1), `${token}=`, ` ${token}`, token.slice(0, 10)]) {
      expect(refusalOf(() => tokens.open('contacts', filter, wrong))).toBe('page-token-mismatch');
    }
  });

  it('is refused as any text that is none', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        expect(refusalOf(() => tokens.open('contacts', filter, text))).toBe('page-token-mismatch');
      }),
    );
    expect(refusalOf(() => tokens.open('contacts', filter, 'A'.repeat(100_000)))).toBe('page-token-mismatch');
  });

  it('needs a key of 32 bytes', () => {
    expect(() => tokensWith(randomBytes(16))).toThrow('32 bytes');
  });
});
