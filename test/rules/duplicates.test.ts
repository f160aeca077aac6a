import { compareMembers } from '../../src/duplicates/compare-members.rule';
import { evidenceOfAll } from '../../src/duplicates/view-evidence';
import { keysMax, phonesOf, valuesOf } from '../../src/matching/evidence.rule';
import { matchSets } from '../../src/matching/match-sets.rule';
import type { Report } from '../../src/matching/evidence.repository';
import type { SetRow } from '../../src/matching/sets.repository';
import { readReports, sumReports } from '../../src/matching/read-reports';
import { candidateOf, suggestSurvivor, type Candidate } from '../../src/duplicates/suggest-survivor.rule';

describe('The shared values of a contact', () => {
  it('are its identities, its phone numbers in one spelling, its e-mail address and its external id', () => {
    const values = valuesOf({
      identityKeys: ['SMS:5511987654321', 'tel:5511987654321', 'WHATSAPP:551187654321', 'tel:551187654321'],
      email: 'ann@example.com',
      externalId: 'crm-1',
      appIdentities: null,
    });
    expect(values.map(({ kind }) => kind)).toEqual(['identity', 'phone', 'identity', 'email', 'external_id']);
    const phone = values.find(({ kind }) => kind === 'phone')?.value ?? '';
    expect(phonesOf(['SMS:5511987654321', 'tel:5511987654321', 'WHATSAPP:551187654321'])).toEqual([
      [phone, 'SMS'],
      [phone, 'WHATSAPP'],
    ]);
  });

  it('are those of the identities that both lists have, where the keys and the apps were cut', () => {
    const text = (n: number): string => `psid-${String(n).padStart(4, '0')}`;
    const numbers = Array.from({ length: keysMax }, (_, n) => n);
    const values = valuesOf({
      identityKeys: numbers.map((n) => `MESSENGER:${text(n)}`),
      email: null,
      externalId: null,
      appIdentities: numbers.map((n) => ({ channel: 'MESSENGER', identity: text(n + 400), appId: 'app-1' })),
    });
    // each with its app, and where contacts meet that name none
    expect(values.map(({ value }) => value).sort()).toEqual(
      ['?', 'app-1'].flatMap((app) => numbers.slice(400).map((n) => `MESSENGER@${app}:${text(n)}`)),
    );
  });

  it('have a digest each, by kind too', () => {
    const same = 'same@example.com';
    const none = { identityKeys: [], email: null, externalId: null, appIdentities: null };
    const [email] = valuesOf({ ...none, email: same });
    const [externalId] = valuesOf({ ...none, externalId: same });
    expect(email).toBeDefined();
    expect(externalId).toBeDefined();
    expect(email?.digest).not.toBe(externalId?.digest);
  });
});

