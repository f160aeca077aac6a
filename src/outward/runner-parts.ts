import { Injectable, Logger } from '@nestjs/common';
import { DeliverySender } from './delivery-sender';
import { EventMessages } from './event-messages';
import type { Lease } from './leases.repository';
import { OutwardMetrics } from './outward-metrics';
import { ProgressRepository } from './progress.repository';
import { RunReader } from './run-reader';
import { RunsRepository } from './runs.repository';
import { SocketBudget } from './socket-budget';
import { StreamSource } from './stream-source';
import { StreamWatch } from './stream-watch';
import type { Subscription } from './subscription.rule';
import { REAL_PACE, type RunnerParts } from './subscription-runner';
import { Tap } from './tap';

/** What all subscriptions of a process are worked on with: one tap, one sender, one share of sockets. */
@Injectable()
export class SharedRunnerParts {
  private readonly logger = new Logger('Outward');
  private readonly tap: Tap;
  private readonly runReader: RunReader;
  private readonly sockets = new SocketBudget();

  constructor(
    private readonly progress: ProgressRepository,
    private readonly watch: StreamWatch,
    private readonly sender: DeliverySender,
    private readonly metrics: OutwardMetrics,
    private readonly runs: RunsRepository,
    source: StreamSource,
    messages: EventMessages,
  ) {
    this.tap = new Tap(source);
    this.runReader = new RunReader(runs, this.tap);
    messages.useReader(this.tap);
  }

  /** @param find the subscription of a lease as it is now; null where it is not active */
  with(find: (lease: Lease) => Promise<Subscription | null>): RunnerParts {
    return {
      reader: this.tap,
      progress: this.progress,
      watch: this.watch,
      sockets: this.sockets,
      send: this.sender.send,
      runs: {
        running: (projectId, subscriptionId) => this.runs.running(projectId, subscriptionId),
        next: (run, runFor, size) => this.runReader.next(run, runFor, size),
      },
      metrics: this.metrics,
      find,
      pace: REAL_PACE,
      logger: this.logger,
    };
  }

  /** Ends the connections to destinations. */
  close(): Promise<void> {
    return this.sender.close();
  }
}
