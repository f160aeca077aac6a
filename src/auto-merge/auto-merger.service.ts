import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { FollowersRepository } from '../followers/followers.repository';
import { LocksRepository, type Hold } from '../followers/locks.repository';
import { Config } from '../config/config';
import { describeError } from '../database/sqlstate';
import { AutoMergeJudgeService } from '../duplicates/auto-merge/auto-merge-judge.service';
import { AUTO_MERGER, AutoMergeStateService } from '../duplicates/auto-merge/auto-merge-state.service';
import { FOLLOWER } from '../duplicates/follower-name';
import { autoMergeMembersMax } from '../duplicates/auto-merge/judge-auto-merge.rule';
import { SetsRepository, type SetPlace, type SetRow } from '../matching/sets.repository';
import { Problem } from '../rest/problems/problem';
import { pause } from '../base/pause';
import { SetMergerService } from '../merging/set-merger.service';

/** Failures one after the other at which it stops itself. */
export const failuresMax = 3;
/** The pause between two looks at the sets, in ms; a failure ends a look. */
const pollMs = 60_000;
/** How far the follower of duplicates may be behind when merging by rule begins, in seconds; it is asked so often. */
const lagMaxSeconds = 30;
const caughtUpPollMs = 1_000;
/** Sets that are looked at together, and most pages of them in one pass. */
const pageSize = 100;
const pagesMax = 100;

/**
 * Merges sets of duplicates by the policy of AUTO_MERGE: of several replicas one, so many a day at most, every merge an event
 * of source `rule` that says by what. After three failures in a row it stops itself, until somebody has it resumed.
 */
@Injectable()
export class AutoMergerService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(AutoMergerService.name);
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;
  private failures = 0;
  /** Where the last pass ended that did not come to the end. */
  private place: SetPlace | null = null;

  constructor(
    private readonly config: Config,
    private readonly locks: LocksRepository,
    private readonly followers: FollowersRepository,
    private readonly sets: SetsRepository,
    private readonly judge: AutoMergeJudgeService,
    private readonly state: AutoMergeStateService,
    private readonly merges: SetMergerService,
  ) {}

  /** Begins to merge by rule, if the policy says so; once. */
  start(): void {
    const { autoMerge, sinch } = this.config;
    if (autoMerge.policy === 'auto' && sinch !== null) this.working ??= this.work(sinch.projectId);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.working;
  }

  /** Merges what is to be merged now, unless another replica is at it. */
  async pass(projectId: string): Promise<void> {
    const hold = await this.locks.hold(AUTO_MERGER);
    if (hold === null) return;
    try {
      await this.passUnderLock(projectId, hold);
    } finally {
      await hold.release();
    }
  }

  private async work(projectId: string): Promise<void> {
    const { signal } = this.closing;
    await this.untilReady(signal);
    while (!signal.aborted) {
      await this.pass(projectId).catch((error: unknown) => {
        this.logger.warn(`Automatic merging failed; will retry: ${describeError(error)}.`);
      });
      await pause(pollMs, signal);
    }
  }

  /**
   * Waits until what happened while the service was down is known: callbacks that Sinch could not deliver come again for a
   * while, and the follower has to look at them.
   */
  private async untilReady(signal: AbortSignal): Promise<void> {
    await pause(this.config.autoMerge.graceSeconds * 1000, signal);
    while (!signal.aborted && !(await this.hasCaughtUp())) await pause(caughtUpPollMs, signal);
  }

  private async hasCaughtUp(): Promise<boolean> {
    try {
      return (await this.followers.lag(FOLLOWER)).seconds <= lagMaxSeconds;
    } catch (error) {
      this.logger.warn(
        `Could not read the lag of duplicates; automatic merging waits: ${describeError(error)}.`,
      );
      return false;
    }
  }

  private async passUnderLock(projectId: string, hold: Hold): Promise<void> {
    // eslint-disable-next-line no-restricted-syntax -- compared with times that are kept, by the clock on the wall
    const until = new Date(Date.now() - this.config.autoMerge.quietSeconds * 1000);
    for (let page = 0; page < pagesMax; page++) {
      const rows = await this.sets.due(projectId, until, autoMergeMembersMax, this.place, pageSize);
      const judged = await this.judge.judge(projectId, rows);
      for (const [at, row] of rows.entries()) {
        if (judged[at]?.fits !== true) continue;
        if (this.closing.signal.aborted || !(await hold.isHeld())) return;
        if (!(await this.mayMerge(projectId, row)) || !(await this.merge(projectId, row))) return;
      }
      const last = rows.at(-1);
      this.place = rows.length < pageSize || last === undefined ? null : placeOf(last);
      if (this.place === null) return;
    }
  }

  /** Whether it is not stopped, and the day has so many merges left. */
  private async mayMerge(projectId: string, { contact_count: count }: SetRow): Promise<boolean> {
    const now = await this.state.find(projectId);
    return now.state === 'acting' && now.merged_last_day + count - 1 <= now.daily_max;
  }

  /** @returns whether to continue with the next set */
  private async merge(projectId: string, row: SetRow): Promise<boolean> {
    const said = { rule: ruleOf(row, this.config.autoMerge.quietSeconds) };
    try {
      await this.merges.merge(
        projectId,
        row.id,
        { survivorId: null, force: false, mayMerge: () => this.fits(projectId, row.id) },
        { source: 'rule', actor: AUTO_MERGER, said, requestId: null },
      );
      this.failures = 0;
      return true;
    } catch (error) {
      // the set is not what it was when it was judged
      if (error instanceof Problem && error.status < 500) return true;
      await this.fail(projectId, row, error instanceof Problem ? error.detail : describeError(error));
      return false;
    }
  }

  /** Whether a set fits by what is known of it now. */
  private async fits(projectId: string, id: string): Promise<boolean> {
    const row = await this.sets.find(projectId, id);
    const [judged] = row === null ? [] : await this.judge.judge(projectId, [row]);
    return judged?.fits === true;
  }

  private async fail(projectId: string, row: SetRow, detail: string): Promise<void> {
    this.failures += 1;
    this.logger.warn(`Automatic merge of set ${row.id} failed: ${detail}`);
    if (this.failures < failuresMax) return;
    await this.state.stop(projectId, row.contact_ids, detail);
    this.failures = 0;
    this.logger.error(
      `Automatic merging stopped after ${failuresMax} failures. Resume it with POST …/duplicates:resumeAutoMerge.`,
    );
  }
}

/** What made the merges, for the audit events. */
function ruleOf(row: SetRow, quietSeconds: number): object {
  return {
    name: AUTO_MERGER,
    contact_ids: row.contact_ids,
    reasons: row.reasons,
    channels: row.channels,
    report_count: row.report_count,
    last_seen_at: row.last_seen_at.toISOString(),
    quiet_seconds: quietSeconds,
  };
}

function placeOf(row: SetRow): SetPlace {
  return [row.last_seen_at.toISOString(), row.id];
}
