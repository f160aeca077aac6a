import { Module } from '@nestjs/common';
import { EventTypesController } from './event-types.controller';

/** Subscriptions of other systems to events. */
@Module({
  controllers: [EventTypesController],
})
export class OutwardModule {}
