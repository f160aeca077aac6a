import fc from 'fast-check';
import { Problem } from '../../src/rest/problems/problem';
import { jsonDepthMax } from '../../src/json/json-limits.rule';
import { readJson } from '../../src/rest/read-json';

function faultOf(body: Buffer | string): unknown {
  try {
    readJson(Buffer.from(body));
    return null;
  } catch (error) {
    if (error instanceof Problem) return error.toBody('/', '').errors?.[0];
    throw error;
  }
}

describe('readJson', () => {
  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        fc.pre(!JSON.stringify(value).includes('\\u0000'));
        expect(readJson(Buffer.from(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('takes 32 levels and no more, whatever stands in texts', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    expect(faultOf(nested(jsonDepthMax))).toBeNull();
    expect(faultOf(nested(jsonDepthMax + 1))).toMatchObject({ pointer: '/body', code: 'too-deep' });
    expect(faultOf('['.repeat(1_000_000))).toMatchObject({ code: 'too-deep' });
    expect(faultOf(JSON.stringify({ text: `"\\${'['.repeat(100)}` }))).toBeNull();
  });

  it('refuses bytes that are not UTF-8, and what is not JSON', () => {
    for (const body of [
      Buffer.from([0x22, 0xff, 0x22]),
      Buffer.from('"\ud800"', 'utf16le'),
      '{',
      '{"a":1,}',
      'NaN',
      '',
    ]) {
      expect(faultOf(body)).toMatchObject({ pointer: '/body', code: 'not-json' });
    }
  });

  it('points to a text with U+0000', () => {
    expect(faultOf(String.raw`{"ids":["a",{"x/y":"\u0000"}]}`)).toMatchObject({
      pointer: '/body/ids/1/x~1y',
      code: 'has-nul',
    });
    expect(faultOf(String.raw`{"a\u0000":1}`)).toMatchObject({ pointer: '/body', code: 'has-nul' });
    expect(faultOf(String.raw`["\\u0000"]`)).toBeNull();
  });
});
