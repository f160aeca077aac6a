import { Module } from '@nestjs/common';
import { DeliveriesController } from './deliveries.controller';
import { DeliveriesRepository } from './deliveries.repository';
import { DeliveriesService } from './deliveries.service';
import { EventMessages } from './event-messages';

/** What became of events for subscriptions, and what people decide about them. */
@Module({
  controllers: [DeliveriesController],
  providers: [DeliveriesRepository, DeliveriesService, EventMessages],
  exports: [EventMessages],
})
export class DeliveriesModule {}
