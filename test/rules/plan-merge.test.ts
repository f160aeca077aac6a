import fc from 'fast-check';
import { CHANNELS, type Contact } from '../../simulator/contact.rule';
import { mergeContacts } from '../../simulator/merge-contacts.rule';
import type { Json, JsonObject } from '../../src/json/canonical.rule';
import {
  externalIdOf,
  lossesOf,
  planMerge,
  planMerges,
  type MergeParty,
  type MergePlan,
} from '../../src/contacts/merges/plan-merge.rule';
import { runs } from '../support/runs';

const CALM = { force: false, dismissed: null };
const DISMISSED = { contact_ids: ['S', 'L'], dismissed_by: 'ann', dismissed_at: '2024-06-15T14:00:00Z' };

function text(...values: readonly string[]) {
  return fc.constantFrom('', ...values);
}

function contacts(id: string): fc.Arbitrary<Contact> {
  const channel = fc.constantFrom(...CHANNELS);
  return fc.record({
    id: fc.constant(id),
    channel_identities: fc.array(
      fc.record({ channel, identity: fc.constantFrom('1', '2', '3'), app_id: text('A', 'B') }),
      { maxLength: 6 },
    ),
    channel_priority: fc.uniqueArray(channel, { maxLength: 4 }),
    display_name: text('Ada', 'Grace'),
    email: text('ada@example.com', 'grace@example.com'),
    external_id: text('crm-1', 'crm-2'),
    metadata: text('{"tier":"gold"}', '{"tier":"silver","since":1}', 'opaque'),
    language: fc.constantFrom('EN', 'SV'),
  });
}

function party(
  fields: (JsonObject & { readonly id: string }) | Contact,
  state: MergeParty['state'] = 'active',
): MergeParty {
  const known = JSON.parse(JSON.stringify(fields)) as JsonObject; // as the mirror has it
  const survivorId = state === 'merged' ? 'another' : null;
  return { id: fields.id, state, survivorId, fields: state === 'unknown' ? null : known };
}

const codesOf = ({ blocked }: MergePlan): readonly string[] =>
  blocked.map(({ code, contact_id: id }) => `${code} ${id}`);
const warnedOf = ({ warnings }: MergePlan): readonly string[] => warnings.map(({ code }) => code);

