import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { AnomaliesController } from './anomalies.controller';
import { AnomaliesService } from './anomalies.service';
import { ChangesService } from './changes.service';
import { CommitQueue } from './commit-queue';
import { ContactsExportController } from './contacts-export.controller';
import { ContactsController } from './contacts.controller';
import { ContactsRepository } from './contacts.repository';
import { ContactsService } from './contacts.service';
import { HistoryService } from './history.service';
import { HoldingsRepository } from './holdings.repository';
import { MergesController } from './merges.controller';
import { MergesService } from './merges.service';
import { ReferencesController } from './references.controller';
import { ReferencesRepository } from './references.repository';
import { ReferencesService } from './references.service';

/** Mirrors: the commit queue writes the journal and the map, everything else here reads them. */
@Module({
  imports: [AuditModule],
  controllers: [
    ContactsController,
    ContactsExportController,
    MergesController,
    AnomaliesController,
    ReferencesController,
  ],
  providers: [
    AnomaliesService,
    ChangesService,
    CommitQueue,
    ContactsRepository,
    ContactsService,
    HistoryService,
    HoldingsRepository,
    MergesService,
    ReferencesRepository,
    ReferencesService,
  ],
  exports: [CommitQueue, ContactsRepository, ContactsService, HoldingsRepository, MergesService],
})
export class ContactsModule {}
