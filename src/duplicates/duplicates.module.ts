import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { FollowersModule } from '../followers/followers.module';
import { MatchingModule } from '../matching/matching.module';
import { AutoMergeJudgeService } from './auto-merge/auto-merge-judge.service';
import { AutoMergeStateService } from './auto-merge/auto-merge-state.service';
import { ConflictsService } from './conflicts.service';
import { DecisionsService } from './decisions.service';
import { DismissalsService } from './dismissals.service';
import { DuplicatesController, DuplicatesOverviewController } from './duplicates.controller';
import { DuplicatesFollower } from './duplicates-follower';
import { DuplicatesService } from './duplicates.service';
import { ScanService } from './scan.service';
import { ScansRepository } from './scans.repository';
import { SetMembersService } from './set-members.service';
import { SetViewsService } from './set-views.service';
import { SummaryService } from './summary.service';

/** Finds contacts that may be one and the same, and keeps the queue of those that people look at. */
@Module({
  imports: [AuditModule, ContactsModule, FollowersModule, MatchingModule],
  controllers: [DuplicatesController, DuplicatesOverviewController],
  providers: [
    AutoMergeJudgeService,
    AutoMergeStateService,
    ConflictsService,
    DecisionsService,
    DismissalsService,
    DuplicatesFollower,
    DuplicatesService,
    ScanService,
    ScansRepository,
    SetMembersService,
    SetViewsService,
    SummaryService,
  ],
  exports: [
    AutoMergeJudgeService,
    AutoMergeStateService,
    DecisionsService,
    DismissalsService,
    DuplicatesService,
  ],
})
export class DuplicatesModule {}
