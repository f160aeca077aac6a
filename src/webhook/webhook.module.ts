import { Module } from '@nestjs/common';
import { ContactsModule } from '../contacts/contacts.module';
import { IntakeService } from './intake.service';
import { QuarantineController } from './quarantine.controller';
import { QuarantineRepository } from './quarantine.repository';
import { WaitingRoom } from './waiting-room';
import { WebhookController } from './webhook.controller';

/** Receives: verifies, reads and hands on what Sinch delivers, and keeps what does not apply. */
@Module({
  imports: [ContactsModule],
  controllers: [WebhookController, QuarantineController],
  providers: [IntakeService, QuarantineRepository, WaitingRoom],
  exports: [IntakeService],
})
export class WebhookModule {}
