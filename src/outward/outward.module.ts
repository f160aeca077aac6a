import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { HistoryModule } from '../history/history.module';
import { DeliveriesModule } from './deliveries.module';
import { DeliverySender } from './delivery-sender';
import { EventTypesController } from './event-types.controller';
import { DestinationConnector } from './destination-connector';
import { LeasesRepository } from './leases.repository';
import { OutwardWorker } from './outward-worker.service';
import { ProgressRepository } from './progress.repository';
import { SharedRunnerParts } from './runner-parts';
import { SecretRenewalService } from './secret-renewal.service';
import { StreamEndsRepository } from './stream-ends.repository';
import { StreamSource } from './stream-source';
import { StreamWatch } from './stream-watch';
import { SubscriptionSecrets } from './subscription-secrets';
import { SubscriptionsController } from './subscriptions.controller';
import { SubscriptionsRepository } from './subscriptions.repository';
import { SubscriptionsService } from './subscriptions.service';
import { TrialsService } from './trials.service';

/** Subscriptions of other systems to events. */
@Module({
  imports: [AuditModule, DeliveriesModule, HistoryModule],
  controllers: [EventTypesController, SubscriptionsController],
  providers: [
    DeliverySender,
    DestinationConnector,
    LeasesRepository,
    OutwardWorker,
    ProgressRepository,
    SecretRenewalService,
    SharedRunnerParts,
    StreamEndsRepository,
    StreamSource,
    StreamWatch,
    SubscriptionSecrets,
    SubscriptionsRepository,
    SubscriptionsService,
    TrialsService,
  ],
  exports: [DestinationConnector, SubscriptionSecrets, SubscriptionsRepository],
})
export class OutwardModule {}
