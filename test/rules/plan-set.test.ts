import type { MergeParty } from '../../src/contacts/merges/plan-merge.rule';
import type { JsonObject } from '../../src/json/canonical.rule';
import { planSet } from '../../src/merging/plan-set.rule';

function party(id: string, fields: JsonObject = {}, state: MergeParty['state'] = 'active'): MergeParty {
  return { id, state, survivorId: state === 'merged' ? 'another' : null, fields: { id, ...fields } };
}

/** The fields of the survivor and of a loser when its turn comes. */
function fieldsOfTurns(
  loserIds: readonly string[],
  parties: readonly MergeParty[],
): readonly (readonly (JsonObject | undefined)[])[] {
  const { fieldsAtTurnOf } = planSet('S', loserIds, parties, false);
  return [...fieldsAtTurnOf].map(([loserId, fieldsOf]) => [fieldsOf.get('S'), fieldsOf.get(loserId)]);
}

describe('the plan of merging a set', () => {
  it('has each merge take the survivor as the merges before it leave it', () => {
    const parties = [party('S'), party('A', { email: 'a@b.c' }), party('B', { display_name: 'Bob' })];
    expect(fieldsOfTurns(['A', 'B'], parties)).toEqual([
      [{ id: 'S' }, { id: 'A', email: 'a@b.c' }],
      [
        { id: 'S', email: 'a@b.c' },
        { id: 'B', display_name: 'Bob' },
      ],
    ]);
  });

  it('is blocked where what an earlier loser brings blocks a later one, unless it is forced', () => {
    const parties = [party('S'), party('A', { external_id: '1' }), party('B', { external_id: '2' })];
    const codes = (force: boolean): readonly string[] =>
      planSet('S', ['A', 'B'], parties, force).blocked.map(({ code, contact_id: id }) => `${code} ${id}`);
    expect(codes(false)).toEqual(['different-external-ids B']);
    expect(codes(true)).toEqual([]);
  });

  it('names every loser that blocks, even by force', () => {
    const parties = [party('S'), party('A', {}, 'merged'), party('B', {}, 'deleted'), party('C')];
    const { blocked } = planSet('S', ['A', 'B', 'C'], parties, true);
    expect(blocked.map(({ code, contact_id: id }) => `${code} ${id}`)).toEqual([
      'already-merged A',
      'deleted B',
    ]);
  });

  it('says nothing of contacts that are not known', () => {
    const parties = [party('S'), party('B', { email: 'a@b.c' })];
    expect(fieldsOfTurns(['A', 'B'], parties)).toEqual([
      [{ id: 'S' }, {}],
      [{ id: 'S' }, { id: 'B', email: 'a@b.c' }],
    ]);
    expect(planSet('S', ['A', 'B'], parties, false).blocked).toEqual([]);
    expect(planSet('S', ['B'], [party('B', {}, 'deleted')], false).blocked).toEqual([]);
    expect(fieldsOfTurns(['B'], [party('B')])).toEqual([[{}, { id: 'B' }]]);
  });
});
