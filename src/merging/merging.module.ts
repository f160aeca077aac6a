import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { DuplicatesModule } from '../duplicates/duplicates.module';
import { SinchModule } from '../sinch/sinch.module';
import { AutoMergesService } from './auto-merges.service';
import { MergePlansService } from './merge-plans.service';
import { MergingController } from './merging.controller';
import { MergingService } from './merging.service';
import { SetMergesService } from './set-merges.service';
import { SinchMergesService } from './sinch-merges.service';
import { WriteBackFollower } from './write-back-follower';
import { WriteBackService } from './write-back.service';

/** Merges: has Sinch do it, and keeps what it answers. */
@Module({
  imports: [AuditModule, ContactsModule, DuplicatesModule, SinchModule],
  controllers: [MergingController],
  providers: [
    AutoMergesService,
    MergePlansService,
    MergingService,
    SetMergesService,
    SinchMergesService,
    WriteBackFollower,
    WriteBackService,
  ],
})
export class MergingModule {}
