import { Injectable, Logger } from '@nestjs/common';
import { MergesService, type FoundMerge } from '../contacts/merges/merges.service';
import type { MergeParty } from '../contacts/merges/plan-merge.rule';
import { describeError } from '../database/sqlstate';
import { DecisionsService } from '../duplicates/decisions.service';
import type { WholeDuplicateObject } from '../duplicates/duplicates.dto';
import { DuplicatesService, type DuplicateToMerge } from '../duplicates/duplicates.service';
import type { ResolvedByObject } from '../matching/sets.dto';
import { Problem } from '../rest/problems/problem';
import { MergePlannerService } from './merge-planner.service';
import type { MergeOrigin } from '../merge-intents/merge-intents.repository';
import { PairMergerService } from './pair-merger.service';
import { planSet } from './plan-set.rule';
import type { MergeObject } from '../contacts/merges/merges.dto';
import {
  membersLeftOut,
  nothingLeft,
  ofTheSet,
  setBlocked,
  setChanged,
  setDismissed,
  setRefused,
  survivorUnfit,
} from './set-problems';

/** Most contacts of a set that one request merges. */
const membersMax = 50;

export interface SetOrder {
  /** Null: the one that the set suggests. */
  readonly survivorId: string | null;
  /** Whether external ids may differ, and dismissals be overridden. */
  readonly force: boolean;
  /** Asked at the last moment, when what Sinch says of the contacts is known; absent: it may. */
  readonly mayMerge?: () => Promise<boolean>;
}

/** A set as it is after its contacts were merged, and what was done. */
export interface MergedSet {
  readonly duplicate: WholeDuplicateObject;
  readonly merges: readonly MergeObject[];
}

/** Merges the contacts of a set of duplicates into one of them, one by one. */
@Injectable()
export class SetMergerService {
  private readonly logger = new Logger(SetMergerService.name);

  constructor(
    private readonly duplicates: DuplicatesService,
    private readonly decisions: DecisionsService,
    private readonly planner: MergePlannerService,
    private readonly pairs: PairMergerService,
    private readonly merges: MergesService,
  ) {}

