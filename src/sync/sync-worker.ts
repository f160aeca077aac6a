import { Inject, Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { LocksRepository } from '../followers/locks.repository';
import { StandingLock } from '../followers/standing-lock';
import { describeError, isDatabaseAway } from '../database/sqlstate';
import { pause } from '../base/pause';
import { Waker } from '../base/waker';
import type { SinchClient } from '../sinch/sinch-client';
import { RunLost, SweepService } from './sweep.service';
import { SyncFailure } from './sync-failure';
import { type SyncRun, SyncRunsRepository } from './sync-runs.repository';
import { WAIT_LIMITS, type WaitLimits } from './ask-with-retries';

/** How often a run is looked for without a nudge, in ms: another replica or the command line may have asked for one. */
const pollMs = 1_000;
/** How often it is looked whether the run at work is still this process's, in ms. */
const watchMs = 1_000;
const failurePauseMs = 1_000;

/** The actor of what `RECONCILE_EVERY` asks for. */
const SCHEDULE = 'schedule';

/** Whose contacts are swept, and how. */
export interface SyncOptions {
  readonly projectId: string;
  readonly client: SinchClient;
  /** How often a reconcile is asked for, in ms; null: only by people. */
  readonly reconcileEveryMs: number | null;
  readonly retryLimits?: WaitLimits;
}

/** The options by which the worker is injected; null where nothing is configured to ask Sinch with. */
export const SYNC_OPTIONS = Symbol('SyncOptions');

/**
 * Works at the runs of the configured project, in the background.
 *
 * Of all processes one does, by a lock that it keeps as long as it lives: a service, else a command. Where a run stands is in
 * the table, so the next process continues there.
 */
@Injectable()
export class SyncWorker implements BeforeApplicationShutdown {
  private readonly logger = new Logger(SyncWorker.name);
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;
  /** Null without access to Sinch. */
  private readonly lock: StandingLock | null;
  private readonly waker = new Waker();
  private nudges = 0;

  constructor(
    @Inject(SYNC_OPTIONS) private readonly options: SyncOptions | null,
    locks: LocksRepository,
    private readonly runs: SyncRunsRepository,
    private readonly sweep: SweepService,
  ) {
    this.lock = options && new StandingLock(locks, `sync ${options.projectId}`);
  }

  /** Whether this process was the one to work when it last looked. */
  get isHolding(): boolean {
    return this.lock?.wasHeld ?? false;
  }

  /** Begins to work; once. Without access to Sinch there is nothing to do. */
  start(): void {
    if (this.options !== null) this.working ??= this.work();
  }

  /** Looks for a run immediately, and checks the current one. */
  nudge(): void {
    this.nudges += 1;
    this.waker.wake();
  }

  /** Breaks off, keeping its place. */
  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.working;
    await this.lock?.release();
  }

  /** Whether it is for this process to work; false while another is there to do it. */
  async isWorker(): Promise<boolean> {
    return (await this.lock?.isOurs()) ?? false;
  }

  /**
   * Works at the run that is under way, if it is for this process to do so, until the run ends or has to wait.
   *
   * @returns whether there was one
   * @throws what the database throws while it is unavailable; the run then continues where it was
   */
  async workOn(): Promise<boolean> {
    const { options } = this;
    if (options === null || !(await this.isWorker())) return false;
    const run = await this.runs.begin(options.projectId);
    if (run === null) return false;
    this.logger.log(
      `Run ${run.id}, ${run.mode}, ${run.pages === 0 ? 'begins' : `continues after ${run.pages} pages`}.`,
    );
    const lost = new AbortController();
    const watch = setInterval(() => {
      this.watch(run).catch(() => {
        lost.abort();
      });
    }, watchMs);
    try {
      const signal = AbortSignal.any([this.closing.signal, lost.signal]);
      await this.sweepOn(run, options, signal);
    } finally {
      clearInterval(watch);
    }
    await this.runs.forgetSeen(this.closing.signal);
    return true;
  }

  private async work(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      const nudged = this.nudges;
      try {
        await this.schedule();
        const hasWorked = await this.workOn();
        if (!hasWorked && this.nudges === nudged) await this.waker.pause(pollMs, signal);
      } catch (error) {
        if (this.closing.signal.aborted) break;
        this.logger.warn(`The sync worker failed and will retry: ${describeError(error)}.`);
        await pause(failurePauseMs, signal);
      }
    }
  }

  private async schedule(): Promise<void> {
    const { options } = this;
    if (options === null || options.reconcileEveryMs === null || !(await this.isWorker())) return;
    await this.runs.schedule(options.projectId, options.reconcileEveryMs, SCHEDULE);
  }

  /** @throws RunLost when the run at work is no longer this process's */
  private async watch(run: SyncRun): Promise<void> {
    const [isHeld, now] = await Promise.all([
      this.lock?.isHeldStill(),
      this.runs.find(run.project_id, run.id),
    ]);
    if (isHeld !== true || now?.state !== 'running')
      throw new RunLost('The run was cancelled, or another process continues it.');
  }

  private async sweepOn(
    run: SyncRun,
    { client, retryLimits }: SyncOptions,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const ended = await this.sweep.work(run, client, retryLimits ?? WAIT_LIMITS, signal);
      this.logger.log(`Run ${run.id}, ${run.mode}: ${ended.state}.`);
    } catch (error) {
      if (signal.aborted || error instanceof RunLost) {
        this.logger.log(`Run ${run.id}, ${run.mode}, stops here and will continue later.`);
      } else if (isDatabaseAway(error)) {
        throw error;
      } else {
        await this.fail(run, error);
      }
    }
  }

  private async fail(run: SyncRun, error: unknown): Promise<void> {
    const isTold = error instanceof SyncFailure;
    if (isTold) this.logger.warn(`Run ${run.id}, ${run.mode}, failed: ${error.message}`);
    else this.logger.error(`Run ${run.id}, ${run.mode}, failed: ${describeError(error)}`, error);
    const now = await this.runs.find(run.project_id, run.id);
    if (now !== null)
      await this.runs.settle(now, 'failed', isTold ? error.message : 'The service failed: see its log.');
  }
}
