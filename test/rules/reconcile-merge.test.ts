import fc from 'fast-check';
import type { JsonObject } from '../../src/json/canonical.rule';
import { reconcileMerge } from '../../src/contacts/merges/reconcile-merge.rule';
import { contact } from '../support/sinch/callbacks';

const fields = (more: Record<string, unknown>): JsonObject => contact('A', more) as JsonObject;
const on = (channel: string, identity: string, app_id?: string): JsonObject =>
  app_id === undefined ? { channel, identity } : { channel, identity, app_id };
const having = (...identities: readonly JsonObject[]): JsonObject =>
  fields({ channel_identities: identities });

describe('reconcileMerge', () => {
  const [sms, otherSms, whatsapp, viber] = [
    on('SMS', '1555'),
    on('SMS', '1666'),
    on('WHATSAPP', '1555'),
    on('VIBERBM', '1777'),
  ];

  it('tells which identities the survivor took over, which it had, and which nobody has any more', () => {
    const { identities } = reconcileMerge(
      having(sms),
      having(otherSms, whatsapp),
      having(sms, whatsapp, viber),
    );
    expect(identities).toEqual({ moved: [whatsapp], kept: [sms], dropped: [otherSms] });
  });

  it('knows a phone number with and without plus for one identity, and shows each as it was sent', () => {
    const sent = on('SMS', '+15551234567', '');
    expect(
      reconcileMerge(
        having(on('SMS', '15551234567')),
        having(sent, on('WHATSAPP', '+4917012345678')),
        having(sent, on('WHATSAPP', '4917012345678')),
      ).identities,
    ).toEqual({ moved: [on('WHATSAPP', '+4917012345678')], kept: [sent], dropped: [] });
  });

  it('tells the identities of two apps apart', () => {
    const [one, two] = [on('MESSENGER', 'psid', 'one'), on('MESSENGER', 'psid', 'two')];
    expect(reconcileMerge(having(one), having(two), having(one)).identities).toEqual({
      moved: [],
      kept: [one],
      dropped: [two],
    });
  });

  it('takes for kept what the loser has not, where nothing is known of the survivor before', () => {
    expect(reconcileMerge(null, having(otherSms, whatsapp), having(sms, whatsapp)).identities).toEqual({
      moved: [whatsapp],
      kept: [sms],
      dropped: [otherSms],
    });
  });

  it('names the fields that the survivor had empty and has from the loser', () => {
    expect(
      reconcileMerge(
        fields({ email: '', external_id: undefined, display_name: 'Ann', metadata: '' }),
        fields({ email: 'a@b.c', external_id: 'e', display_name: 'Bob', metadata: 'gold' }),
        fields({ email: 'a@b.c', external_id: 'other', display_name: 'Ann', metadata: 'gold' }),
      ).fieldsFilled,
    ).toEqual(['email', 'metadata']);
  });

  it('lists what the loser had and lost, metadata by key where both have a JSON object', () => {
    expect(
      reconcileMerge(
        fields({ display_name: 'Ann', email: '', metadata: '{"tier":"gold","a":1}' }),
        fields({ display_name: 'Bob', email: 'b@b.c', metadata: '{"tier":"silver","b":2}', id: 'B' }),
        fields({ display_name: 'Ann', email: 'b@b.c', metadata: '{"tier":"gold","a":1}' }),
      ).conflicts,
    ).toEqual([
      { field: 'display_name', survivor: 'Ann', loser: 'Bob' },
      { field: 'metadata.b', survivor: null, loser: 2 },
      { field: 'metadata.tier', survivor: 'gold', loser: 'silver' },
    ]);
    expect(
      reconcileMerge(
        fields({ metadata: '' }),
        fields({ metadata: '{"a":1}' }),
        fields({ metadata: '{"a":1}' }),
      ).conflicts,
    ).toEqual([]);
    expect(
      reconcileMerge(fields({ metadata: 'VIP' }), fields({ metadata: '{"a":1}' }), fields({})).conflicts,
    ).toEqual([{ field: 'metadata', survivor: 'VIP', loser: '{"a":1}' }]);
  });

  it('knows a language that Sinch filled after all', () => {
    for (const language of [undefined, '', 'UNSPECIFIED']) {
      expect(
        reconcileMerge(fields({ language }), fields({ language: 'DE' }), fields({ language: 'DE' })),
      ).toMatchObject({ fieldsFilled: ['language'], conflicts: [] });
    }
  });

  it('compares the loser with the survivor after, where nothing is known of it before', () => {
    const { fieldsFilled, conflicts } = reconcileMerge(
      null,
      fields({ email: 'b@b.c', display_name: 'Bob' }),
      fields({ email: 'b@b.c', display_name: 'Ann' }),
    );
    expect(fieldsFilled).toEqual([]);
    expect(conflicts).toEqual([{ field: 'display_name', survivor: 'Ann', loser: 'Bob' }]);
  });

  it('loses nothing where nothing is known of the loser', () => {
    expect(reconcileMerge(having(sms), null, having(sms))).toEqual({
      identities: { moved: [], kept: [sms], dropped: [] },
      fieldsFilled: [],
      conflicts: [],
    });
  });

  it('shows each identity of the loser as moved, kept or dropped, whatever was sent', () => {
    const anIdentity = fc.oneof(
      {
        arbitrary: fc.record({
          channel: fc.constantFrom('SMS', 'LINE'),
          identity: fc.constantFrom('1', '2', '+2'),
        }),
        weight: 5,
      },
      { arbitrary: fc.jsonValue({ maxDepth: 2 }), weight: 1 },
    );
    const aSnapshot = fc.record({
      channel_identities: fc.oneof(
        { arbitrary: fc.array(anIdentity), weight: 5 },
        { arbitrary: fc.jsonValue({ maxDepth: 1 }), weight: 1 },
      ),
      metadata: fc.oneof(fc.json({ maxDepth: 2 }), fc.jsonValue({ maxDepth: 1 })),
      email: fc.constantFrom('', 'a@b.c', null, 7),
    }) as unknown as fc.Arbitrary<JsonObject>; // its types do not say that jsonValue is JSON
    fc.assert(
      fc.property(fc.option(aSnapshot), fc.option(aSnapshot), aSnapshot, (before, loser, after) => {
        const { identities, fieldsFilled, conflicts } = reconcileMerge(before, loser, after);
        const { moved, kept, dropped } = identities;
        const text = (each: JsonObject): string => JSON.stringify(each);
        const told = new Set([...moved, ...kept, ...dropped].map(text));
        // nothing is told twice, nothing is made up
        expect(told.size).toBe(moved.length + kept.length + dropped.length);
        const sent = [before, loser, after].flatMap((each) => {
          const list = each?.['channel_identities'];
          return Array.isArray(list) ? (list as JsonObject[]).map(text) : [];
        });
        expect([...told].filter((each) => !sent.includes(each))).toEqual([]);
        if (loser === null) expect([moved, dropped, conflicts]).toEqual([[], [], []]);
        if (before === null) expect(fieldsFilled).toEqual([]);
        const merged = reconcileMerge(after, loser, after);
        expect([merged.identities.moved, merged.fieldsFilled]).toEqual([[], []]);
      }),
    );
  });
});
