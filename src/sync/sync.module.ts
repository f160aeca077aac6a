import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module';
import { Config } from '../config/config';
import { ContactsModule } from '../contacts/contacts.module';
import { FollowersModule } from '../followers/followers.module';
import { MergeIntentsModule } from '../merge-intents/merge-intents.module';
import type { SinchClient } from '../sinch/sinch-client';
import { SINCH_CLIENT } from '../sinch/sinch-client';
import { SinchModule } from '../sinch/sinch.module';
import { FetchedContactsService } from './fetched-contacts.service';
import { SweepService } from './sweep.service';
import { SyncController } from './sync.controller';
import { SyncRunsRepository } from './sync-runs.repository';
import { SyncService } from './sync.service';
import { SYNC_OPTIONS, type SyncOptions, SyncWorker } from './sync-worker';

/** Reads all contacts that Sinch has, to begin with and for what its callbacks did not bring. */
@Module({
  imports: [AuditModule, ContactsModule, FollowersModule, MergeIntentsModule, SinchModule],
  controllers: [SyncController],
  providers: [
    FetchedContactsService,
    SweepService,
    SyncRunsRepository,
    SyncService,
    SyncWorker,
    {
      provide: SYNC_OPTIONS,
      useFactory: ({ sinch, reconcileEveryMs }: Config, client: SinchClient | null): SyncOptions | null =>
        sinch === null || client === null ? null : { projectId: sinch.projectId, client, reconcileEveryMs },
      inject: [Config, SINCH_CLIENT],
    },
  ],
})
export class SyncModule {}