describe('the plan of a merge', () => {
  const pairs: [fc.Arbitrary<Contact>, fc.Arbitrary<Contact>] = [contacts('S'), contacts('L')];

  it('has the result that Sinch makes, as the simulator has its rules', () => {
    fc.assert(
      fc.property(...pairs, (survivor, loser) => {
        const plan = planMerge(party(survivor), party(loser), { ...CALM, force: true });
        expect(plan.result).toEqual(mergeContacts(survivor, loser));
        expect([plan.allowed, plan.blocked]).toEqual([true, []]);
      }),
    );
  });

  it('lists every identity of the loser as moved or dropped, and those that are kept', () => {
    fc.assert(
      fc.property(...pairs, (survivor, loser) => {
        const { identities, result } = planMerge(party(survivor), party(loser), { ...CALM, force: true });
        const all = result?.['channel_identities'];
        for (const identity of identities.moved) expect(all).toContainEqual(identity);
        for (const identity of identities.dropped) expect(all).not.toContainEqual(identity);
        for (const identity of identities.kept) expect(survivor.channel_identities).toContainEqual(identity);
      }),
    );
  });

  it('is blocked by different external ids, unless it is forced; the result is shown all the same', () => {
    fc.assert(
      fc.property(...pairs, (survivor, loser) => {
        const plan = planMerge(party(survivor), party(loser), CALM);
        const differ =
          survivor.external_id !== '' &&
          loser.external_id !== '' &&
          survivor.external_id !== loser.external_id;
        expect(codesOf(plan)).toEqual(differ ? ['different-external-ids L'] : []);
        expect(plan.allowed).toBe(!differ);
        expect(plan.result).toEqual(mergeContacts(survivor, loser));
      }),
    );
  });

  it.each<[MergeParty['state'], MergeParty['state'], readonly string[]]>([
    ['unknown', 'active', ['not-found S']],
    ['active', 'unknown', ['not-found L']],
    ['merged', 'active', ['already-merged S']],
    ['active', 'merged', ['already-merged L']],
    ['deleted', 'merged', ['deleted S', 'already-merged L']],
    ['active', 'deleted', ['deleted L']],
    ['absent', 'active', ['deleted S']],
  ])('is blocked for a survivor that is %s and a loser that is %s, even by force', (own, other, codes) => {
    const plan = planMerge(party({ id: 'S' }, own), party({ id: 'L' }, other), { ...CALM, force: true });
    expect(codesOf(plan)).toEqual(codes);
    expect([plan.allowed, plan.result, plan.warnings]).toEqual([false, null, []]);
  });

  it('is blocked for one contact alone', () => {
    const plan = planMerge(party({ id: 'S' }), party({ id: 'S' }), { ...CALM, force: true });
    expect(codesOf(plan)).toEqual(['same-contact S']);
  });

  it('warns of what is lost, and of what somebody has decided', () => {
    const sms = { channel: 'SMS', identity: '1', app_id: '' };
    const survivor = party({ id: 'S', channel_identities: [sms], email: 'a@b.c', external_id: 'crm-1' });
    const alike = party({ id: 'L', channel_identities: [sms], email: '', external_id: 'crm-1' });
    expect(warnedOf(planMerge(survivor, alike, CALM))).toEqual([]);
    const other = party({
      id: 'L',
      channel_identities: [{ ...sms, identity: '2' }],
      email: 'd@e.f',
      external_id: 'crm-2',
    });
    expect(warnedOf(planMerge(survivor, other, { force: true, dismissed: DISMISSED }))).toEqual([
      'different-external-ids',
      'identities-dropped',
      'fields-lost',
      'dismissed-as-duplicates',
    ]);
  });

  it('is blocked by a dismissal as by different external ids, unless forced, and can still be previewed', () => {
    fc.assert(
      fc.property(
        contacts('S'),
        contacts('L'),
        fc.boolean(),
        fc.boolean(),
        (own, other, force, isDismissed) => {
          const dismissed = isDismissed ? DISMISSED : null;
          const differ =
            own.external_id !== '' && other.external_id !== '' && own.external_id !== other.external_id;
          const plan = planMerge(party(own), party(other), { force, dismissed });
          const lifted = [
            ...(differ ? ['different-external-ids L'] : []),
            ...(isDismissed ? ['dismissed-as-duplicates L'] : []),
          ];
          expect(codesOf(plan)).toEqual(force ? [] : lifted);
          expect([plan.allowed, plan.result === null]).toEqual([force || lifted.length === 0, false]);
          expect(warnedOf(plan).includes('dismissed-as-duplicates')).toBe(isDismissed);
        },
      ),
    );
  });

  it('takes contacts that say little, and leaves away what neither has', () => {
    expect(planMerge(party({ id: 'S' }), party({ id: 'L', nickname: 'Al' }), CALM).result).toEqual({
      id: 'S',
      nickname: 'Al',
    });
    const rcs = { channel: 'RCS', identity: '1' };
    expect(
      planMerge(party({ id: 'S' }), party({ id: 'L', channel_identities: [rcs, 'odd'] }), CALM).result,
    ).toEqual({ id: 'S', channel_identities: [rcs], channel_priority: ['RCS'] });
  });

  it('takes no placeholder for an external id', () => {
    fc.assert(
      fc.property(fc.constantFrom('null', 'N/A', ' ', '-', 'unknown'), fc.boolean(), (word, isLosers) => {
        const [own, other] = isLosers ? ['crm-1', word] : [word, 'crm-1'];
        const plan = planMerge(
          party({ id: 'S', external_id: own }),
          party({ id: 'L', external_id: other }),
          CALM,
        );
        expect([plan.allowed, lossesOf(plan).fields]).toEqual([true, isLosers ? [] : ['external_id']]);
      }),
    );
  });
});

it('blocks a merge for different external ids, of numbers and text alike', () => {
  const block = (own: Json, other: Json): readonly string[] =>
    planMerge(party({ id: 'S', external_id: own }), party({ id: 'L', external_id: other }), CALM).blocked.map(
      ({ code }) => code,
    );
  expect([block(111, 222), block(111, '222')]).toEqual([
    ['different-external-ids'],
    ['different-external-ids'],
  ]);
  expect([block(111, '111'), block(111, null)]).toEqual([[], []]);
  expect([111, '111', 'n/a', ''].map((id) => externalIdOf({ external_id: id }))).toEqual([
    '111',
    '111',
    null,
    null,
  ]);
});

