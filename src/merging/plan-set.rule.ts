import { planMerges, type BlockedBy, type MergeParty } from '../contacts/merges/plan-merge.rule';
import type { JsonObject } from '../json/canonical.rule';

/** What merging the contacts of a set into one of them would do, one after the other. */
export interface SetPlan {
  /** What blocks any of the merges. */
  readonly blocked: readonly BlockedBy[];
  /**
   * For each loser, by its id, the fields of the two contacts when its turn comes, by their ids: the loser's, and those that the merges
   * before it make of the survivor; `{}` where nothing is known.
   */
  readonly fieldsAtTurnOf: ReadonlyMap<string, ReadonlyMap<string, JsonObject>>;
}

/**
 * Plans merging losers into a survivor, each into what the merges before it make of the survivor.
 *
 * @param parties what is known of the contacts; a loser that is not among them is planned as if it were not there, and without the
 *   survivor nothing is blocked: the merge itself finds out
 */
export function planSet(
  survivorId: string,
  loserIds: readonly string[],
  parties: readonly MergeParty[],
  force: boolean,
): SetPlan {
  const partyOf = new Map(parties.map((party) => [party.id, party]));
  const survivor = partyOf.get(survivorId);
  const losers = loserIds.flatMap((id) => partyOf.get(id) ?? []);
  const plans = survivor === undefined ? [] : planMerges(survivor, losers, { force, dismissed: null });
  const resultOf = new Map(losers.map(({ id }, at) => [id, plans[at]?.result ?? null]));
  let before = survivor?.fields ?? {};
  const fieldsAtTurnOf = new Map<string, ReadonlyMap<string, JsonObject>>();
  for (const loserId of loserIds) {
    const loser = partyOf.get(loserId)?.fields ?? {};
    const fieldsOf = new Map([
      [survivorId, before],
      [loserId, loser],
    ]);
    fieldsAtTurnOf.set(loserId, fieldsOf);
    before = resultOf.get(loserId) ?? before;
  }
  return { blocked: plans.flatMap(({ blocked }) => blocked), fieldsAtTurnOf };
}
