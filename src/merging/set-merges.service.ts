import { Injectable, Logger } from '@nestjs/common';
import { MergesRepository } from '../audit/merges.repository';
import type { MergeView, WholeMergeView } from '../contacts/merges.service';
import { planMerge, type BlockedBy } from '../contacts/plan-merge';
import { describeError } from '../database/sqlstate';
import { DecisionsService } from '../duplicates/decisions.service';
import { DuplicatesService, type WholeDuplicate } from '../duplicates/duplicates.service';
import { Problem } from '../rest/problem';
import { invalidRequest } from '../rest/read-dto';
import { MergePlansService } from './merge-plans.service';
import { MergingService, type MergeCause } from './merging.service';

/** Most contacts of a set that one request merges. */
const membersMax = 50;
/** What a fault of a set's is pointed to by: none of its contacts is named by the request. */
const pointer = '/path/duplicate_id';

export interface SetOrder {
  /** Null: the one that the set suggests. */
  readonly survivorId: string | null;
  /** Whether external ids may differ. */
  readonly force: boolean;
}

/** A set as it is after its contacts were merged, and what was done. */
export interface MergedSet {
  readonly duplicate: WholeDuplicate;
  readonly merges: readonly MergeView[];
}

/** Merges the contacts of a set of duplicates into one of them, one by one. */
@Injectable()
export class SetMergesService {
  private readonly logger = new Logger(SetMergesService.name);

  constructor(
    private readonly duplicates: DuplicatesService,
    private readonly decisions: DecisionsService,
    private readonly plans: MergePlansService,
    private readonly merging: MergingService,
    private readonly told: MergesRepository,
  ) {}

  /**
   * What was merged before one is blocked, refused or unknown stays so, and stands in the problem's `merges`; whoever sends the
   * request again goes on from there.
   *
   * @throws Problem `not-found`, `invalid-request`, and as `MergingService.merge`
   */
  async merge(projectId: string, id: string, order: SetOrder, cause: MergeCause): Promise<MergedSet> {
    const duplicate = await this.duplicates.get(projectId, id);
    requireMergeable(duplicate);
    const survivorId = survivorOf(duplicate, order.survivorId);
    const loserIds = duplicate.members
      .filter(({ id: member, mirror }) => member !== survivorId && mirror.status === 'active')
      .map((member) => member.id);
    const blocked = await this.blocksOf(projectId, survivorId, loserIds, order.force);
    if (blocked.length > 0) throw mergeBlocked(blocked);

    const merges: WholeMergeView[] = [];
    const said = { ...cause.said, duplicate_id: id };
    try {
      for (const loserId of loserIds) {
        if (await this.isMerged(projectId, survivorId, loserId)) continue; // by somebody else meanwhile
        const pair = { survivorId, loserId, force: order.force };
        merges.push(await this.merging.merge(projectId, pair, { ...cause, said }));
      }
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      await this.examine(projectId, duplicate, merges);
      throw error.with({ ...ofTheSet(error), merges: merges.map(inBrief) });
    }
    await this.examine(projectId, duplicate, merges);
    return { duplicate: await this.duplicates.get(projectId, id), merges: merges.map(inBrief) };
  }

  /** What stands against merging one loser after the other, each into what the merges before it make of the survivor. */
  private async blocksOf(
    projectId: string,
    survivorId: string,
    loserIds: readonly string[],
    force: boolean,
  ): Promise<readonly BlockedBy[]> {
    const [survivor, ...losers] = await this.plans.find(projectId, [survivorId, ...loserIds]);
    if (survivor === undefined) return [];
    const blocked: BlockedBy[] = [];
    let now = survivor;
    for (const loser of losers) {
      const plan = planMerge(now, loser, { force, areDismissed: false });
      blocked.push(...plan.blocked);
      now = { ...now, fields: plan.result ?? now.fields };
    }
    return blocked;
  }

  private async isMerged(projectId: string, survivorId: string, loserId: string): Promise<boolean> {
    const [loser] = await this.plans.find(projectId, [loserId]);
    return loser?.survivorId === survivorId;
  }

  /** The follower would do it in a moment, and does where this fails. */
  private async examine(
    projectId: string,
    { contact_ids: contactIds }: WholeDuplicate,
    merges: readonly WholeMergeView[],
  ): Promise<void> {
    if (merges.length === 0) return;
    try {
      const pairs = merges.map((merge) => ({ loserId: merge.loser_id, survivorId: merge.survivor_id }));
      const event = (await this.told.find(projectId, pairs)).at(-1);
      await this.decisions.examine(projectId, contactIds, {
        type: 'CONTACT_MERGE',
        ...(event === undefined ? {} : { event_id: event.id }),
      });
    } catch (error) {
      this.logger.warn(`A set that was merged was not examined, and will be: ${describeError(error)}.`);
    }
  }
}

function requireMergeable(duplicate: WholeDuplicate): void {
  const { status, contact_count: count } = duplicate;
  if (status === 'resolved' || status === 'dismissed') {
    const cure = status === 'resolved' ? 'nothing is left to merge' : 'reopen it first';
    throw new Problem('invalid-request', `The set is ${status}: ${cure}.`);
  }
  if (duplicate.reasons.includes('hot')) {
    const message = 'The contacts of a hot set share a value that too many have: it is no evidence.';
    throw refusal('hot', message);
  }
  if (count > membersMax) throw refusal('too-many', `The set has more than ${membersMax} contacts.`);
}

/** @throws Problem `invalid-request` for a contact that is no live member */
function survivorOf(
  { members, suggested_survivor: suggested }: WholeDuplicate,
  given: string | null,
): string {
  const active = members.filter(({ mirror }) => mirror.status === 'active').map(({ id }) => id);
  const survivorId = given ?? suggested?.contact_id ?? null;
  if (survivorId !== null && active.includes(survivorId)) return survivorId;
  throw invalidRequest([
    { pointer: '/body/survivor_id', code: 'member', message: 'must be a live contact of the set' },
  ]);
}

function mergeBlocked(blocked: readonly BlockedBy[]): Problem {
  const [first] = blocked;
  return new Problem('merge-blocked', first?.message ?? 'The set cannot be merged.', {
    errors: blocked.map(({ code, message, contact_id }) => ({ pointer, code, message, contact_id })),
    merges: [],
  });
}

function refusal(code: string, message: string): Problem {
  return new Problem('merge-blocked', message, { errors: [{ pointer, code, message }], merges: [] });
}

/** The faults of a merge, pointed to where this request has them. */
function ofTheSet({ errors }: Problem): Pick<Parameters<Problem['with']>[0], 'errors'> {
  return errors === undefined ? {} : { errors: errors.map((fault) => ({ ...fault, pointer })) };
}

/** As lists show a merge: without the contacts that it was between. */
function inBrief(merge: WholeMergeView): MergeView {
  return {
    id: merge.id,
    survivor_id: merge.survivor_id,
    loser_id: merge.loser_id,
    accepted_at: merge.accepted_at,
    version: merge.version,
    source: merge.source,
    actor: merge.actor,
    identities: merge.identities,
    fields_filled: merge.fields_filled,
    conflicts: merge.conflicts,
    consolidated_metadata: merge.consolidated_metadata,
  };
}
