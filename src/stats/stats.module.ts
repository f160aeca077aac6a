import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { FollowersModule } from '../followers/followers.module';
import { CountedContactsRepository } from './counted-contacts.repository';
import { CountsRepository } from './counts.repository';
import { StatsController } from './stats.controller';
import { StatsFollower } from './stats-follower';
import { StatsService } from './stats.service';

/** Counts contacts: how many there are of each kind, and when they were created. */
@Module({
  imports: [AuditModule, ContactsModule, FollowersModule],
  controllers: [StatsController],
  providers: [CountedContactsRepository, CountsRepository, StatsFollower, StatsService],
})
export class StatsModule {}
