import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/config';
import { describeError } from '../database/sqlstate';
import { pause } from '../base/pause';
import { MergeIntentsRepository } from '../merge-intents/merge-intents.repository';
import { PairMergerService } from './pair-merger.service';

/** The pause between two looks, in ms, and most merges of one look. */
const pollMs = 15_000;
const batchMax = 100;

/** Asks after merges whose outcome is unknown, from the start on: those that a process left which was killed are among them. */
@Injectable()
export class UnconfirmedMergesLoop implements BeforeApplicationShutdown {
  private readonly logger = new Logger(UnconfirmedMergesLoop.name);
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;

  constructor(
    private readonly config: Config,
    private readonly intents: MergeIntentsRepository,
    private readonly merging: PairMergerService,
  ) {}

  /** Begins to ask, where Sinch can be asked; once. */
  start(): void {
    const { sinch } = this.config;
    if (sinch !== null) this.working ??= this.work(sinch.projectId);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.closing.abort();
    await this.working;
  }

  private async work(projectId: string): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      await this.look(projectId, signal).catch((error: unknown) => {
        this.logger.warn(
          `Could not check merges whose answer from Sinch was lost; will retry: ${describeError(error)}.`,
        );
      });
      await pause(pollMs, signal);
    }
  }

  private async look(projectId: string, signal: AbortSignal): Promise<void> {
    for (const intent of await this.intents.open(projectId, batchMax)) {
      if (signal.aborted) return;
      await this.merging.settle(projectId, intent, signal);
    }
  }
}
