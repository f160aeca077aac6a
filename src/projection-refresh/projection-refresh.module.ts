import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { FollowersModule } from '../followers/followers.module';
import { ProjectionRefreshRepository } from './projection-refresh.repository';
import { ProjectionRefreshService } from './projection-refresh.service';

/** Reads contacts again in the background when a new version searches them by other keys. */
@Module({
  imports: [AuditModule, ContactsModule, FollowersModule],
  providers: [ProjectionRefreshRepository, ProjectionRefreshService],
})
export class ProjectionRefreshModule {}
