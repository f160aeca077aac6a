import { Module } from '@nestjs/common';
import { AuditController } from './audit.controller';
import { AuditRepository } from './audit.repository';
import { FollowersRepository } from './followers.repository';
import { MergesRepository } from './merges.repository';

/** Remembers: the journal, its eras, and what REST tells of it. */
@Module({
  controllers: [AuditController],
  providers: [AuditRepository, FollowersRepository, MergesRepository],
  exports: [AuditRepository, FollowersRepository, MergesRepository],
})
export class AuditModule {}
