import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { nowNs } from '../base/now';
import { canonicalJson } from '../json/canonical.rule';
import { CommitQueue } from '../audit/commit/commit-queue';
import { fetchedMerge, type FetchTimes } from '../audit/commit/fetched.rule';
import type { MergePair } from '../contacts/merges/merge-id.rule';
import type { MergeParty } from '../contacts/merges/plan-merge.rule';
import { Problem } from '../rest/problems/problem';
import { unavailable } from '../rest/problems/unavailable';
import type { SinchClient } from '../sinch/sinch-client';
import { SinchError } from '../sinch/sinch-error';
import { differingFields } from '../sync/plan-page.rule';
import { UnconfirmedMergesService } from '../merge-intents/unconfirmed-merges.service';
import {
  MergeIntentsRepository,
  type MergeIntent,
  type MergeOrigin,
} from '../merge-intents/merge-intents.repository';
import { ContactLocks } from './contact-locks';
import { ContactRefresherService, type FreshContacts } from './contact-refresher.service';
import {
  freshParty,
  MergePlannerService,
  planOf,
  type MergeOrder,
  type PlannedMerge,
} from './merge-planner.service';
import { notDone, notKnown } from '../sinch/sinch-problem';
import { MergeAtSinchService } from './merge-at-sinch.service';
import { versionAfterWrite } from '../audit/commit/version-after-write.rule';

/** Most merges that are under way or wait for their turn. */
const underWayMax = 100;
/** For how long the answer of a merge is offered to a commit queue that does not take it, in ms. */
const commitMaxMs = 5_000;
const commitPauseMs = 100;

/** Longest time of finding out about a merge whose outcome is unknown, in ms. */
const settleMaxMs = 15_000;

/** Contacts that are to be merged, as Sinch has them now. */
interface Refreshed {
  /** In the order asked; those that were found to be merged are left out. */
  readonly parties: readonly MergeParty[];
  /** Whether the mirror had one of them differently. */
  readonly isNews: boolean;
  /** Whether the mirror has all of them as Sinch has. */
  readonly isMirrored: boolean;
  /** The pairs that turned out to be merged meanwhile. */
  readonly merged: readonly MergePair[];
}

