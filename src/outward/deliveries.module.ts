import { Module } from '@nestjs/common';
import { DeliveriesController } from './deliveries.controller';
import { DeliveriesRepository } from './deliveries.repository';
import { DeliveriesService } from './deliveries.service';
import { DestinationKindsController } from './destination-kinds.controller';
import { DryRunService } from './dry-run.service';
import { EventMessages } from './event-messages';
import { SubscriptionHealthController } from './health.controller';
import { HealthRepository } from './health.repository';
import { OldDeliveriesRepository } from './old-deliveries.repository';
import { OutwardFiguresRepository } from './outward-figures.repository';
import { OutwardMetrics } from './outward-metrics';
import { RunsController } from './runs.controller';
import { RunsRepository } from './runs.repository';
import { RunsService } from './runs.service';
import { SubscriptionSignals } from './subscription-signals';

/** What became of events for subscriptions, and what people decide about them. */
@Module({
  controllers: [
    DeliveriesController,
    DestinationKindsController,
    RunsController,
    SubscriptionHealthController,
  ],
  providers: [
    DeliveriesRepository,
    DeliveriesService,
    DryRunService,
    EventMessages,
    HealthRepository,
    OldDeliveriesRepository,
    OutwardFiguresRepository,
    OutwardMetrics,
    RunsRepository,
    RunsService,
    SubscriptionSignals,
  ],
  exports: [
    DryRunService,
    EventMessages,
    OldDeliveriesRepository,
    OutwardFiguresRepository,
    OutwardMetrics,
    RunsRepository,
    SubscriptionSignals,
  ],
})
export class DeliveriesModule {}
