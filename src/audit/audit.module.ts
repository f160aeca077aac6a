import { Module } from '@nestjs/common';
import { AuditExportController } from './audit-export.controller';
import { AuditController } from './audit.controller';
import { AuditRepository } from './audit.repository';
import { CommitQueue } from './commit/commit-queue';
import { HistoriesRepository } from './histories.repository';
import { TellingsRepository } from './tellings.repository';

/** The journal: the commit queue writes it, everything else here reads it. */
@Module({
  controllers: [AuditController, AuditExportController],
  providers: [AuditRepository, CommitQueue, HistoriesRepository, TellingsRepository],
  exports: [AuditRepository, CommitQueue, HistoriesRepository, TellingsRepository],
})
export class AuditModule {}
