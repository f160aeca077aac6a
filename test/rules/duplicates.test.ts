import { compareMembers } from '../../src/duplicates/compare-members';
import { channelsOfPhone, valuesOf } from '../../src/duplicates/evidence';
import { matchSets } from '../../src/duplicates/match-sets';
import { readReports, sumReports } from '../../src/duplicates/read-reports';
import { suggestSurvivor, type Candidate } from '../../src/duplicates/suggest-survivor';

describe('The shared values of a contact', () => {
  it('are its identities, its phone numbers in one spelling, its e-mail address and its external id', () => {
    const values = valuesOf({
      identityKeys: ['SMS:5511987654321', 'tel:5511987654321', 'WHATSAPP:551187654321', 'tel:551187654321'],
      email: 'ann@example.com',
      externalId: 'crm-1',
    });
    expect(values.map(({ kind }) => kind)).toEqual(['identity', 'phone', 'identity', 'email', 'external_id']);
    const phone = values.find(({ kind }) => kind === 'phone')?.value ?? '';
    expect(
      channelsOfPhone(['SMS:5511987654321', 'tel:5511987654321', 'WHATSAPP:551187654321'], phone),
    ).toEqual(['SMS', 'WHATSAPP']);
  });

  it('have a digest each, by kind too', () => {
    const [email] = valuesOf({ identityKeys: [], email: 'same', externalId: null });
    const [externalId] = valuesOf({ identityKeys: [], email: null, externalId: 'same' });
    expect(email?.digest).not.toBe(externalId?.digest);
  });
});

describe('Sets that are kept', () => {
  const set = (id: string, ...contactIds: string[]): { id: string; contactIds: string[] } => ({
    id,
    contactIds,
  });

  it('go on as the component with which they share most, the older of equal ones', () => {
    const [older, newer] = [set('9', 'A', 'B'), set('10', 'C', 'D')];
    const found = { contactIds: ['A', 'B', 'C', 'D'] };
    expect(matchSets([newer, older], [found])).toEqual({
      continued: [{ kept: older, found }],
      made: [],
      ended: [{ kept: newer, into: '9' }],
    });
  });

  it('leave the smaller part to a new one when they split, and end where nothing is left', () => {
    const [split, over] = [set('1', 'A', 'B', 'C', 'D', 'E'), set('2', 'X', 'Y')];
    const [small, large] = [{ contactIds: ['A', 'B'] }, { contactIds: ['C', 'D', 'E'] }];
    expect(matchSets([split, over], [small, large])).toEqual({
      continued: [{ kept: split, found: large }],
      made: [small],
      ended: [{ kept: over, into: null }],
    });
  });
});

describe('The survivor that is suggested', () => {
  const of = (id: string, more: Partial<Candidate> = {}): Candidate => ({
    id,
    hasExternalId: false,
    identitiesCount: 1,
    firstVersion: 5n,
    ...more,
  });

  it.each<[string, readonly Candidate[], string | null, readonly string[]]>([
    ['nobody of none', [], null, []],
    ['who has an external id', [of('A'), of('B', { hasExternalId: true })], 'B', ['external-id']],
    [
      'of two who have one, who has most identities',
      [of('A', { hasExternalId: true }), of('B', { hasExternalId: true, identitiesCount: 2 }), of('C')],
      'B',
      ['external-id', 'most-identities'],
    ],
    [
      'the oldest',
      [of('A'), of('B', { firstVersion: 4n }), of('C', { firstVersion: null })],
      'B',
      ['oldest'],
    ],
    ['the smallest id, when nothing else tells', [of('B'), of('A')], 'A', ['smallest-id']],
  ])('is %s', (_, members, contactId, reasons) => {
    expect(suggestSurvivor(members)).toEqual(contactId === null ? null : { contactId, reasons });
    expect(suggestSurvivor([...members].reverse())).toEqual(
      contactId === null ? null : { contactId, reasons },
    );
  });
});

it('compares members field by field, those that differ first; absent and empty are the same', () => {
  const fields = compareMembers([
    { id: 'A', fields: { id: 'A', display_name: 'Ann', email: '', language: 'EN' } },
    { id: 'B', fields: { id: 'B', display_name: 'Anna', language: 'EN' } },
  ]);
  expect(fields.map(({ field, differs }) => [field, differs])).toEqual([
    ['display_name', true],
    ['email', false],
    ['language', false],
  ]);
});

describe('Reports', () => {
  const at = (second: number): Date => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
  const entry = (channel: string | null, ...contactIds: string[]) => ({
    channel,
    identity: null,
    contactIds,
  });

  it('are one an entry, of two contacts or more, as Postgres can hold them', () => {
    const reports = readReports(
      [entry('SMS', 'B', 'A', 'B'), entry('RCS', 'A'), entry('\0', 'A', 'C')],
      at(1),
    );
    expect(reports.map(({ channel, contactIds }) => [channel, contactIds])).toEqual([
      ['SMS', ['A', 'B']],
      ['\ufffd', ['A', 'C']],
    ]);
  });

  it('of the same are added up, first and last sighting', () => {
    const [sum, ...others] = sumReports(
      [1, 3, 2].flatMap((second) => readReports([entry('SMS', 'A', 'B')], at(second))),
    );
    expect(others).toEqual([]);
    expect(sum).toMatchObject({ reportCount: 3, firstSeenAt: at(1), lastSeenAt: at(3) });
  });
});