  /**
   * What was merged before one is blocked, refused or unknown stays so, and is listed in the problem's `merges`; the same request
   * sent again continues from there. Where all were merged before, nothing is done and those merges are the answer.
   *
   * @throws Problem `not-found`, `invalid-request`, and as `PairMergerService.merge`
   */
  async merge(projectId: string, id: string, order: SetOrder, origin: MergeOrigin): Promise<MergedSet> {
    const { duplicate, parties } = await this.fresh(projectId, id, order, origin);
    if (duplicate.status === 'resolved') return this.mergedBefore(projectId, duplicate, order.survivorId);
    const survivorId = survivorOf(duplicate, order.survivorId);
    const loserIds = duplicate.members
      .filter(({ id: member, mirror }) => member !== survivorId && mirror.status === 'active')
      .map((member) => member.id);
    const { blocked, fieldsAtTurnOf } = planSet(survivorId, loserIds, parties, order.force);
    if (blocked.length > 0) throw setBlocked(blocked);

    const everMembers = everMembersOf(duplicate);
    const earlier = await this.pairs.mergedBefore(projectId, survivorId, everMembers, origin);
    const merged = new Set<string>();
    const end = (): Promise<readonly MergeObject[]> =>
      this.end(projectId, duplicate, survivorId, earlier, merged);
    const said = { ...origin.said, duplicate_id: id };
    try {
      for (const loserId of loserIds) {
        const judged = order.mayMerge && fieldsAtTurnOf.get(loserId);
        const pair = { survivorId, loserId, force: order.force, ...(judged && { judged }) };
        // somebody else may have merged it meanwhile
        if (await this.pairs.merge(projectId, pair, { ...origin, said }, 'skip')) merged.add(loserId);
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      throw error.with({ ...ofTheSet(error), merges: await end() });
    }
    const merges = await end();
    return { duplicate: await this.duplicates.get(projectId, id), merges };
  }

  /** What this request has merged, now and in earlier attempts; the set is examined if anything was merged now. */
  private async end(
    projectId: string,
    { contact_ids: contactIds }: DuplicateToMerge,
    survivorId: string,
    earlier: readonly string[],
    merged: ReadonlySet<string>,
  ): Promise<readonly MergeObject[]> {
    const pairs = [...new Set([...earlier, ...merged])].map((loserId) => ({ loserId, survivorId }));
    const found = await this.merges.find(projectId, pairs);
    if (merged.size > 0) {
      // the follower would do it in a moment, and does where this fails
      await this.decisions.examine(projectId, contactIds, resolvedBy(found)).catch((error: unknown) => {
        this.logger.warn(
          `Could not update a merged set of duplicates; the follower will update it: ${describeError(error)}.`,
        );
      });
    }
    return found.map(({ merge }) => merge);
  }

  /**
   * The outcome for a set whose contacts were merged into one of them before: by an earlier attempt of the same request whose
   * answer was lost, or by somebody else.
   *
   * @throws Problem where they were merged into another than is wanted, or the set was resolved otherwise
   */
  private async mergedBefore(
    projectId: string,
    duplicate: DuplicateToMerge,
    wantedId: string | null,
  ): Promise<MergedSet> {
    const ids = everMembersOf(duplicate);
    const members = new Set(ids);
    const pairs = (await this.planner.find(projectId, ids)).flatMap(({ id: loserId, survivorId }) =>
      survivorId !== null && members.has(survivorId) ? [{ loserId, survivorId }] : [],
    );
    const losers = new Set(pairs.map(({ loserId }) => loserId));
    const left = duplicate.contact_ids.filter((id) => !losers.has(id));
    if (pairs.length === 0 || left.length > 1) throw nothingLeft();
    if (wantedId !== null && !pairs.some(({ survivorId }) => survivorId === wantedId)) {
      throw setRefused('already-merged', `The contacts of the set were merged into ${left[0] ?? 'another'}.`);
    }
    const [whole, found] = await Promise.all([
      this.duplicates.get(projectId, duplicate.id),
      this.merges.find(projectId, pairs.slice(0, membersMax)),
    ]);
    return { duplicate: whole, merges: found.map(({ merge }) => merge) };
  }

  /**
   * The set by what Sinch says of its contacts now: what the mirror had differently may part them, or block the merge.
   *
   * @throws Problem where it cannot be merged
   */
  private async fresh(
    projectId: string,
    id: string,
    { force, mayMerge }: SetOrder,
    origin: MergeOrigin,
  ): Promise<FreshSet> {
    const known = await this.duplicates.getToMerge(projectId, id);
    if (known.status === 'resolved') return { duplicate: known, parties: [] };
    requireMergeable(known, force);
    const { parties, isNews, isMirrored, merged } = await this.pairs
      .refresh(projectId, activeOf(known), origin)
      .catch((error: unknown) => {
        throw error instanceof Problem ? error.with({ ...ofTheSet(error), merges: [] }) : error;
      });
    // a rule judges by the mirror and by what contacts share: both are what Sinch says now, or it does not merge
    if (mayMerge !== undefined && !isMirrored) throw setChanged();
    if (isNews || mayMerge !== undefined) {
      const by = merged.length === 0 ? CHANGED : resolvedBy(await this.merges.find(projectId, merged));
      await this.decisions.examine(projectId, known.contact_ids, by);
    }
    const now = isNews || mayMerge !== undefined ? await this.duplicates.getToMerge(projectId, id) : known;
    if (now.status === 'resolved') return { duplicate: now, parties };
    requireMergeable(now, force);
    if ((await mayMerge?.()) === false) throw setChanged();
    // what was news may have brought others into the set
    return { duplicate: now, parties: isNews ? await this.planner.find(projectId, activeOf(now)) : parties };
  }
}

/** A set, and its live members as Sinch has them; none where it is resolved. */
interface FreshSet {
  readonly duplicate: DuplicateToMerge;
  readonly parties: readonly MergeParty[];
}

const CHANGED: ResolvedByObject = { type: 'CONTACT_UPDATE' };

/** What resolves a set whose contacts were merged: the newest of the merges. */
function resolvedBy(merges: readonly FoundMerge[]): ResolvedByObject {
  const last = merges.at(-1);
  return { type: 'CONTACT_MERGE', ...(last && { event_id: last.eventId }) };
}

function activeOf({ members }: DuplicateToMerge): readonly string[] {
  return members.filter(({ mirror }) => mirror.status === 'active').map(({ id }) => id);
}

/** Its contacts, and those that were among them. */
function everMembersOf(duplicate: DuplicateToMerge): readonly string[] {
  return [...new Set([...duplicate.contact_ids, ...duplicate.former_contact_ids])];
}

function requireMergeable(duplicate: DuplicateToMerge, isForced: boolean): void {
  const { status, contact_count: count, dismissals, members_left_out: leftOut } = duplicate;
  if (status === 'dismissed') throw new Problem('invalid-request', 'The set is dismissed: reopen it first.');
  if (duplicate.reasons.includes('hot')) {
    const message =
      'Too many contacts share the value of this hot set, so it does not show that they are the same person. Merge pairs with POST /merges.';
    throw setRefused('hot', message);
  }
  if (dismissals.length > 0 && !isForced) throw setDismissed(dismissals);
  if (count > membersMax)
    throw setRefused(
      'too-many',
      `The set has more than ${membersMax} contacts. Merge pairs with POST /merges.`,
    );
  if (leftOut > 0) throw membersLeftOut(leftOut);
}

/** @throws Problem `invalid-request` for a contact that is no live member */
function survivorOf(duplicate: DuplicateToMerge, given: string | null): string {
  const active = activeOf(duplicate);
  const survivorId = given ?? duplicate.suggested_survivor?.contact_id ?? null;
  if (survivorId !== null && active.includes(survivorId)) return survivorId;
  throw survivorUnfit();
}
