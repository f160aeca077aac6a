import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsExportController } from './contacts-export.controller';
import { ContactsController } from './contacts.controller';
import { ContactsRepository } from './contacts.repository';
import { ContactsService } from './contacts.service';
import { AnomaliesController } from './merges/anomalies.controller';
import { AnomaliesService } from './merges/anomalies.service';
import { MergesController } from './merges/merges.controller';
import { MergesRepository } from './merges/merges.repository';
import { MergesService } from './merges/merges.service';
import { SearchReadings } from './search-readings';

/** The contacts of the mirror and their merges. */
@Module({
  imports: [AuditModule],
  controllers: [ContactsController, ContactsExportController, MergesController, AnomaliesController],
  providers: [
    AnomaliesService,
    ContactsRepository,
    ContactsService,
    MergesRepository,
    MergesService,
    SearchReadings,
  ],
  exports: [ContactsRepository, ContactsService, MergesRepository, MergesService, SearchReadings],
})
export class ContactsModule {}
