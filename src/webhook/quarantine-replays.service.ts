import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { LocksRepository } from '../followers/locks.repository';
import { Config } from '../config/config';
import { describeError } from '../database/sqlstate';
import { pause } from '../base/pause';
import { IntakeService } from './intake.service';
import { QuarantineRepository } from './quarantine.repository';

/** How often it is looked for deliveries whose time has come, in ms. */
const pollMs = 2_000;
/** Pause after a failure, in ms. */
const failurePauseMs = 5_000;
/** Most deliveries of one turn; they are read one by one, so of their bodies one is in memory. */
const batchMax = 100;
/** The lock's name, and who settled the deliveries. */
const NAME = 'automatic replay';

/**
 * Replays quarantined deliveries whose time has come: events accepted in the future by our clock, and those that were kept
 * only because our clock was wrong and now is right.
 *
 * Of all replicas one does, a batch at a time, in order of time.
 */
@Injectable()
export class QuarantineReplaysService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(QuarantineReplaysService.name);
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;

  constructor(
    private readonly config: Config,
    private readonly locks: LocksRepository,
    private readonly quarantine: QuarantineRepository,
    private readonly intake: IntakeService,
  ) {}

  /** Begins; once. */
  start(): void {
    this.working ??= this.work();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.working;
  }

  /**
   * Replays one batch of those whose time has come.
   *
   * @returns whether there may be more; false too when another replica is at it
   * @throws Problem `unavailable`, and what the database throws: what is not replayed then stays open
   */
  async replayDue(now: Date): Promise<boolean> {
    if ((await this.dueAt(now, 1)).length === 0) return false;
    const count = await this.locks.exclusively(NAME, false, async () => {
      const ids = await this.dueAt(now, batchMax);
      for (const id of ids) if (!this.closing.signal.aborted) await this.replay(id, now);
      return ids.length;
    });
    if (count !== null) this.logger.log(`Replayed ${count} quarantined deliveries that were due`);
    return count === batchMax;
  }

  private dueAt(now: Date, size: number): Promise<readonly string[]> {
    const timestampMin = Math.ceil(now.getTime() / 1_000) - this.config.webhookMaxAgeSeconds;
    return this.quarantine.due(now, timestampMin, size);
  }

  private async replay(id: string, now: Date): Promise<void> {
    const delivery = await this.quarantine.find(id, null);
    if (delivery?.state !== 'open') return;
    const refusal = await this.intake.replay(delivery, null, now);
    if (refusal === null) await this.quarantine.settle(id, 'replayed', NAME);
    else await this.quarantine.postpone(id, refusal.reason, refusal.detail, refusal.dueAt);
  }

  private async work(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      try {
        if (!(await this.replayDue(new Date()))) await pause(pollMs, signal);
      } catch (error) {
        if (this.closing.signal.aborted) return;
        this.logger.warn(
          `Automatic replay of quarantined deliveries failed; will retry: ${describeError(error)}`,
        );
        await pause(failurePauseMs, signal);
      }
    }
  }
}
