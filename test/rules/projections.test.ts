import type { JsonObject } from '../../src/json/canonical.rule';
import { canonicalJson } from '../../src/json/canonical.rule';
import { identityKey, projectionLengthMax, projectionsOf } from '../../src/audit/commit/projections.rule';
import { contact } from '../support/sinch/callbacks';

const project = (fields: Record<string, unknown>): ReturnType<typeof projectionsOf> => {
  const snapshot = contact('A', fields) as JsonObject;
  return projectionsOf({ id: 'A', fields: snapshot, json: canonicalJson(snapshot) });
};
const identities = (...list: readonly unknown[]): readonly string[] =>
  project({ channel_identities: list }).identityKeys;

describe('projectionsOf', () => {
  it('reads the searched columns, null where there is nothing to search by', () => {
    expect(
      project({ email: 'a@b.c', external_id: undefined, display_name: '', language: null }),
    ).toMatchObject({
      displayName: null,
      email: 'a@b.c',
      externalId: null,
      language: null,
    });
  });

  it('keys a phone number alike with and without plus, on its channel and on all', () => {
    expect(identities({ channel: 'SMS', identity: '+15551234567' })).toEqual([
      'SMS:15551234567',
      'tel:15551234567',
    ]);
    expect(identityKey('SMS', '15551234567')).toBe('SMS:15551234567');
    expect(
      identities({ channel: 'SMS', identity: '15551234567' }, { channel: 'RCS', identity: '15551234567' }),
    ).toEqual(['SMS:15551234567', 'tel:15551234567', 'RCS:15551234567']);
  });

  it('reads numbers by their digits, but none that an earlier release may have rounded', () => {
    expect(project({ external_id: 9_007_199_254_740_991 }).externalId).toBe('9007199254740991');
    const rounded = 27_358_914_062_739_500;
    expect(
      project({
        email: rounded,
        external_id: rounded,
        channel_identities: [{ channel: 'MESSENGER', identity: rounded, app_id: 'a' }],
      }),
    ).toMatchObject({ email: null, externalId: null, identityKeys: [] });
  });

  it('keeps the phone number of each identity at its place in the list, and nothing where there is none', () => {
    const phones = (...list: readonly unknown[]) => project({ channel_identities: list }).identityPhones;
    expect(
      phones(
        { channel: 'TELEGRAM', identity: '15551234567' },
        'no identity',
        { channel: 'SMS', identity: '+1 (555) 123-4567' },
        { channel: 'WHATSAPP', identity: '4915112345678' },
      ),
    ).toEqual([null, null, '15551234567', '4915112345678']);
    expect(phones({ channel: 'MESSENGER', identity: '15551234567' })).toEqual([]);
    expect(project({ channel_identities: 'none' }).identityPhones).toEqual([]);
  });

  it('leaves opaque identities as they are', () => {
    expect(identities({ channel: 'MESSENGER', identity: '+33987654321' })).toEqual([
      'MESSENGER:+33987654321',
    ]);
    expect(identities({ channel: 'WHATSAPP', identity: 'US.13491208655302741918' })).toEqual([
      'WHATSAPP:US.13491208655302741918',
    ]);
  });

  it('cuts what an index does not take, and never within a character', () => {
    const name = `${'x'.repeat(projectionLengthMax - 1)}😀`;
    const { displayName } = project({ display_name: name });
    expect(displayName).toHaveLength(projectionLengthMax);
    expect(displayName?.isWellFormed()).toBe(true);
  });

  it('takes numbers where Sinch has texts by their text', () => {
    expect(identities({ channel: 'SMS', identity: 15551234567 })).toEqual([
      'SMS:15551234567',
      'tel:15551234567',
    ]);
    expect(project({ external_id: 12345, display_name: 1.5 })).toMatchObject({
      externalId: '12345',
      displayName: '1.5',
    });
  });

  it('passes over what is no identity, and over none of many', () => {
    expect(
      identities(null, 7, [], {}, { channel: 'SMS' }, { identity: '1' }, { channel: 'SMS', identity: ' ' }),
    ).toEqual([]);
    const many = Array.from({ length: 2_000 }, (_, n) => ({ channel: 'LINE', identity: `U${n}` }));
    expect(identities(...many)).toHaveLength(2_000);
  });

  it('keeps values apart that are equal as far as an index takes them', () => {
    const long = 'x'.repeat(2_000);
    const keys = ['1', '2'].map((end) =>
      project({ external_id: `${long}${end}`, email: `${long}${end}@example.com` }),
    );
    expect(keys[0]?.externalId).not.toBe(keys[1]?.externalId);
    expect(keys[0]?.email).not.toBe(keys[1]?.email);
    expect(keys[0]?.email?.length).toBeLessThanOrEqual(projectionLengthMax);
    expect(identityKey('LINE', `${long}1`)).not.toBe(identityKey('LINE', `${long}2`));
  });
});
