import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { LocksRepository } from '../followers/locks.repository';
import { StandingLock } from '../followers/standing-lock';
import { flatMapInTurns } from '../base/in-turns';
import { isJsonObject, type Json } from '../json/canonical.rule';
import { CommitQueue } from '../audit/commit/commit-queue';
import { FollowLoop } from '../followers/follow-loop';
import { ProjectionRefreshRepository, type MetRow, type ReadRow } from './projection-refresh.repository';
import { projectionsOf } from '../audit/commit/projections.rule';
import { SearchReadings } from '../contacts/search-readings';

/** The lock of the one process that reads rows again. */
const REFRESHER = 'projection refresh';
/** Most rows of one step, and most bytes of their snapshots. */
const stepContactsMax = 200;
const stepBytesMax = 524_288;
/** How often a process that is not the one looks whether it is finished, in ms. */
const lookPauseMs = 2_000;

/**
 * Reads again the rows that an earlier release read by other rules (`projections.rule.ts`), beside the running service.
 *
 * One process does it, step by step, each a transaction that moves on: if it is killed, another process continues there. Where the
 * readings differ in what contacts are searched by, contacts are searched by both until it is finished.
 */
@Injectable()
export class ProjectionRefreshService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(ProjectionRefreshService.name);
  private readonly loop: FollowLoop;
  private readonly lock: StandingLock;
  private afterwards: () => Promise<void> = () => Promise.resolve();
  private lookedAtMs = -Infinity;
  private isFinished = false;

  constructor(
    queue: CommitQueue,
    locks: LocksRepository,
    private readonly repository: ProjectionRefreshRepository,
    private readonly readings: SearchReadings,
  ) {
    this.lock = new StandingLock(locks, REFRESHER);
    this.loop = new FollowLoop(queue, this.logger, () => this.refreshOn());
  }

  /**
   * Begins, where there is anything to do; once.
   *
   * @param afterwards what is to be done when all rows are read by other search keys, before the refresh counts as finished;
   *   perhaps more than once
   */
  async start(afterwards: () => Promise<void>): Promise<void> {
    this.afterwards = afterwards;
    await this.refreshOn();
    if (!this.isFinished) this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
    await this.lock.release();
  }

  /** Takes one step, if it is for this process. @returns whether there may be more to do here */
  async refreshOn(): Promise<boolean> {
    if (this.isFinished) return false;
    const now = performance.now();
    if (!this.lock.wasHeld && now - this.lookedAtMs < lookPauseMs) return false;
    this.lookedAtMs = now;
    const progress = await this.repository.find();
    this.readings.isOlderAsked = !progress.is_search_finished;
    this.readings.isOlderNameAsked = !progress.is_name_search_finished;
    if (progress.is_finished) {
      this.isFinished = true;
      await this.lock.release();
      return false;
    }
    if (!(await this.lock.isOurs())) return false;
    const met = await this.repository.page(progress, stepContactsMax, stepBytesMax);
    if (met.length > 0) await this.repository.commit(progress, met, await flatMapInTurns(met, readAgain));
    else {
      if (!progress.is_search_finished) await this.afterwards();
      if (await this.repository.end())
        this.logger.log(
          `Recomputed the search columns of ${progress.contacts_read} contacts with the rules of this release.`,
        );
    }
    return true;
  }
}

function readAgain(row: MetRow): readonly ReadRow[] {
  if (row.snapshot === null) return [];
  const fields = JSON.parse(row.snapshot) as Json;
  if (!isJsonObject(fields)) throw new Error(`The snapshot of contact ${row.id} is no JSON object.`);
  return [{ row, projections: projectionsOf({ id: row.id, fields, json: row.snapshot }) }];
}
