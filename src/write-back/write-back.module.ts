import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { FollowersModule } from '../followers/followers.module';
import { SinchModule } from '../sinch/sinch.module';
import { WriteBackFollower } from './write-back-follower';
import { WriteBackService } from './write-back.service';

/** Writes consolidated metadata back to Sinch. */
@Module({
  imports: [AuditModule, ContactsModule, FollowersModule, SinchModule],
  providers: [WriteBackFollower, WriteBackService],
})
export class WriteBackModule {}
