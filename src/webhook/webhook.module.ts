import { Module } from '@nestjs/common';
import { AccessModule } from '../access/access.module';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { FollowersModule } from '../followers/followers.module';
import { IntakeService } from './intake.service';
import { QuarantineController } from './quarantine.controller';
import { QuarantineReplaysService } from './quarantine-replays.service';
import { QuarantineRepository } from './quarantine.repository';
import { WaitingRoom } from './waiting-room';
import { WebhookController } from './webhook.controller';

/** Receives: verifies, reads and hands on what Sinch delivers, and keeps what does not apply. */
@Module({
  imports: [AccessModule, AuditModule, ContactsModule, FollowersModule],
  controllers: [WebhookController, QuarantineController],
  providers: [IntakeService, QuarantineReplaysService, QuarantineRepository, WaitingRoom],
  exports: [IntakeService],
})
export class WebhookModule {}
