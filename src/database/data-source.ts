import { Logger } from '@nestjs/common';
import type { ClientBase } from 'pg';
import type { DataSourceOptions } from 'typeorm';
import { Mirror1764000000000 } from '../../migrations/1764000000000-mirror';
import { Merges1764100000000 } from '../../migrations/1764100000000-merges';
import { References1764200000000 } from '../../migrations/1764200000000-references';
import { Duplicates1764300000000 } from '../../migrations/1764300000000-duplicates';
import { LookUps1764350000000 } from '../../migrations/1764350000000-look-ups';
import { Fetched1764400000000 } from '../../migrations/1764400000000-fetched';
import { SyncRuns1764410000000 } from '../../migrations/1764410000000-sync-runs';
import { Stats1764500000000 } from '../../migrations/1764500000000-stats';
import { ApiKeys1764600000000 } from '../../migrations/1764600000000-api-keys';
import { Reader1764600100000 } from '../../migrations/1764600100000-reader';
import { IdempotentRequests1764600200000 } from '../../migrations/1764600200000-idempotent-requests';
import { EventsByType1764700000000 } from '../../migrations/1764700000000-events-by-type';
import { ParkedEvents1764820000000 } from '../../migrations/1764820000000-parked-events';
import { DuplicateWarnings1764820100000 } from '../../migrations/1764820100000-duplicate-warnings';
import { Precedents1764830000000 } from '../../migrations/1764830000000-precedents';
import { MergeIntents1764850100000 } from '../../migrations/1764850100000-merge-intents';
import { NormalProjections1764860000000 } from '../../migrations/1764860000000-normal-projections';
import { DeliveryDigest1764870000000 } from '../../migrations/1764870000000-delivery-digest';
import { DueDeliveries1764870100000 } from '../../migrations/1764870100000-due-deliveries';
import { SyncWaits1764880000000 } from '../../migrations/1764880000000-sync-waits';
import { IdentityPhones1764900000000 } from '../../migrations/1764900000000-identity-phones';
import { DueFutureTimes1764910000000 } from '../../migrations/1764910000000-due-future-times';
import { SqlViews1764920000000 } from '../../migrations/1764920000000-sql-views';
import { Comments1764930000000 } from '../../migrations/1764930000000-comments';
import { SyncCounts1764940000000 } from '../../migrations/1764940000000-sync-counts';
import { SharedValueContact1764945000000 } from '../../migrations/1764945000000-shared-value-contact';
import { FourthReading1764946000000 } from '../../migrations/1764946000000-fourth-reading';
import { ContactValues1764950000000 } from '../../migrations/1764950000000-contact-values';
import { Growth1764990000000 } from '../../migrations/1764990000000-growth';
import { DuplicateCounts1765000000000 } from '../../migrations/1765000000000-duplicate-counts';
import { MergedContacts1765000100000 } from '../../migrations/1765000100000-merged-contacts';
import { WaitingKeys1765100000000 } from '../../migrations/1765100000000-waiting-keys';
import { Outward1765200000000 } from '../../migrations/1765200000000-outward';
import { Deliveries1765210000000 } from '../../migrations/1765210000000-deliveries';
import { PostgresClient } from './postgres-client';
import { serviceConnection, workAs } from './session';
import { describeError } from './sqlstate';

const logger = new Logger('Database');

/** Every migration, oldest first. Migrations alone make schema. */
const MIGRATIONS = [
  Mirror1764000000000,
  Merges1764100000000,
  References1764200000000,
  Duplicates1764300000000,
  LookUps1764350000000,
  Fetched1764400000000,
  SyncRuns1764410000000,
  Stats1764500000000,
  ApiKeys1764600000000,
  Reader1764600100000,
  IdempotentRequests1764600200000,
  EventsByType1764700000000,
  ParkedEvents1764820000000,
  DuplicateWarnings1764820100000,
  Precedents1764830000000,
  MergeIntents1764850100000,
  NormalProjections1764860000000,
  DeliveryDigest1764870000000,
  DueDeliveries1764870100000,
  SyncWaits1764880000000,
  IdentityPhones1764900000000,
  DueFutureTimes1764910000000,
  SqlViews1764920000000,
  Comments1764930000000,
  SyncCounts1764940000000,
  SharedValueContact1764945000000,
  FourthReading1764946000000,
  ContactValues1764950000000,
  Growth1764990000000,
  DuplicateCounts1765000000000,
  MergedContacts1765000100000,
  WaitingKeys1765100000000,
  Outward1765200000000,
  Deliveries1765210000000,
];

/** Most connections of the pool, and longest waits for one and for its answer. */
const poolConnectionsMax = 10;
const connectTimeoutMs = 3_000;
const readTimeoutMs = 10_000;
/** Longest wait for the server's answer, in ms: longer than the server's own limit, for connections that hang. */
const silenceMaxMs = 12_000;
/** Longest wait of a migration for the locks of others, in ms: anyone who comes after it waits as long. */
const migrationLockTimeoutMs = 30_000;

const COMMON = {
  type: 'postgres',
  connectTimeoutMS: connectTimeoutMs,
  synchronize: false,
  installExtensions: false,
  logging: false,
  // an idle connection that Postgres ends is replaced when one is needed
  poolErrorHandler: (error: unknown) => {
    logger.warn(`A connection was lost: ${describeError(error)}`);
  },
} as const;

/** How the service writes what is not the commit queue's, and reads what belongs to no project: as its own role, from a pool. */
export function serviceOptions(url: string): DataSourceOptions {
  const { connectionString, application_name } = serviceConnection(url);
  return {
    ...COMMON,
    ...(connectionString === undefined ? {} : { url: connectionString }),
    ...(application_name === undefined ? {} : { applicationName: application_name }),
    poolSize: poolConnectionsMax,
    extra: {
      Client: PostgresClient,
      silenceMaxMs,
      onConnect: (client: ClientBase) => workAs(client, 'service', readTimeoutMs),
    },
  };
}

/** How the owner migrates: one session, which holds the lock of `migrate` too, so that both end together. */
export function ownerOptions(url: string): DataSourceOptions {
  return {
    ...COMMON,
    url,
    applicationName: 'sinch-contact-mirror migration',
    migrations: MIGRATIONS,
    migrationsTableName: 'migration',
    poolSize: 1,
    extra: {
      Client: PostgresClient,
      onConnect: (client: ClientBase) =>
        client.query(`set lock_timeout = ${migrationLockTimeoutMs}; set statement_timeout = 0`),
    },
  };
}
