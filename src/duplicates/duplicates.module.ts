import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { ConflictsService } from './conflicts.service';
import { DecisionsService } from './decisions.service';
import { DuplicatesController, DuplicatesOverviewController } from './duplicates.controller';
import { DuplicatesFollower } from './duplicates-follower';
import { DuplicatesService } from './duplicates.service';
import { EvidenceRepository } from './evidence.repository';
import { EvidenceService } from './evidence.service';
import { ScansRepository } from './scans.repository';

/** Finds contacts that may be one and the same, and keeps the queue of those that people look at. */
@Module({
  imports: [AuditModule, ContactsModule],
  controllers: [DuplicatesController, DuplicatesOverviewController],
  providers: [
    ConflictsService,
    DecisionsService,
    DuplicatesFollower,
    DuplicatesService,
    EvidenceRepository,
    EvidenceService,
    ScansRepository,
  ],
})
export class DuplicatesModule {}
