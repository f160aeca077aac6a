import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { MergeIntentsRepository } from './merge-intents.repository';
import { UnconfirmedMergesService } from './unconfirmed-merges.service';

/** Remembers each merge before Sinch is asked for it, and finds out what became of it where no answer came. */
@Module({
  imports: [AuditModule, ContactsModule],
  providers: [MergeIntentsRepository, UnconfirmedMergesService],
  exports: [MergeIntentsRepository, UnconfirmedMergesService],
})
export class MergeIntentsModule {}
