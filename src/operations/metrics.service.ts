import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { FollowersRepository } from '../audit/followers.repository';
import { CommitQueue } from '../contacts/commit-queue';
import { FOLLOWER as DUPLICATES } from '../duplicates/duplicates-follower';
import { FOLLOWER as STATS } from '../stats/stats-follower';
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
    repository: MetricsRepository,
  ) {
    collectDefaultMetrics({ register: this.registry });
    observeCommits(this.registry, queue);
    observeDeliveries(this.registry, intake);
    this.askDatabase = observeDatabase(this.registry, repository, followers, [DUPLICATES, STATS]);
  }

  /** The figures as they are now; what the database tells is left out while it does not answer. */
  async scrape(): Promise<{ readonly contentType: string; readonly text: string }> {
    await this.askDatabase();
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }
}
