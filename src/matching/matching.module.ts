import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { ComponentSetsService } from './component-sets.service';
import { DismissalsRepository } from './dismissals.repository';
import { EvidenceRepository } from './evidence.repository';
import { SetExaminerService } from './set-examiner.service';
import { ContactValuesRepository } from './contact-values.repository';
import { HotValueSetsService } from './hot-value-sets.service';
import { ConnectedEvidenceService } from './connected-evidence.service';
import { SharedValuesService } from './shared-values.service';

/** Finds which contacts share evidence, and groups them into sets. */
@Module({
  imports: [AuditModule, ContactsModule],
  providers: [
    ComponentSetsService,
    DismissalsRepository,
    EvidenceRepository,
    SetExaminerService,
    ContactValuesRepository,
    HotValueSetsService,
    ConnectedEvidenceService,
    SharedValuesService,
  ],
  exports: [DismissalsRepository, EvidenceRepository, SetExaminerService, ContactValuesRepository],
})
export class MatchingModule {}
