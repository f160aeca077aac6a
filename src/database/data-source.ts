import { Logger } from '@nestjs/common';
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
import { serviceConnection } from './session';
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
];

/** Most connections of the pool, and longest waits for one and for its answer. */
const poolConnectionsMax = 10;
const connectTimeoutMs = 3_000;
const readTimeoutMs = 10_000;
/** Longest wait of a migration for the locks of others, in ms: whoever comes after it waits as long. */
const migrationLockTimeoutMs = 30_000;

const COMMON = {
  type: 'postgres',
  connectTimeoutMS: connectTimeoutMs,
  synchronize: false,
  installExtensions: false,
  logging: false,
  // an idle connection that Postgres ends is replaced when one is needed; without a listener the process would die
  poolErrorHandler: (error: unknown) => {
    logger.warn(`A connection was lost: ${describeError(error)}`);
  },
} as const;

/** How the service writes what is not the commit queue's, and reads what belongs to no project: as `mirror_service`, from a pool. */
export function serviceOptions(url: string): DataSourceOptions {
  const { connectionString, options, application_name } = serviceConnection(url);
  return {
    ...COMMON,
    ...(connectionString === undefined ? {} : { url: connectionString }),
    ...(application_name === undefined ? {} : { applicationName: application_name }),
    poolSize: poolConnectionsMax,
    extra: { keepAlive: true, options: `${options ?? ''} -c statement_timeout=${readTimeoutMs}` },
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
    extra: { keepAlive: true, lock_timeout: migrationLockTimeoutMs, statement_timeout: 0 },
  };
}
