import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { ChangesService } from './changes.service';
import { DerivedEventsService } from './derived-events.service';
import { FeedEndsRepository } from './feed-ends.repository';
import { FeedWatch } from './feed-watch.service';
import { HistoryController } from './history.controller';
import { HistoryService } from './history.service';

/** What a contact was, and what changes: history and feed. */
@Module({
  imports: [AuditModule, ContactsModule],
  controllers: [HistoryController],
  providers: [ChangesService, DerivedEventsService, FeedEndsRepository, FeedWatch, HistoryService],
  exports: [DerivedEventsService],
})
export class HistoryModule {}
