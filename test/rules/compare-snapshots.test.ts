import fc from 'fast-check';
import { compareChannels, compareSnapshots } from '../../src/contacts/compare-snapshots.rule';
import type { JsonObject } from '../../src/json/canonical.rule';
import { runs } from '../support/runs';
import { contact } from '../support/sinch/callbacks';

const snapshot = (fields: Record<string, unknown>): JsonObject => contact('A', fields) as JsonObject;
const sms = { channel: 'SMS', identity: '1', app_id: '' };
const whatsapp = { channel: 'WHATSAPP', identity: '1', app_id: '' };

/** Whether two texts are one number, without rounding: as whole numbers, 10^500 times as large. */
function isSameNumber(one: string, other: string): boolean {
  const [a, b] = [one, other].map((number) => {
    const [mantissa = '', exponent = '0'] = number.split('e');
    const [whole = '', fraction = ''] = mantissa.split('.');
    return BigInt(whole + fraction) * 10n ** BigInt(500 + Number(exponent) - fraction.length);
  });
  return a === b;
}

describe('compareSnapshots', () => {
  it('finds nothing between equal snapshots, however their keys are ordered', () => {
    const reordered = Object.fromEntries(Object.entries(snapshot({})).reverse());
    expect(compareSnapshots(snapshot({}), reordered)).toEqual([]);
  });

  it('takes absent, null and empty for the same', () => {
    expect(compareSnapshots(snapshot({ email: '' }), snapshot({ email: null }))).toEqual([]);
    expect(compareSnapshots(snapshot({ email: '' }), snapshot({ email: undefined }))).toEqual([]);
  });

  it('names each field that differs, by name, with both values', () => {
    expect(
      compareSnapshots(snapshot({ email: '', language: 'EN' }), snapshot({ email: 'a@b.c', language: 'DE' })),
    ).toEqual([
      { path: 'email', before: null, after: 'a@b.c' },
      { path: 'language', before: 'EN', after: 'DE' },
    ]);
  });

  it('compares metadata by key where it is a JSON object before and after, or was none', () => {
    const gold = snapshot({ metadata: '{"tier":"gold","since":2020,"tags":["a"]}' });
    expect(compareSnapshots(gold, snapshot({ metadata: '{"tags":["a"], "tier":"silver"}' }))).toEqual([
      { path: 'metadata.since', before: 2020, after: null },
      { path: 'metadata.tier', before: 'gold', after: 'silver' },
    ]);
    expect(compareSnapshots(snapshot({ metadata: '' }), snapshot({ metadata: '{"tier":"gold"}' }))).toEqual([
      { path: 'metadata.tier', before: null, after: 'gold' },
    ]);
  });

  it.each(['plain text', '[1]', '7', '{"cut":', `{"deep":${'['.repeat(50)}${']'.repeat(50)}}`])(
    'compares metadata whole where it is %j',
    (metadata) => {
      expect(compareSnapshots(snapshot({ metadata: '{"a":1}' }), snapshot({ metadata }))).toEqual([
        { path: 'metadata', before: '{"a":1}', after: metadata },
      ]);
    },
  );

  it.each([
    [
      '{"crm_id":73920581746203951}',
      '{"crm_id":73920581746203953}',
      '73920581746203951',
      '73920581746203953',
    ],
    ['{"crm_id":1e400}', '{"crm_id":2e400}', '1e400', '2e400'],
    ['{"crm_id":1e-400}', '{"crm_id":0}', '1e-400', 0],
    [
      '{"crm_id":10000000000000001.0}',
      '{"crm_id":10000000000000002.0}',
      '10000000000000001.0',
      '10000000000000002.0',
    ],
    ['{"crm_id":0.10000000000000000001}', '{"crm_id":0.1}', '0.10000000000000000001', 0.1],
    [
      '{"crm_id":73920581746203951}',
      '{"crm_id":"73920581746203951"}',
      '73920581746203951',
      '73920581746203951',
    ],
    [
      '{"crm_id":[9007199254740993]}',
      '{"crm_id":[9007199254740992]}',
      ['9007199254740993'],
      ['9007199254740992'],
    ],
  ])('compares and shows numbers by their digits: %s and %s', (before, after, shownBefore, shownAfter) => {
    expect(compareSnapshots(snapshot({ metadata: before }), snapshot({ metadata: after }))).toEqual([
      { path: 'metadata.crm_id', before: shownBefore, after: shownAfter },
    ]);
  });

  it('takes a number for the same, however it is written', () => {
    const one = snapshot({ metadata: '{"a":1.50,"b":1e3,"c":73920581746203951,"d":0.1,"e":1}' });
    const other = snapshot({
      metadata: '{"a":1.5, "b":1000,"c":73920581746203951,"d":1e-1,"e":1.0000000000000000000}',
    });
    expect(compareSnapshots(one, other)).toEqual([]);
  });

  it('compares metadata whole where a key stands in it twice', () => {
    for (const metadata of ['{"a":2,"a":1}', '{"a":{"b":1,"b":1}}']) {
      expect(compareSnapshots(snapshot({ metadata }), snapshot({ metadata: '{"a":1}' }))).toEqual([
        { path: 'metadata', before: metadata, after: '{"a":1}' },
      ]);
    }
  });

  it('finds a difference wherever two pieces of metadata hold other digits, at any depth', () => {
    const aNumber = fc.oneof(
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
      fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }).map(String),
      fc.tuple(fc.nat(99), fc.integer({ min: -400, max: 400 })).map(([n, e]) => `${n + 1}e${e}`),
      fc.tuple(fc.nat(9), fc.stringMatching(/^\d{1,25}$/)).map(([n, f]) => `${n}.${f}`),
    );
    const wraps: readonly ((json: string) => string)[] = [
      (json) => `{"a":${json}}`,
      (json) => `{"\\"":{"b":[ ${json} ,"1e999"]}}`,
      (json) => `{"a":[1,{"b\\\\":${json}}],"c":"9007199254740993"}`,
    ];
    fc.assert(
      fc.property(aNumber, aNumber, fc.constantFrom(...wraps), (one, other, wrap) => {
        fc.pre(!isSameNumber(one, other));
        const [before, after] = [snapshot({ metadata: wrap(one) }), snapshot({ metadata: wrap(other) })];
        expect(compareSnapshots(before, after)).toHaveLength(1);
        expect(compareSnapshots(before, before)).toEqual([]);
      }),
      { numRuns: runs(500) },
    );
  });

  it('lists every field of a first snapshot but the id', () => {
    const paths = compareSnapshots(null, snapshot({ email: 'a@b.c' })).map(({ path }) => path);
    expect(paths).toEqual(['channel_identities', 'channel_priority', 'display_name', 'email', 'language']);
  });

  it('reads no property that a snapshot has not itself', () => {
    const hostile = JSON.parse(
      '{"id":"A","__proto__":{"email":"x"},"constructor":"c","toString":"t"}',
    ) as JsonObject;
    expect(compareSnapshots({ id: 'A' }, hostile).map(({ path }) => path)).toEqual([
      '__proto__',
      'constructor',
      'toString',
    ]);
  });

  it('takes metadata of more than 10,000 values for text', () => {
    const withKeys = (count: number, value: number) =>
      snapshot({
        metadata: JSON.stringify(
          Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n && value])),
        ),
      });
    expect(compareSnapshots(withKeys(9_000, 1), withKeys(9_000, 2))).toHaveLength(8_999);
    expect(compareSnapshots(withKeys(10_001, 1), withKeys(10_001, 2)).map(({ path }) => path)).toEqual([
      'metadata',
    ]);
  });
});

describe('compareChannels', () => {
  it('tells which channels came and went, whatever their identities', () => {
    const before = snapshot({ channel_identities: [sms, { ...sms, identity: '2' }] });
    const after = snapshot({ channel_identities: [whatsapp, { ...sms, identity: '3' }] });
    expect(compareChannels(before, after)).toEqual({ added: ['WHATSAPP'], removed: [] });
    expect(compareChannels(after, null)).toEqual({ added: [], removed: ['WHATSAPP', 'SMS'] });
  });

  it('passes over what is no identity', () => {
    expect(
      compareChannels(
        snapshot({ channel_identities: 'x' }),
        snapshot({ channel_identities: [null, 1, {}, sms] }),
      ),
    ).toEqual({
      added: ['SMS'],
      removed: [],
    });
  });
});
