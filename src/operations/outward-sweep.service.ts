import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { DomainEventsRepository } from '../audit/domain-events.repository';
import { pause } from '../base/pause';
import { describeError } from '../database/sqlstate';
import { OldDeliveriesRepository } from '../outward/old-deliveries.repository';

/** How often rows are looked for that are no longer kept, in ms. */
const sweepEveryMs = 3_600_000;
/** How soon it is tried again after a failure, in ms. */
const failurePauseMs = 60_000;
/** Most rows of one statement, and the pause between two, in ms: others write the table meanwhile. */
const batchMax = 1_000;
const batchPauseMs = 100;

/** Removes events for subscriptions and deliveries that are no longer kept, in small batches. Replicas need not take turns: a row goes once. */
@Injectable()
export class OutwardSweepService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(OutwardSweepService.name);
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;

  constructor(
    private readonly events: DomainEventsRepository,
    private readonly deliveries: OldDeliveriesRepository,
  ) {}

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
   * @param size most rows of one statement
   * @throws what the database throws: what is left is removed the next time
   */
  async sweep(size = batchMax): Promise<void> {
    const { signal } = this.closing;
    for (const kept of [this.events, this.deliveries])
      while (!signal.aborted && (await kept.removeOld(size)) > 0) await pause(batchPauseMs, signal);
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
          `Could not remove old events and deliveries of subscriptions; will retry: ${describeError(error)}.`,
        );
        await pause(failurePauseMs, signal);
      }
    }
  }
}
