import { Injectable } from '@nestjs/common';
import { nsOf } from '../base/nanoseconds.rule';
import type { Action } from '../audit/audit-event.rule';
import { LocksRepository } from '../followers/locks.repository';
import { CommitQueue } from '../audit/commit/commit-queue';
import { decision } from '../audit/commit/decision.rule';
import type { Queryable } from '../database/queryable';
import { Problem } from '../rest/problems/problem';
import { decisionNotConfirmed } from '../rest/problems/unavailable';
import { FOLLOWER } from './follower-name';
import { DismissalsRepository } from '../matching/dismissals.repository';
import { SetExaminerService } from '../matching/set-examiner.service';
import { reasonIn } from './dismissals.service';
import { noSuchSet } from './set-id';
import type { ResolvedByObject } from '../matching/sets.dto';
import { SetChanges } from '../matching/set-changes';
import { SetsRepository, stateOf, type SetRow, type SetStatus } from '../matching/sets.repository';

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
  /** The status that a set then has. */
  readonly to: SetStatus;
  /** Whether nothing is left to do about a set. */
  readonly isDone: (session: Queryable, row: SetRow) => boolean | Promise<boolean>;
  /** What the audit event says beside the set and the reason. */
  readonly said: object;
  readonly write: (session: Queryable, row: SetRow, fingerprint: string) => Promise<void>;
}

/**
 * Takes what people decide about sets of duplicates.
 *
 * A decision is an audit event first, then it is made effective. A dismissal whose process dies in between is made effective
 * by the follower; of the others only the event is stored then, and the caller got no answer.
 */
@Injectable()
export class DecisionsService {
  constructor(
    private readonly queue: CommitQueue,
    private readonly locks: LocksRepository,
    private readonly sets: SetsRepository,
    private readonly dismissals: DismissalsRepository,
    private readonly examiner: SetExaminerService,
  ) {}

  /**
   * No two of the set's contacts are duplicates, whatever is reported of them later. Of a set that is dismissed already, another
   * reason takes the place of the earlier one, as a decision of its own; without one nothing is left to do.
   *
   * @throws Problem `not-found`, `invalid-request` for a set that is resolved, `unavailable`
   */
  async dismiss(projectId: string, id: string, decided: Decided): Promise<void> {
    await this.decide(projectId, id, decided, {
      action: 'duplicate.dismissed',
      from: ['open', 'snoozed', 'dismissed'],
      to: 'dismissed',
      isDone: async (session, row) =>
        row.status === 'dismissed' &&
        (decided.reason === null || decided.reason === (await this.reasonOf(session, projectId, row))),
      said: {},
      write: async (session, row, fingerprint) => {
        if (row.dismissal !== null) await this.dismissals.revoke(session, projectId, row.dismissal);
        // of a hot set there are no pairs: it is the value that is dismissed
        if (row.hot_digest === null) {
          const { at: dismissedAt, actor: dismissedBy } = decided;
          const dismissal = { fingerprint, contactIds: row.contact_ids, dismissedAt, dismissedBy };
          await this.dismissals.add(session, projectId, [dismissal]);
        }
        await this.sets.dismiss(session, id, fingerprint);
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
      to: 'open',
      isDone: (_, row) => row.status === 'open',
      said: {},
      write: async (session, row) => {
        if (row.dismissal !== null) await this.dismissals.revoke(session, projectId, row.dismissal);
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
      to: 'snoozed',
      isDone: () => false,
      said: { until: until.toISOString() },
      write: (session) => this.sets.snooze(session, id, until),
    });
  }

  /** Has contacts examined now that the follower would come to later, so that the caller who changed them sees the result. */
  async examine(projectId: string, contactIds: readonly string[], closedBy: ResolvedByObject): Promise<void> {
    await this.locks.exclusively(FOLLOWER, true, (session) =>
      this.examiner.examine(session, projectId, contactIds, { at: new Date(), closedBy: () => closedBy }),
    );
  }

  /** All of it under the follower's lock, which would else find the event before the set is what was decided. */
  private async decide(projectId: string, id: string, decided: Decided, effect: Effect): Promise<void> {
    await this.locks.exclusively(FOLLOWER, true, async (session) => {
      const row = await this.sets.find(projectId, id, session);
      if (row === null) throw noSuchSet();
      if (await effect.isDone(session, row)) return;
      if (row.status === 'unknown-members')
        throw new Problem(
          'invalid-request',
          'The mirror does not know all contacts of this set yet. Run a backfill; the set opens once they are known.',
        );
      if (!effect.from.includes(row.status))
        throw new Problem(
          'invalid-request',
          row.status === 'dismissed'
            ? 'The set is dismissed. Reopen it first.'
            : `The set is ${row.status}: nothing is left to decide about it.`,
        );
      const fingerprint = await this.record(projectId, row, decided, effect);
      await effect.write(session, row, fingerprint);
      const changes = new SetChanges();
      changes.note(row.id, stateOf(row), { ...stateOf(row), status: effect.to });
      const options = { at: decided.at, closedBy: () => ({ type: effect.action }) };
      await this.examiner.examine(session, projectId, row.contact_ids, options, changes);
    });
  }

  /** Why a dismissed set was dismissed; null where nobody said. */
  private async reasonOf(session: Queryable, projectId: string, row: SetRow): Promise<string | null> {
    const [first] = row.contact_ids;
    if (row.dismissal === null || first === undefined) return null;
    return reasonIn(await this.dismissals.payload(session, projectId, first, row.dismissal));
  }

  /** @returns the fingerprint of the audit event */
  private async record(projectId: string, row: SetRow, decided: Decided, effect: Effect): Promise<string> {
    const [first, ...others] = row.contact_ids;
    if (first === undefined) throw new Error('A set has no contacts.');
    const isHot = row.hot_digest !== null;
    const event = decision(
      effect.action,
      projectId,
      [first, ...others],
      { duplicate_id: row.id, reason: decided.reason, ...(isHot && { hot: true }), ...effect.said },
      decided.actor,
      nsOf(decided.at),
    );
    const outcome = await this.queue.commit(event);
    if (outcome.kind === 'committed') return event.notification.fingerprint;
    throw decisionNotConfirmed();
  }
}
