import { Injectable } from '@nestjs/common';
import type { Action } from '../audit/audit-event';
import { FollowersRepository } from '../audit/followers.repository';
import { CommitQueue } from '../contacts/commit-queue';
import { decision } from '../contacts/decision';
import type { Queryable } from '../database/queryable';
import { Problem } from '../rest/problem';
import { FOLLOWER } from './duplicates-follower';
import { EvidenceRepository } from './evidence.repository';
import { EvidenceService } from './evidence.service';
import { noSuchSet } from './set-id';
import { SetsRepository, type ResolvedBy, type SetRow, type SetStatus } from './sets.repository';

/** What somebody decides about a set: who, when, and why if they say. */
export interface Decided {
  readonly actor: string;
  readonly at: Date;
  readonly reason: string | null;
}

/** How a decision is made effective. */
interface Effect {
  readonly action: Action;
  /** The statuses of sets that it can be made about. */
  readonly from: readonly SetStatus[];
  /** The status in which nothing is left to do; null where there is always something. */
  readonly done: SetStatus | null;
  /** What the audit event says beside the set and the reason. */
  readonly said: object;
  readonly write: (session: Queryable, row: SetRow, fingerprint: string) => Promise<void>;
}

/**
 * Takes what people decide about sets of duplicates.
 *
 * A decision is an audit event first, then it is made effective. A dismissal whose process dies in between is made effective
 * by the follower; of the others nothing has happened then but the event, and whoever asked got no answer.
 */
@Injectable()
export class DecisionsService {
  constructor(
    private readonly queue: CommitQueue,
    private readonly followers: FollowersRepository,
    private readonly sets: SetsRepository,
    private readonly evidence: EvidenceRepository,
    private readonly examiner: EvidenceService,
  ) {}

  /**
   * No two of the set's contacts are duplicates, whatever is reported of them later.
   *
   * @throws Problem `not-found`, `invalid-request` for a set that is resolved, `unavailable`
   */
  async dismiss(projectId: string, id: string, decided: Decided): Promise<void> {
    await this.decide(projectId, id, decided, {
      action: 'duplicate.dismissed',
      from: ['open', 'snoozed', 'dismissed'],
      done: 'dismissed',
      said: {},
      write: async (session, row, fingerprint) => {
        const isHot = row.hot_digest !== null; // no pairs: it is the value that is dismissed
        if (!isHot) {
          await this.evidence.dismiss(session, projectId, {
            fingerprint,
            contactIds: row.contact_ids,
            dismissedAt: decided.at,
            dismissedBy: decided.actor,
          });
        }
        await this.sets.dismiss(session, id, isHot ? null : fingerprint);
      },
    });
  }

  /**
   * The set goes back into the queue: its dismissal is taken back, or its snooze ends.
   *
   * @throws Problem as `dismiss`
   */
  async reopen(projectId: string, id: string, decided: Decided): Promise<void> {
    await this.decide(projectId, id, decided, {
      action: 'duplicate.reopened',
      from: ['open', 'snoozed', 'dismissed'],
      done: 'open',
      said: {},
      write: async (session, row) => {
        if (row.dismissal !== null) await this.evidence.revoke(session, projectId, row.dismissal);
        await this.sets.reopen(session, id);
      },
    });
  }

  /**
   * The set leaves the queue until a time.
   *
   * @throws Problem as `dismiss`; for a set that is dismissed too
   */
  async snooze(projectId: string, id: string, until: Date, decided: Decided): Promise<void> {
    await this.decide(projectId, id, decided, {
      action: 'duplicate.snoozed',
      from: ['open', 'snoozed'],
      done: null,
      said: { until: until.toISOString() },
      write: (session) => this.sets.snooze(session, id, until),
    });
  }

  /** Has contacts examined now that the follower would come to later, so that whoever changed them sees what became of the set. */
  async examine(projectId: string, contactIds: readonly string[], closedBy: ResolvedBy): Promise<void> {
    await this.followers.exclusively(FOLLOWER, true, (session) =>
      this.examiner.examine(session, projectId, contactIds, { at: new Date(), closedBy: () => closedBy }),
    );
  }

  /** All of it under the follower's lock, which would else find the event before the set is what was decided. */
  private async decide(projectId: string, id: string, decided: Decided, effect: Effect): Promise<void> {
    await this.followers.exclusively(FOLLOWER, true, async (session) => {
      const row = await this.sets.find(projectId, id, session);
      if (row === null) throw noSuchSet();
      if (row.status === effect.done) return;
      if (!effect.from.includes(row.status))
        throw new Problem('invalid-request', `The set is ${row.status}: nothing is left to decide about it.`);
      const fingerprint = await this.tell(projectId, row, decided, effect);
      await effect.write(session, row, fingerprint);
      await this.examiner.examine(session, projectId, row.contact_ids, {
        at: decided.at,
        closedBy: () => ({ type: effect.action }),
      });
    });
  }

  /** @returns the fingerprint of the audit event */
  private async tell(projectId: string, row: SetRow, decided: Decided, effect: Effect): Promise<string> {
    const [first, ...others] = row.contact_ids;
    if (first === undefined) throw new Error('A set has no contacts.');
    const isHot = row.hot_digest !== null;
    const event = decision(
      effect.action,
      projectId,
      [first, ...others],
      { duplicate_id: row.id, reason: decided.reason, ...(isHot && { hot: true }), ...effect.said },
      decided.actor,
      BigInt(decided.at.getTime()) * 1_000_000n,
    );
    const outcome = await this.queue.commit(event);
    if (outcome.kind === 'committed') return event.notification.fingerprint;
    throw new Problem('unavailable', 'The decision is not known to be kept. Send it again.', {
      headers: { 'Retry-After': '1' },
    });
  }
}
