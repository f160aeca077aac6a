import fc from 'fast-check';
import { CHANNELS, type Contact } from '../../simulator/contact';
import { mergeContacts } from '../../simulator/merge-contacts';
import type { JsonObject } from '../../src/contacts/canonical';
import { planMerge, type MergeParty, type MergePlan } from '../../src/contacts/plan-merge';

const CALM = { force: false, areDismissed: false };

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

  it('tells of every identity of the loser whether it moves or is dropped, and of those that are kept', () => {
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
    expect(warnedOf(planMerge(survivor, other, { force: true, areDismissed: true }))).toEqual([
      'different-external-ids',
      'identities-dropped',
      'fields-lost',
      'dismissed-as-duplicates',
    ]);
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
});
