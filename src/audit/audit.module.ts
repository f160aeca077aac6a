import { Module } from '@nestjs/common';
import { AuditExportController } from './audit-export.controller';
import { AuditController } from './audit.controller';
import { AuditRepository } from './audit.repository';
import { HistoriesRepository } from './histories.repository';
import { FollowersRepository } from './followers.repository';
import { MergesRepository } from './merges.repository';

/** Remembers: the journal, its eras, and what REST tells of it. */
@Module({
  controllers: [AuditController, AuditExportController],
  providers: [AuditRepository, FollowersRepository, HistoriesRepository, MergesRepository],
  exports: [AuditRepository, FollowersRepository, HistoriesRepository, MergesRepository],
})
export class AuditModule {}
