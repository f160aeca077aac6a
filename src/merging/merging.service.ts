import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Source } from '../audit/audit-event';
import { CommitQueue } from '../contacts/commit-queue';
import { fetchedMerge, type FetchTimes } from '../contacts/fetched';
import { mergeId } from '../contacts/merge-id';
import { MergesService, type WholeMergeView } from '../contacts/merges.service';
import { Problem } from '../rest/problem';
import { ContactLocks } from './contact-locks';
import { MergePlansService, type MergeOrder, type PlannedMerge } from './merge-plans.service';
import { notDone, notKnown } from './sinch-problem';
import { SinchMergesService } from './sinch-merges.service';
import { versionOf } from './version-of';

/** Most merges that are under way or wait for their turn. */
const underWayMax = 100;
/** For how long the answer of a merge is offered to a commit queue that does not take it, in ms. */
const commitMaxMs = 5_000;
const commitPauseMs = 100;

/** Who has two contacts merged, and why. */
export interface MergeCause {
  readonly source: Extract<Source, 'api' | 'rule'>;
  readonly actor: string;
  /** What the audit event keeps beside the merge, as JSON. */
  readonly said: object;
}

/** Merges contacts: has Sinch do it, and commits what it answers as an event like any other. */
@Injectable()
export class MergingService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(MergingService.name);
  private readonly locks = new ContactLocks();
  private underWay = 0;
  private isStopping = false;

  constructor(
    private readonly plans: MergePlansService,
    private readonly sinch: SinchMergesService,
    private readonly queue: CommitQueue,
    private readonly merges: MergesService,
  ) {}

  /**
   * Merges two contacts, at Sinch and then here.
   *
   * Two merges that share a contact are done one after the other; what the first has changed may block the second.
   *
   * @throws Problem `merge-blocked`, `upstream-refused`, `upstream-unavailable`, `unavailable`
   */
  async merge(projectId: string, order: MergeOrder, cause: MergeCause): Promise<WholeMergeView> {
    this.clientFor(projectId);
    if (this.isStopping || this.underWay >= underWayMax) throw busy();
    this.underWay += 1;
    try {
      await this.locks.hold([order.survivorId, order.loserId], () =>
        this.mergeAlone(projectId, order, cause),
      );
    } finally {
      this.underWay -= 1;
    }
    return this.merges.get(projectId, mergeId(order.loserId, order.survivorId));
  }

  beforeApplicationShutdown(): void {
    this.isStopping = true;
  }

  private clientFor(projectId: string): NonNullable<ReturnType<SinchMergesService['clientFor']>> {
    const client = this.sinch.clientFor(projectId);
    if (client !== null) return client;
    throw new Problem(
      'upstream-unavailable',
      'The service has no access to Sinch for this project: SINCH_PROJECT_ID names another, or none.',
    );
  }

  private async mergeAlone(projectId: string, order: MergeOrder, cause: MergeCause): Promise<void> {
    const planned = await this.plans.plan(projectId, order);
    requireAllowed(planned);
    const outcome = await this.sinch.merge(this.clientFor(projectId), projectId, planned);
    switch (outcome.kind) {
      case 'merged':
        return this.keep(projectId, planned, cause, outcome);
      case 'told':
        return;
      case 'not-known':
        throw notKnown(outcome.error);
      case 'not-done':
        // somebody else may have been first: the mirror may know by now
        requireAllowed(await this.plans.plan(projectId, order));
        throw notDone(outcome.error);
    }
  }

  /** Commits Sinch's answer. Should that fail, nothing is lost for good: Sinch tells of the merge by its callback. */
  private async keep(
    projectId: string,
    { loser, newestVersion }: PlannedMerge,
    { source, actor, said }: MergeCause,
    { survivor, times }: { readonly survivor: object; readonly times: FetchTimes },
  ): Promise<void> {
    const event = fetchedMerge(
      survivor,
      loser.id,
      versionOf(times, newestVersion),
      { projectId, source, actor, receivedAt: BigInt(Date.now()) * 1_000_000n },
      said,
    );
    if ('reason' in event) {
      this.logger.error(`The answer of a merge cannot be kept: ${event.detail}`);
      throw notKept();
    }
    const deadline = Date.now() + commitMaxMs;
    for (;;) {
      const outcome = await this.queue.commit(event);
      if (outcome.kind === 'committed') return;
      if (outcome.kind !== 'unavailable' || this.isStopping || Date.now() > deadline) throw notKept();
      await delay(commitPauseMs);
    }
  }
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
    'Sinch has merged the contacts, but the mirror could not keep its answer. It will learn of the merge by Sinch’s callback.',
    { headers: { 'Retry-After': '5' } },
  );
}

function busy(): Problem {
  return new Problem('unavailable', 'The service cannot take a merge at the moment. Send it again.', {
    headers: { 'Retry-After': '1' },
  });
}
