import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { ReferencesController } from './references.controller';
import { ReferencesRepository } from './references.repository';
import { ReferencesService } from './references.service';

/** Records of other systems that refer to contacts. */
@Module({
  imports: [AuditModule, ContactsModule],
  controllers: [ReferencesController],
  providers: [ReferencesRepository, ReferencesService],
})
export class ReferencesModule {}
