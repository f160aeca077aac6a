import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';
import { errorCode } from '../base/error-code';
import { oneLineOf, StartRefusal } from '../config/start-refusal';
import { ownerOptions } from './data-source';
import { PostgresClient } from './postgres-client';
import { refuseUnfitServer } from './refuse-unfit-server';
import { rows } from './rows';
import { settleRights } from './settle-rights';

const logger = new Logger('Migration');

/** Key of the advisory lock by which one replica migrates while the others wait. */
const MIGRATION_LOCK = '5786210385012290002';
const LOCK_POLL_MS = 100;

/**
 * Brings the schema up to this release, as the owner, then settles the rights of the roles that the service works as.
 *
 * Changes nothing where one of the URLs leads to a server or pooler that the service cannot work with.
 * Of several replicas one migrates and the others wait. Lock and migration share a session, so a replica that is killed
 * leaves neither behind; each migration is one transaction.
 * @throws the driver's or Postgres's error; what was not committed has not happened
 * @throws StartRefusal where somebody has to act first, with what to do
 */
export async function migrate(ownerUrl: string, serviceUrl: string): Promise<void> {
  await refuseUnfitServer(ownerUrl, ownerUrl === serviceUrl ? 'DATABASE_URL' : 'DATABASE_OWNER_URL');
  if (serviceUrl !== ownerUrl) await refuseUnfitServiceUrl(serviceUrl);
  const source = new DataSource(ownerOptions(ownerUrl));
  await source.initialize();
  try {
    const session = source.createQueryRunner();
    await takeLock(session);
    await runMigrations(source, session);
    await settleRights(session, loginOf(serviceUrl));
    await session.release();
  } finally {
    await source.destroy();
  }
}

/** Before the first migration the service's user may not be allowed to connect: the migration allows it. */
async function refuseUnfitServiceUrl(serviceUrl: string): Promise<void> {
  try {
    await refuseUnfitServer(serviceUrl, 'DATABASE_URL');
  } catch (error) {
    if (errorCode(error) !== '42501') throw error;
  }
}

async function runMigrations(source: DataSource, session: QueryRunner): Promise<void> {
  const executor = new MigrationExecutor(source, session);
  executor.transaction = 'each';
  try {
    for (const migration of await executor.executePendingMigrations())
      logger.log(`Applied migration ${migration.name}`);
  } catch (error) {
    if (errorCode(error) !== '42501') throw error;
    const [names] = rows<{ owner: string; database: string }>(
      await session.query(
        'select quote_ident(current_user) as owner, quote_ident(current_database()) as database',
      ),
    );
    const { owner = '', database = '' } = names ?? {};
    throw new StartRefusal(
      `The database user ${owner} may not create this service's tables: ${oneLineOf(error)}. Run this as an administrator of the Postgres cluster, then start again: alter database ${database} owner to ${owner};`,
    );
  }
}

/** Asks again and again: to wait within a statement would hold a snapshot, for which an index built concurrently waits. */
async function takeLock(session: QueryRunner): Promise<void> {
  for (let tries = 0; !(await tryLock(session)); tries += 1) {
    if (tries === 0) logger.log('Another replica is migrating: waiting until it has finished');
    await delay(LOCK_POLL_MS);
  }
}

async function tryLock(session: QueryRunner): Promise<boolean> {
  const [row] = rows<{ held: boolean }>(
    await session.query('select pg_try_advisory_lock($1) as held', [MIGRATION_LOCK]),
  );
  return row?.held === true;
}

/** The user as whom the driver connects, also where the URL names none. */
function loginOf(url: string): string {
  return new PostgresClient({ connectionString: url }).user ?? '';
}
