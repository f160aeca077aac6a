import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { FollowersRepository, type Hold } from '../audit/followers.repository';
import { Config } from '../config';
import { describeError } from '../database/sqlstate';
import { AutoMergeJudgeService } from '../duplicates/auto-merge-judge.service';
import { AUTO_MERGER, AutoMergeStateService } from '../duplicates/auto-merge-state.service';
import { autoMergeMembersMax } from '../duplicates/judge-auto-merge';
import { SetsRepository, type SetPlace, type SetRow } from '../duplicates/sets.repository';
import { Problem } from '../rest/problem';
import { pause } from '../pause';
import { SetMergesService } from './set-merges.service';

/** Failures one after the other at which it stops itself. */
export const failuresMax = 3;
/** The pause between two looks at the sets, in ms; a failure ends a look. */
const pollMs = 60_000;
/** Sets that are looked at together, and most pages of them in one pass. */
const pageSize = 100;
const pagesMax = 100;

/**
 * Merges sets of duplicates by the policy of AUTO_MERGE: of several replicas one, so many a day at most, every merge an event
 * of source `rule` that says by what. After three failures in a row it stops itself, until somebody has it resumed.
 */
@Injectable()
export class AutoMergesService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(AutoMergesService.name);
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;
  private failures = 0;
  /** Where the last pass ended that did not come to the end. */
  private place: SetPlace | null = null;

  constructor(
    private readonly config: Config,
    private readonly followers: FollowersRepository,
    private readonly sets: SetsRepository,
    private readonly judge: AutoMergeJudgeService,
    private readonly state: AutoMergeStateService,
    private readonly merges: SetMergesService,
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
    const hold = await this.followers.hold(AUTO_MERGER);
    if (hold === null) return;
    try {
      await this.passAlone(projectId, hold);
    } finally {
      await hold.release();
    }
  }

  private async work(projectId: string): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      await this.pass(projectId).catch((error: unknown) => {
        this.logger.warn(`Sets were not merged by rule, and will be: ${describeError(error)}.`);
      });
      await pause(pollMs, signal);
    }
  }

  private async passAlone(projectId: string, hold: Hold): Promise<void> {
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

  /** @returns whether to go on with the next set */
  private async merge(projectId: string, row: SetRow): Promise<boolean> {
    const said = { rule: ruleOf(row, this.config.autoMerge.quietSeconds) };
    try {
      await this.merges.merge(
        projectId,
        row.id,
        { survivorId: null, force: false },
        { source: 'rule', actor: AUTO_MERGER, said },
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

  private async fail(projectId: string, row: SetRow, detail: string): Promise<void> {
    this.failures += 1;
    this.logger.warn(`The set ${row.id} was not merged by rule: ${detail}`);
    if (this.failures < failuresMax) return;
    await this.state.stop(projectId, row.contact_ids, detail);
    this.failures = 0;
    this.logger.error(`Merging by rule has stopped itself after ${failuresMax} failures.`);
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
