import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { FollowersRepository } from './followers.repository';
import { LocksRepository } from './locks.repository';
import { JournalFollowers } from './journal-followers.service';
import { ParkedEventsController } from './parked-events.controller';
import { ParkedEventsRepository } from './parked-events.repository';

/** What follows the journal: places, locks, and the events that were parked. */
@Module({
  imports: [AuditModule],
  controllers: [ParkedEventsController],
  providers: [FollowersRepository, LocksRepository, JournalFollowers, ParkedEventsRepository],
  exports: [FollowersRepository, LocksRepository, JournalFollowers, ParkedEventsRepository],
})
export class FollowersModule {}
