import { Module } from '@nestjs/common';
import { AuditController } from './audit.controller';
import { AuditRepository } from './audit.repository';
import { MergesRepository } from './merges.repository';

/** Remembers: the journal, its eras, and what REST tells of it. */
@Module({
  controllers: [AuditController],
  providers: [AuditRepository, MergesRepository],
  exports: [AuditRepository, MergesRepository],
})
export class AuditModule {}
