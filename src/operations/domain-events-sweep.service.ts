import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { DomainEventsRepository } from '../audit/domain-events.repository';
import { pause } from '../base/pause';
import { describeError } from '../database/sqlstate';

/** How often events are looked for that are no longer kept, in ms. */
const sweepEveryMs = 3_600_000;
/** How soon it is tried again after a failure, in ms. */
const failurePauseMs = 60_000;
/** Most events of one statement, and the pause between two, in ms: others write the table meanwhile. */
const batchMax = 1_000;
const batchPauseMs = 100;

/** Removes events for subscriptions that are no longer kept, in small batches. Replicas need not take turns: an event goes once. */
@Injectable()
export class DomainEventsSweepService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(DomainEventsSweepService.name);
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;

  constructor(private readonly events: DomainEventsRepository) {}

  /** Begins to sweep; once. */
  start(): void {
    this.working ??= this.work();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.working;
  }

  /**
   * Removes all that is no longer kept.
   *
   * @param size most events of one statement
   * @throws what the database throws: what is left is removed the next time
   */
  async sweep(size = batchMax): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted && (await this.events.removeOld(size)) > 0) await pause(batchPauseMs, signal);
  }

  private async work(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        await this.sweep();
        await pause(sweepEveryMs, signal);
      } catch (error) {
        if (this.closing.signal.aborted) return;
        this.logger.warn(
          `Could not remove old events for subscriptions; will retry: ${describeError(error)}.`,
        );
        await pause(failurePauseMs, signal);
      }
    }
  }
}
