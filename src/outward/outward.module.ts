import { Module } from '@nestjs/common';
import { DestinationConnector } from './destination-connector';
import { SecretRenewalService } from './secret-renewal.service';
import { SubscriptionSecrets } from './subscription-secrets';
import { SubscriptionsController } from './subscriptions.controller';
import { SubscriptionsRepository } from './subscriptions.repository';
import { SubscriptionsService } from './subscriptions.service';

/** Subscriptions of other systems to events. */
@Module({
  controllers: [SubscriptionsController],
  providers: [
    DestinationConnector,
    SecretRenewalService,
    SubscriptionSecrets,
    SubscriptionsRepository,
    SubscriptionsService,
  ],
  exports: [DestinationConnector, SubscriptionSecrets, SubscriptionsRepository],
})
export class OutwardModule {}
