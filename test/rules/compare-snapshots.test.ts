import { compareChannels, compareSnapshots } from '../../src/contacts/compare-snapshots';
import type { JsonObject } from '../../src/contacts/canonical';
import { contact } from '../sinch/callbacks';

const snapshot = (fields: Record<string, unknown>): JsonObject => contact('A', fields) as JsonObject;
const sms = { channel: 'SMS', identity: '1', app_id: '' };
const whatsapp = { channel: 'WHATSAPP', identity: '1', app_id: '' };

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

  it('tells of a first snapshot all that it says, but not the id', () => {
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
