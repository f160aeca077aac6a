import fc from 'fast-check';
import { METADATA_POLICIES } from '../../src/config/policies.rule';
import type { ContactRow } from '../../src/contacts/contacts.repository';
import { viewContact, writeContact } from '../../src/contacts/view-contact';
import { canonicalJson, type JsonObject } from '../../src/json/canonical.rule';
import { membersOf } from '../../src/json/json-members.rule';

/** Names of Sinch's fields and others, with what may confuse a reader of text. */
const names = fc.oneof(
  fc.constantFrom('id', 'email', 'display_name', 'metadata', 'language', 'mirror', 'channel_identities', '7'),
  fc.string(),
  fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', ' ', 'a', 'ü', '\n') }),
);
const texts = fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', ' ', 'a', 'ü') });
const values = fc.oneof(fc.jsonValue(), texts, fc.array(texts), fc.constant(null));
const snapshots = fc.dictionary(names, values) as fc.Arbitrary<JsonObject>;

const rowOf = (snapshot: string, gone: ContactRow['gone'] = null): ContactRow => ({
  id: 'A',
  version: '1718460000123456789',
  snapshot,
  gone,
  survivor_id: gone === 'merged' ? 'B' : null,
  gone_version: gone === null ? null : '1718460000123456790',
});

describe('The JSON of a contact', () => {
  it('says what the contact is shown as, however its snapshot is written', () => {
    fc.assert(
      fc.property(
        snapshots,
        fc.constantFrom(null, 'absent' as const, 'deleted' as const, 'merged' as const),
        fc.constantFrom(...METADATA_POLICIES),
        fc.constantFrom(0, 1),
        (fields, gone, policy, space) => {
          const snapshot = JSON.stringify(JSON.parse(canonicalJson(fields)), null, space);
          const takenOver = { ids: ['C'], metadata: [{ id: 'C', version: 1n, metadata: '{"a":1}' }] };
          const contact = [rowOf(snapshot, gone), takenOver, policy, ['set_1']] as const;
          expect(JSON.parse(writeContact(...contact))).toEqual(
            JSON.parse(JSON.stringify(viewContact(...contact))),
          );
        },
      ),
    );
  });

  it('has the fields in Sinch’s order, and what nobody knows after them', () => {
    const snapshot = canonicalJson({ id: 'A', zone: [1], email: 'a@example.com', language: null, mirror: 1 });
    const json = writeContact(rowOf(snapshot), { ids: [], metadata: [] }, 'survivor', []);
    expect(Object.keys(JSON.parse(json) as object)).toEqual(
      [
        'id',
        'channel_identities',
        'channel_priority',
        'display_name',
        'email',
        'external_id',
        'metadata',
        'language',
      ].concat(['zone', 'mirror']),
    );
    expect(json).toContain('"language":"UNSPECIFIED","zone":[1],"mirror":{"status":"active"');
  });
});

describe('The members of an object in JSON', () => {
  it('are the texts of its values, where it is written without white space', () => {
    fc.assert(
      fc.property(snapshots, (fields) => {
        const json = canonicalJson(fields);
        const members = membersOf(json);
        const hasEscapes = Object.keys(fields).some((name) => JSON.stringify(name).includes('\\'));
        if (members === null) expect(hasEscapes).toBe(true);
        else
          expect([...members].map(([name, text]) => [name, JSON.parse(text) as unknown])).toEqual(
            Object.entries(JSON.parse(json) as object).sort(([a], [b]) => (a < b ? -1 : 1)),
          );
      }),
    );
  });

  it.each(['{"a": 1}', '{"a":[1, 2]}', '{ "a":1}', '{"\\u0061":1}', '[]', 'null'])(
    'are not read of %s',
    (json) => {
      expect(membersOf(json)).toBeNull();
    },
  );

  it('are those that come last, of one name', () => {
    expect(membersOf('{"a":1,"b":{"a":[]},"a":"x"}')).toEqual(
      new Map([
        ['a', '"x"'],
        ['b', '{"a":[]}'],
      ]),
    );
  });
});
