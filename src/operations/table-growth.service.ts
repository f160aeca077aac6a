import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { pause } from '../base/pause';
import { describeError } from '../database/sqlstate';
import { TableGrowthRepository } from './table-growth.repository';

/** How often tables are looked for that have grown, in ms. */
const lookEveryMs = 2_000;
/** Longest pause after failures, in ms: each is twice as long as the one before. */
const pauseMaxMs = 600_000;

/**
 * Keeps what Postgres plans by up to date while tables grow: in a young mirror it would be out of date within seconds, and
 * autovacuum comes once a minute.
 */
@Injectable()
export class TableGrowthService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(TableGrowthService.name);
  private readonly closing = new AbortController();
  private looking: Promise<void> | null = null;

  constructor(private readonly tables: TableGrowthRepository) {}

  /** Begins to look; once. */
  start(): void {
    this.looking ??= this.keepLooking();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.looking;
  }

  /** @returns whether there may be another */
  private async analyzeOne(): Promise<boolean> {
    return !this.closing.signal.aborted && (await this.tables.analyzeGrownTable());
  }

  private async keepLooking(): Promise<void> {
    const { signal } = this.closing;
    for (let pauseMs = lookEveryMs; !signal.aborted;) {
      await pause(pauseMs, signal);
      try {
        while (await this.analyzeOne());
        pauseMs = lookEveryMs;
      } catch (error) {
        pauseMs = Math.min(2 * pauseMs, pauseMaxMs);
        this.logger.warn(
          `Could not analyse a table that has grown; reads may be slow until autovacuum does. Next try in ${pauseMs / 1_000} s: ${describeError(error)}.`,
        );
      }
    }
  }
}