/** Merges contacts: has Sinch do it, and commits what it answers as an event like any other. */
@Injectable()
export class PairMergerService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(PairMergerService.name);
  private readonly locks = new ContactLocks();
  private underWay = 0;
  private isStopping = false;

  constructor(
    private readonly planner: MergePlannerService,
    private readonly refresher: ContactRefresherService,
    private readonly sinch: MergeAtSinchService,
    private readonly intents: MergeIntentsRepository,
    private readonly unconfirmed: UnconfirmedMergesService,
    private readonly queue: CommitQueue,
  ) {}

  /**
   * Merges two contacts, at Sinch and then here.
   *
   * Two merges that share a contact are done one after the other; what the first has changed may block the second.
   *
   * @param ifMerged what to do where the loser was merged into this survivor before
   * @returns whether this call had it done, or an earlier attempt of the very same request; false where it was skipped
   * @throws Problem `merge-blocked`, `upstream-refused`, `upstream-unavailable`, `unavailable`
   */
  async merge(
    projectId: string,
    order: MergeOrder,
    origin: MergeOrigin,
    ifMerged: 'refuse' | 'skip' = 'refuse',
  ): Promise<boolean> {
    this.clientFor(projectId);
    if (this.isStopping || this.underWay >= underWayMax) throw busy();
    this.underWay += 1;
    try {
      return await this.locks.hold([order.survivorId, order.loserId], () =>
        this.mergeLocked(projectId, order, origin, ifMerged),
      );
    } finally {
      this.underWay -= 1;
    }
  }

  /**
   * Has the mirror know live contacts as Sinch has them now.
   *
   * @throws Problem as `merge`
   */
  async refresh(projectId: string, contactIds: readonly string[], origin: MergeOrigin): Promise<Refreshed> {
    const client = this.clientFor(projectId);
    try {
      const fresh = await this.fetch(client, projectId, contactIds, origin);
      const { isNews, isMirrored } = fresh;
      return { parties: partiesOf(contactIds, fresh), isNews, isMirrored, merged: [] };
    } catch (error) {
      // a merge whose outcome is unknown may be why Sinch has one no more
      await this.unconfirmed.mergedAmong(client, projectId, contactIds, AbortSignal.timeout(settleMaxMs));
      const known = await this.planner.find(projectId, contactIds);
      const left = known.filter(({ state }) => state === 'active').map(({ id }) => id);
      if (left.length === contactIds.length) throw error;
      const fresh = await this.fetch(client, projectId, left, origin);
      const merged = known.flatMap(({ id: loserId, survivorId }) =>
        survivorId === null ? [] : [{ loserId, survivorId }],
      );
      const { isMirrored } = fresh;
      return { parties: partiesOf(left, fresh), isNews: true, isMirrored, merged };
    }
  }

  /** The losers whose merges into a survivor an earlier attempt of the very same request has had done. */
  async mergedBefore(
    projectId: string,
    survivorId: string,
    loserIds: readonly string[],
    { requestId }: MergeOrigin,
  ): Promise<readonly string[]> {
    return requestId === null ? [] : this.intents.losersOf(projectId, requestId, survivorId, loserIds);
  }

  /** Finds out about a merge whose outcome is unknown, when nothing else is done with its contacts. */
  async settle(projectId: string, intent: MergeIntent, signal: AbortSignal): Promise<void> {
    const client = this.clientFor(projectId);
    await this.locks.hold([intent.survivorId, intent.loserId], async () => {
      // it may have been settled while it waited
      const now = await this.intents.find(projectId, intent);
      if (now?.isSettled === false) await this.unconfirmed.settle(client, projectId, now, signal);
    });
  }

  beforeApplicationShutdown(): void {
    this.isStopping = true;
  }

  private clientFor(projectId: string): SinchClient {
    const client = this.sinch.clientFor(projectId);
    if (client !== null) return client;
    throw new Problem(
      'upstream-unavailable',
      'The service has no access to Sinch for this project. The operator sets it up with SINCH_PROJECT_ID and the other SINCH_ variables; docs/configuration.md lists them.',
    );
  }

  /** Plans by the mirror, asks Sinch for the two, plans again by its answer, and has it merge them. */
  private async mergeLocked(
    projectId: string,
    order: MergeOrder,
    origin: MergeOrigin,
    ifMerged: 'refuse' | 'skip',
  ): Promise<boolean> {
    const client = this.clientFor(projectId);
    if (await this.wasDone(client, projectId, order, origin)) return true;
    const known = await this.planner.rows(projectId, order);
    if (ifMerged === 'skip' && known.get(order.loserId)?.survivor_id === order.survivorId) return false;
    requireAllowed(planOf(order, { rows: known, dismissed: null }));
    const { fields, rows } = await this.fetchBoth(client, projectId, order, origin);
    // a dismissal is looked for last: somebody may decide so while Sinch is asked
    const dismissed = await this.planner.dismissal(projectId, order);
    const planned = planOf(order, { rows, dismissed }, fields);
    requireAllowed(planned);
    await this.mergeAtSinch(client, projectId, planned, order, origin);
    return true;
  }

  private async mergeAtSinch(
    client: SinchClient,
    projectId: string,
    planned: PlannedMerge,
    order: MergeOrder,
    origin: MergeOrigin,
  ): Promise<void> {
    await this.intents.add(projectId, order, origin);
    const outcome = await this.sinch.merge(client, projectId, planned);
    switch (outcome.kind) {
      case 'merged':
        await this.keep(projectId, planned, origin, outcome);
        return this.intents.settle(projectId, order);
      case 'told':
        return this.intents.settle(projectId, order);
      case 'not-known':
        throw notKnown(outcome.error);
      case 'not-done':
        await this.intents.remove(projectId, order);
        // somebody else may have been first: the mirror may know by now
        requireAllowed(await this.planner.plan(projectId, order));
        throw notDone(outcome.error);
    }
  }

  /** Whether an earlier attempt of the very same request, whose process was killed, has merged the two. */
  private async wasDone(
    client: SinchClient,
    projectId: string,
    order: MergeOrder,
    { requestId }: MergeOrigin,
  ): Promise<boolean> {
    const intent = requestId === null ? null : await this.intents.find(projectId, order);
    if (intent === null || intent.requestId !== requestId) return false;
    if (intent.isSettled) return true;
    return this.unconfirmed.settle(client, projectId, intent, AbortSignal.timeout(settleMaxMs));
  }

  /**
   * What Sinch says of the two now.
   *
   * @throws Problem `merge-blocked` for a rule where the mirror had one of them differently, or the rule has judged it as it
   *   was before: the set is judged again first
   */
  private async fetchBoth(
    client: SinchClient,
    projectId: string,
    order: MergeOrder,
    origin: MergeOrigin,
  ): Promise<FreshContacts> {
    const { survivorId, loserId } = order;
    const fresh = await this.fetch(client, projectId, [survivorId, loserId], origin).catch(
      async (error: unknown) => {
        // a merge whose outcome is unknown may be why Sinch has no loser
        const signal = AbortSignal.timeout(settleMaxMs);
        await this.unconfirmed.mergedAmong(client, projectId, [survivorId, loserId], signal);
        requireAllowed(await this.planner.plan(projectId, order));
        throw error;
      },
    );
    if ((fresh.isNews && origin.source === 'rule') || isJudgedDifferently(order, fresh))
      throw new Problem(
        'merge-blocked',
        'One of the contacts has changed at Sinch since the set was examined. It is examined again.',
      );
    return fresh;
  }

  private async fetch(
    client: SinchClient,
    projectId: string,
    contactIds: readonly string[],
    origin: MergeOrigin,
  ): Promise<FreshContacts> {
    try {
      return await this.refresher.fetch(client, projectId, contactIds, origin);
    } catch (error) {
      throw error instanceof SinchError ? notDone(error) : error;
    }
  }

  /** Commits Sinch's answer. Should that fail, nothing is lost for good: Sinch reports the merge by its callback. */
  private async keep(
    projectId: string,
    { loser, newestVersion }: PlannedMerge,
    { source, actor, said }: MergeOrigin,
    { survivor, times }: { readonly survivor: object; readonly times: FetchTimes },
  ): Promise<void> {
    const event = fetchedMerge(
      survivor,
      loser.id,
      versionAfterWrite(times, newestVersion),
      { projectId, source, actor, receivedAt: nowNs() },
      said,
    );
    if ('reason' in event) {
      this.logger.error(`The answer to a merge cannot be stored: ${event.detail}`);
      throw notKept();
    }
    const deadline = performance.now() + commitMaxMs;
    for (;;) {
      const outcome = await this.queue.commit(event);
      if (outcome.kind === 'committed') return;
      if (outcome.kind !== 'unavailable' || this.isStopping || performance.now() > deadline) throw notKept();
      await delay(commitPauseMs);
    }
  }
}

