import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { ContactsModule } from '../contacts/contacts.module';
import { FollowersModule } from '../followers/followers.module';
import { DeliveriesModule } from '../outward/deliveries.module';
import { WebhookModule } from '../webhook/webhook.module';
import { OutwardSweepService } from './outward-sweep.service';
import { HealthController } from './health.controller';
import { MetricsController } from './metrics.controller';
import { MetricsRepository } from './metrics.repository';
import { MetricsService } from './metrics.service';
import { Readiness } from './readiness';
import { TableGrowthRepository } from './table-growth.repository';
import { TableGrowthService } from './table-growth.service';
import { WaitingNamesRepository } from './waiting-names.repository';
import { WaitingNamesService } from './waiting-names.service';
import { WelcomeController } from './welcome.controller';

/** What orchestrators, load balancers and Prometheus ask, and the upkeep of the database. */
@Module({
  imports: [AuditModule, ContactsModule, DeliveriesModule, FollowersModule, WebhookModule],
  controllers: [WelcomeController, HealthController, MetricsController],
  providers: [
    OutwardSweepService,
    MetricsRepository,
    MetricsService,
    Readiness,
    TableGrowthRepository,
    TableGrowthService,
    WaitingNamesRepository,
    WaitingNamesService,
  ],
  exports: [MetricsService, Readiness],
})
export class OperationsModule {}
