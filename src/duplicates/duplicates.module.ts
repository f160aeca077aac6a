import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { AutoMergeJudgeService } from './auto-merge-judge.service';
import { AutoMergeStateService } from './auto-merge-state.service';
import { ComponentSetsService } from './component-sets.service';
import { ConflictsService } from './conflicts.service';
import { DecisionsService } from './decisions.service';
import { DismissalsService } from './dismissals.service';
import { DuplicatesController, DuplicatesOverviewController } from './duplicates.controller';
import { DuplicatesFollower } from './duplicates-follower';
import { DuplicatesService } from './duplicates.service';
import { EvidenceRepository } from './evidence.repository';
import { EvidenceService } from './evidence.service';
import { HotSetsService } from './hot-sets.service';
import { NeighbourhoodService } from './neighbourhood.service';
import { ScansRepository } from './scans.repository';
import { SharedValuesService } from './shared-values.service';

/** Finds contacts that may be one and the same, and keeps the queue of those that people look at. */
@Module({
  imports: [AuditModule, ContactsModule],
  controllers: [DuplicatesController, DuplicatesOverviewController],
  providers: [
    AutoMergeJudgeService,
    AutoMergeStateService,
    ComponentSetsService,
    ConflictsService,
    DecisionsService,
    DismissalsService,
    DuplicatesFollower,
    DuplicatesService,
    EvidenceRepository,
    EvidenceService,
    HotSetsService,
    NeighbourhoodService,
    ScansRepository,
    SharedValuesService,
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
