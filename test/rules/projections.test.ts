import type { JsonObject } from '../../src/contacts/canonical';
import { canonicalJson } from '../../src/contacts/canonical';
import { identityKey, projectionLengthMax, projectionsOf } from '../../src/contacts/projections';
import { contact } from '../sinch/callbacks';

const project = (fields: Record<string, unknown>): ReturnType<typeof projectionsOf> => {
  const snapshot = contact('A', fields) as JsonObject;
  return projectionsOf({ id: 'A', fields: snapshot, json: canonicalJson(snapshot) });
};
const identities = (...list: readonly unknown[]): readonly string[] =>
  project({ channel_identities: list }).identityKeys;

describe('projectionsOf', () => {
  it('reads the searched columns, null where there is nothing to search by', () => {
    expect(project({ email: 'a@b.c', external_id: undefined, display_name: '', language: 7 })).toMatchObject({
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

  it('passes over what is no identity, and over the thousandth and first', () => {
    expect(
      identities(null, 7, [], {}, { channel: 'SMS' }, { identity: '1' }, { channel: 1, identity: 2 }),
    ).toEqual([]);
    const many = Array.from({ length: 2_000 }, (_, n) => ({ channel: 'LINE', identity: `U${n}` }));
    expect(identities(...many)).toHaveLength(1_000);
  });
});
