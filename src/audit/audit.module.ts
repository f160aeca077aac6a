import { Module } from '@nestjs/common';
import { AuditExportController } from './audit-export.controller';
import { AuditController } from './audit.controller';
import { AuditRepository } from './audit.repository';
import { CommitQueue } from './commit/commit-queue';
import { DomainEventsRepository } from './domain-events.repository';
import { HistoriesRepository } from './histories.repository';
import { TellingsRepository } from './tellings.repository';

/** The journal: the commit queue writes it, everything else here reads it. Beside it what the service itself decided. */
@Module({
  controllers: [AuditController, AuditExportController],
  providers: [AuditRepository, CommitQueue, DomainEventsRepository, HistoriesRepository, TellingsRepository],
  exports: [AuditRepository, CommitQueue, DomainEventsRepository, HistoriesRepository, TellingsRepository],
})
export class AuditModule {}
