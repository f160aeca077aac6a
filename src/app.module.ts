import { type DynamicModule, Module } from '@nestjs/common';
import { AccessModule } from './access/access.module';
import { AuditModule } from './audit/audit.module';
import { Config } from './config/config';
import { ContactsModule } from './contacts/contacts.module';
import { DatabaseAddress } from './database/database-address';
import { DatabaseModule } from './database/database.module';
import { DeliveriesModule } from './outward/deliveries.module';
import { DuplicatesModule } from './duplicates/duplicates.module';
import { SetsModule } from './matching/sets.module';
import { AutoMergeModule } from './auto-merge/auto-merge.module';
import { FollowersModule } from './followers/followers.module';
import { HistoryModule } from './history/history.module';
import { ReferencesModule } from './references/references.module';
import { WriteBackModule } from './write-back/write-back.module';
import { HttpModule } from './http/http.module';
import { IdempotencyModule } from './idempotency/idempotency.module';
import { OutwardModule } from './outward/outward.module';
import { ProjectionRefreshModule } from './projection-refresh/projection-refresh.module';
import { MergingModule } from './merging/merging.module';
import { OperationsModule } from './operations/operations.module';
import { RestModule } from './rest/rest.module';
import { StatsModule } from './stats/stats.module';
import { SyncModule } from './sync/sync.module';
import { WebhookModule } from './webhook/webhook.module';

/** The whole service; `Config` and `DatabaseAddress` can be injected everywhere. */
@Module({})
export class AppModule {
  static of(config: Config, address: DatabaseAddress): DynamicModule {
    return {
      module: AppModule,
      global: true,
      imports: [
        DatabaseModule,
        RestModule,
        AccessModule,
        IdempotencyModule,
        HttpModule,
        OperationsModule,
        AuditModule,
        FollowersModule,
        ContactsModule,
        HistoryModule,
        ProjectionRefreshModule,
        ReferencesModule,
        SetsModule,
        DuplicatesModule,
        MergingModule,
        WriteBackModule,
        AutoMergeModule,
        OutwardModule,
        StatsModule,
        SyncModule,
        WebhookModule,
        DeliveriesModule,
      ],
      providers: [
        { provide: Config, useValue: config },
        { provide: DatabaseAddress, useValue: address },
      ],
      exports: [Config, DatabaseAddress],
    };
  }
}