function partiesOf(ids: readonly string[], { rows, fields }: FreshContacts): readonly MergeParty[] {
  return ids.map((id) => freshParty(id, rows.get(id), fields.get(id)));
}

/** Whether Sinch has one of two contacts differently from what a rule has judged; never where a person decided. */
function isJudgedDifferently({ judged }: MergeOrder, { fields }: FreshContacts): boolean {
  return [...(judged ?? [])].some(([id, before]) => {
    const now = fields.get(id);
    return now === undefined || differingFields(canonicalJson(before), now).length > 0;
  });
}

function requireAllowed({ plan: { allowed, blocked }, loser }: PlannedMerge): void {
  if (allowed) return;
  const [first] = blocked;
  throw new Problem('merge-blocked', first?.message ?? 'These contacts cannot be merged.', {
    errors: blocked.map(({ code, message, contact_id: id }) => ({
      pointer: id === loser.id ? '/body/loser_id' : '/body/survivor_id',
      code,
      message,
      contact_id: id,
    })),
  });
}

function notKept(): Problem {
  return new Problem(
    'upstream-unavailable',
    'Sinch has merged the contacts, but the mirror could not store the answer. Do not request this merge again: Sinch’s callback or the next reconcile brings it to the mirror.',
  );
}

function busy(): Problem {
  return unavailable('The service cannot process a merge at the moment. Send it again.');
}
