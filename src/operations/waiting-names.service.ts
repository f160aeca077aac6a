import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { pause } from '../base/pause';
import { describeError } from '../database/sqlstate';
import { WaitingNamesRepository } from './waiting-names.repository';

/** How often names are sorted into their index, in ms. Some 4,000 may wait before a commit has to do it. */
const sortEveryMs = 1_000;
/** Longest pause after failures, in ms: each is twice as long as the one before. */
const pauseMaxMs = 600_000;

/** Sorts new names into their index, so that commits need not. Searches find them before that too, but read all that wait. */
@Injectable()
export class WaitingNamesService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(WaitingNamesService.name);
  private readonly closing = new AbortController();
  private sorting: Promise<void> | null = null;

  constructor(private readonly names: WaitingNamesRepository) {}

  /** Begins to sort; once. */
  start(): void {
    this.sorting ??= this.keepSorting();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.sorting;
  }

  private async keepSorting(): Promise<void> {
    const { signal } = this.closing;
    for (let pauseMs = sortEveryMs; ;) {
      await pause(pauseMs, signal);
      if (signal.aborted) return;
      try {
        await this.names.sortIn();
        pauseMs = sortEveryMs;
      } catch (error) {
        pauseMs = Math.min(2 * pauseMs, pauseMaxMs);
        this.logger.warn(
          `Could not sort new names into their index; deliveries may take longer. Next try in ${pauseMs / 1_000} s: ${describeError(error)}.`,
        );
      }
    }
  }
}
