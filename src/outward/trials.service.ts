import { Injectable } from '@nestjs/common';
import { Config } from '../config/config';
import { Problem } from '../rest/problems/problem';
import { DeliverySender } from './delivery-sender';
import { DryRunService } from './dry-run.service';
import type { EventType } from './event-types.rule';
import { exampleOf } from './example-of';
import { readFilter } from './read-filter.rule';
import { readSubscription } from './read-subscription.rule';
import { renderBody } from './render-body.rule';
import { SCHEMA_VERSIONS, SUBSCRIPTION_DEFAULTS } from './subscription.rule';
import type { SubscriptionBody } from './subscriptions.dto';
import { SubscriptionsRepository } from './subscriptions.repository';
import { SubscriptionsService } from './subscriptions.service';
import { TestDelivery, type TestResult } from './test-delivery';
import type { DryRunObject } from './trials.dto';

/** Shows what a subscription does, before it does it. */
@Injectable()
export class TrialsService {
  private readonly tests: TestDelivery;

  constructor(
    private readonly subscriptions: SubscriptionsService,
    private readonly rows: SubscriptionsRepository,
    private readonly dryRuns: DryRunService,
    private readonly config: Config,
    sender: DeliverySender,
  ) {
    this.tests = new TestDelivery({
      exampleOf: ({ projectId }, type) => exampleOf(type, projectId),
      requestOf: (subscription, message) => sender.requestOf(subscription, message),
      send: (request) => sender.sendRequest(request),
      nowMs: () => performance.now(),
    });
  }

  /**
   * Checks what would be created, and tries its filter on what happened last. Nothing is created or sent.
   *
   * @throws Problem as `SubscriptionsService.create`
   */
  async dryRun(projectId: string, body: SubscriptionBody): Promise<DryRunObject> {
    const given = await this.subscriptions.read(body);
    const { filter } = readFilter(given.filter, body.purpose);
    if (filter === null) throw new Error('The filter was checked');
    const { scanned, matched, examples } = await this.dryRuns.run(projectId, filter);
    const mode = body.mode ?? SUBSCRIPTION_DEFAULTS.mode;
    const version = body.schema_version ?? SCHEMA_VERSIONS[0];
    const bodies = examples.map(
      (message) => JSON.parse(renderBody(message, mode, version, this.config.publicUrl).toString()) as object, // as written
    );
    return { scanned, matched, examples: bodies };
  }

  /** Sends one example to a subscription. @throws Problem `not-found`, `rate-limited` */
  async test(projectId: string, id: string, type: EventType): Promise<TestResult> {
    const row = await this.rows.find(projectId, id);
    if (row === null) throw new Problem('not-found', 'Subscription not found in this project.');
    return this.tests.send(readSubscription(row), type);
  }
}
