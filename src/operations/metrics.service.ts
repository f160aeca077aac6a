import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { FollowersRepository } from '../followers/followers.repository';
import { ParkedEventsRepository } from '../followers/parked-events.repository';
import { CommitQueue } from '../audit/commit/commit-queue';
import { FOLLOWER as DUPLICATES } from '../duplicates/follower-name';
import { OutwardFiguresRepository } from '../outward/outward-figures.repository';
import { OutwardMetrics } from '../outward/outward-metrics';
import { FOLLOWER as STATS } from '../stats/stats-follower';
import { PROGRAM } from '../version';
import { IntakeService } from '../webhook/intake.service';
import { observeCommits } from './metrics/observe-commits';
import { observeDatabase } from './metrics/observe-database';
import { observeDeliveries } from './metrics/observe-deliveries';
import { MetricsRepository } from './metrics.repository';

/** What operators watch, in the text format of Prometheus. */
@Injectable()
export class MetricsService {
  /** Of this service alone: several in one process do not share figures. */
  readonly registry = new Registry();
  private readonly askDatabase: () => Promise<void>;

  constructor(
    queue: CommitQueue,
    intake: IntakeService,
    followers: FollowersRepository,
    parked: ParkedEventsRepository,
    repository: MetricsRepository,
    outward: OutwardMetrics,
    outwardFigures: OutwardFiguresRepository,
  ) {
    collectDefaultMetrics({ register: this.registry });
    const build = new Gauge({
      name: 'mirror_build_info',
      help: 'Which release runs, on which Node.js; always 1.',
      labelNames: ['version', 'node'],
      registers: [this.registry],
    });
    build.set({ version: PROGRAM.version, node: process.version }, 1);
    observeCommits(this.registry, queue);
    observeDeliveries(this.registry, intake);
    outward.register(this.registry);
    this.askDatabase = observeDatabase(this.registry, {
      repository,
      lags: followers,
      parked,
      outward: outwardFigures,
      followers: [DUPLICATES, STATS],
    });
  }

  /** The figures as they are now; what the database tells is left out while it does not answer. */
  async scrape(): Promise<{ readonly contentType: string; readonly text: string }> {
    await this.askDatabase();
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }
}