describe('what merges lose', () => {
  it.each(['Na', 'Nan', 'Nil', 'None', 'Null', 'Blank', 'nan'])(
    'is a name, even one that elsewhere stands for no value: %s',
    (name) => {
      const plan = planMerge(
        party({ id: 'S', display_name: 'Bob Smith', metadata: '{"first":"Bob"}' }),
        party({ id: 'L', display_name: name, metadata: JSON.stringify({ first: name }) }),
        CALM,
      );
      expect(lossesOf(plan).fields).toEqual(['display_name', 'metadata.first']);
    },
  );

  it.each(['Unknown', 'unknown', 'N/A', 'n.a.', '#N/A', '(none)', '<null>', '-', '...', ''])(
    'is no name that says that there is none: %s',
    (name) => {
      const own = party({ id: 'S', display_name: 'Bob Smith' });
      const plan = planMerge(own, party({ id: 'L', display_name: name }), CALM);
      expect(lossesOf(plan).fields).toEqual([]);
    },
  );

  it.each([
    ['{"crm_id":73920581746203951}', '{"crm_id":73920581746203953}', ['metadata.crm_id']],
    ['{"a":{"n":1e400}}', '{"a":{"n":2e400}}', ['metadata.a']],
    ['{"a":1}', '{"a":2,"a":1}', ['metadata']],
    ['{"crm_id":73920581746203951}', '{ "crm_id": 73920581746203951 }', []],
  ])('is metadata that differs only where JavaScript reads it alike: %s and %s', (own, other, fields) => {
    const plan = planMerge(party({ id: 'S', metadata: own }), party({ id: 'L', metadata: other }), CALM);
    expect(plan.conflicts.map(({ field }) => field)).toEqual(fields);
    expect(lossesOf(plan).fields).toEqual(fields);
  });

  it.each([undefined, null, '', 'UNSPECIFIED'])('is a language that the survivor has not: %j', (none) => {
    const [having, without] = [
      { id: 'A', language: 'DE' },
      { id: 'B', ...(none !== undefined && { language: none }) },
    ];
    const lost = planMerge(party(without), party(having), CALM);
    expect(lost.conflicts).toEqual([{ field: 'language', survivor: none || null, loser: 'DE' }]);
    expect(lossesOf(lost).fields).toEqual(['language']);
    for (const loser of [undefined, '', 'UNSPECIFIED']) {
      const nothing = { id: 'C', ...(loser !== undefined && { language: loser }) };
      expect(planMerge(party(having), party(nothing), CALM).conflicts).toEqual([]);
      expect(planMerge(party(without), party(nothing), CALM).conflicts).toEqual([]);
    }
  });

  const values = ['Ada', 'Unknown', 'n/a', 'grace@example.com'];
  const someContacts = (id: string): fc.Arbitrary<Contact> =>
    contacts(id).chain((contact) =>
      fc.record({
        ...Object.fromEntries(Object.entries(contact).map(([name, value]) => [name, fc.constant(value)])),
        display_name: text(...values),
        email: text(...values),
        metadata: text('{"tier":"gold"}', '{"since":1,"tier":"silver"}', '{}', 'opaque', 'null'),
      }),
    ) as fc.Arbitrary<Contact>;

  /** Everything that somebody could miss of contacts, each value once; placeholders are nothing. */
  function valuesIn(all: readonly Contact[]): ReadonlySet<string> {
    const none = new Set(['', 'unknown', 'n/a', 'null']);
    return new Set(
      all.flatMap((contact) => {
        const identities = contact.channel_identities.map((each) => JSON.stringify(each));
        const fields = (['display_name', 'email', 'external_id', 'language'] as const)
          .filter((name) => !none.has(contact[name].toLowerCase()))
          .map((name) => `${name} ${contact[name]}`);
        let keys: string[] = none.has(contact.metadata) ? [] : [`metadata ${contact.metadata}`];
        if (contact.metadata.startsWith('{'))
          keys = Object.entries(JSON.parse(contact.metadata) as object).map(
            (entry) => `metadata ${JSON.stringify(entry)}`,
          );
        return [...identities, ...fields, ...keys];
      }),
    );
  }

  it('is everything that no contact has at Sinch afterwards, placeholders aside', () => {
    fc.assert(
      fc.property(
        someContacts('S'),
        fc.array(someContacts('L'), { minLength: 1, maxLength: 2 }),
        (survivor, losers) => {
          const plans = planMerges(
            party(survivor),
            losers.map((loser) => party(loser)),
            { ...CALM, force: true },
          );
          const after = losers.reduce(mergeContacts, survivor);
          const kept = valuesIn([after]);
          const isAllKept = [...valuesIn([survivor, ...losers])].every((value) => kept.has(value));
          const losesNothing = plans
            .map(lossesOf)
            .every(({ identities, fields }) => identities.length === 0 && fields.length === 0);
          if (losesNothing) expect(isAllKept).toBe(true);
          if (!losesNothing) expect(isAllKept).toBe(false);
        },
      ),
      { numRuns: runs(500) },
    );
  });
});