describe('The evidence of a set', () => {
  const set = (id: string, ids: readonly string[]): SetRow => ({
    id,
    status: 'open',
    contact_ids: ids,
    former_contact_ids: [],
    contact_count: ids.length,
    reasons: ['phone'],
    channels: ['SMS'],
    report_count: 0,
    is_truncated: false,
    hot_digest: null,
    first_seen_at: new Date(0),
    last_seen_at: new Date(0),
    snoozed_until: null,
    dismissal: null,
    closed_at: null,
    resolved_by: null,
  });
  const report = (n: number, contactIds: readonly string[]): Report => ({
    digest: String(n).padStart(64, '0'),
    channel: 'SMS',
    identity: null,
    contactIds,
    reportCount: 1,
    firstSeenAt: new Date(0),
    lastSeenAt: new Date(0),
  });
  const end = <T>(work: Generator<void, T, void>): T => {
    for (;;) {
      const step = work.next();
      if (step.done === true) return step.value;
    }
  };

  it('is read once, however many values and reports there are, and is shown up to a bound', () => {
    const ids = ['A', 'B', 'C'];
    const identityKeys = Array.from({ length: 500 }, (_, n) => [
      `SMS:1202555${1_000 + n}`,
      `tel:1202555${1_000 + n}`,
    ]).flat();
    let readsOfKeys = 0;
    const contactValues = ids.map((id) => ({
      id,
      get identityKeys() {
        readsOfKeys += 1;
        return identityKeys;
      },
      email: null,
      externalId: null,
      appIdentities: null,
    }));
    const held = valuesOf({ identityKeys, email: null, externalId: null, appIdentities: null });
    const values = ids.flatMap((contactId) => held.map((value) => ({ ...value, contactId })));
    let readsOfReports = 0;
    const reports = Array.from({ length: 60 }, (_, n) => report(n, ['A', 'former'])).map((each) => ({
      ...each,
      get contactIds() {
        readsOfReports += 1;
        return each.contactIds;
      },
    }));
    const nameOf = (id: string): string => (id === 'former' ? 'B' : id);
    const others = Array.from({ length: 40 }, (_, n) => set(String(n), [`D${n}`, `E${n}`]));
    const [shown] = end(
      evidenceOfAll([set('first', ids), ...others], {
        values,
        hotValues: [],
        reports,
        contactValues,
        nameOf,
      }),
    );
    expect(readsOfKeys).toBe(ids.length);
    expect(readsOfReports).toBe(reports.length);
    expect(shown?.count).toBe(60 + 500 + 500);
    expect(shown?.first).toHaveLength(100);
    expect(shown?.first[0]).toMatchObject({ reason: 'reported', contact_ids: ['A', 'B'] });
    expect(shown?.first[99]).toMatchObject({ reason: 'identity', channel: 'SMS', contact_ids: ids });
  });

  it('is shown up to a number of bytes', () => {
    const ids = Array.from({ length: 1_000 }, (_, n) => `${n}-`.padEnd(400, 'x')).sort();
    const reports = Array.from({ length: 50 }, (_, n) => report(n, ids));
    const [shown] = end(
      evidenceOfAll([set('first', ids)], {
        values: [],
        hotValues: [],
        reports,
        contactValues: [],
        nameOf: (id) => id,
      }),
    );
    expect(shown?.count).toBe(50);
    expect(shown?.first).toHaveLength(2);
  });
});

describe('Sets that are kept', () => {
  const set = (id: string, ...contactIds: string[]): { id: string; contactIds: string[] } => ({
    id,
    contactIds,
  });

  it('continue as the component with which they share most, the older of equal ones', () => {
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
    hasName: false,
    hasEmail: false,
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
      'who has a name, over who has more identities: Sinch would keep `Unknown`',
      [of('A', { identitiesCount: 3 }), of('B', { hasName: true })],
      'B',
      ['display-name'],
    ],
    [
      'of two who have a name, who has an e-mail address',
      [of('A', { hasName: true }), of('B', { hasName: true, hasEmail: true }), of('C')],
      'B',
      ['display-name', 'email'],
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

it('counts no placeholder for a contact that may survive', () => {
  const said = {
    display_name: 'Ann',
    email: 'ann@example.com',
    external_id: 'crm-1',
    channel_identities: [{ channel: 'SMS', identity: '15550001111' }],
  };
  const nothing = { hasExternalId: false, hasName: false, hasEmail: false, identitiesCount: 0 };
  expect(candidateOf('A', said, 1n)).toEqual({
    id: 'A',
    hasExternalId: true,
    hasName: true,
    hasEmail: true,
    identitiesCount: 1,
    firstVersion: 1n,
  });
  for (const word of ['', 'Unknown', 'n/a', 'NULL', '-']) {
    const fields = {
      display_name: word,
      email: word,
      external_id: word,
      channel_identities: [{ channel: 'SMS', identity: word }],
    };
    expect(candidateOf('A', fields, 1n)).toMatchObject(nothing);
    const members = [candidateOf('A', fields, 1n), candidateOf('B', said, 2n)];
    expect(suggestSurvivor(members)).toEqual({ contactId: 'B', reasons: ['external-id'] });
  }
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
