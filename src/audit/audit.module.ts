import { Module } from '@nestjs/common';
import { AuditController } from './audit.controller';
import { AuditRepository } from './audit.repository';
import { FollowersRepository } from './followers.repository';

/** Remembers: the journal, its eras, and what REST tells of it. */
@Module({
  controllers: [AuditController],
  providers: [AuditRepository, FollowersRepository],
  exports: [AuditRepository, FollowersRepository],
})
export class AuditModule {}
