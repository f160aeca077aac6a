import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { DuplicatesModule } from '../duplicates/duplicates.module';
import { MergeIntentsModule } from '../merge-intents/merge-intents.module';
import { SinchModule } from '../sinch/sinch.module';
import { ContactRefresherService } from './contact-refresher.service';
import { MergePlannerService } from './merge-planner.service';
import { MergingController } from './merging.controller';
import { PairMergerService } from './pair-merger.service';
import { SetMergerService } from './set-merger.service';
import { MergeAtSinchService } from './merge-at-sinch.service';
import { UnconfirmedMergesLoop } from './unconfirmed-merges-loop';

/** Merges: has Sinch do it, and keeps what it answers. */
@Module({
  imports: [AuditModule, ContactsModule, DuplicatesModule, MergeIntentsModule, SinchModule],
  controllers: [MergingController],
  providers: [
    ContactRefresherService,
    MergePlannerService,
    PairMergerService,
    SetMergerService,
    MergeAtSinchService,
    UnconfirmedMergesLoop,
  ],
  exports: [SetMergerService],
})
export class MergingModule {}
