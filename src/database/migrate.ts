import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { escapeIdentifier } from 'pg';
import { DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';
import { ownerOptions } from './data-source';
import { rows } from './rows';

const logger = new Logger('Migration');

/** Key of the advisory lock by which one replica migrates while the others wait. */
const MIGRATION_LOCK = '5786210385012290002';
const LOCK_POLL_MS = 100;

/**
 * Brings the schema up to this release, as the owner, and lets the service's user work as `mirror_service` and `mirror_reader`.
 *
 * Of several replicas one migrates and the others wait. Lock and migration share a session, so a replica that is killed
 * leaves neither behind; each migration is one transaction.
 * @throws the driver's or Postgres's error; what was not committed has not happened
 */
export async function migrate(ownerUrl: string, serviceUrl: string): Promise<void> {
  const source = new DataSource(ownerOptions(ownerUrl));
  await source.initialize();
  try {
    const session = source.createQueryRunner();
    await takeLock(session);
    const executor = new MigrationExecutor(source, session);
    executor.transaction = 'each';
    for (const migration of await executor.executePendingMigrations())
      logger.log(`Migrated: ${migration.name}`);
    await grantRoles(session, new URL(serviceUrl).username);
    await session.release();
  } finally {
    await source.destroy();
  }
}

/** Asks again and again: to wait within a statement would hold a snapshot, for which an index built concurrently waits. */
async function takeLock(session: QueryRunner): Promise<void> {
  for (let tries = 0; !(await tryLock(session)); tries += 1) {
    if (tries === 0) logger.log('Another replica migrates: waiting for it');
    await delay(LOCK_POLL_MS);
  }
}

async function tryLock(session: QueryRunner): Promise<boolean> {
  const [row] = rows<{ held: boolean }>(
    await session.query('select pg_try_advisory_lock($1) as held', [MIGRATION_LOCK]),
  );
  return row?.held === true;
}

/** Where the service connects as another user than the owner. */
async function grantRoles(session: QueryRunner, encodedUser: string): Promise<void> {
  const user = decodeURIComponent(encodedUser);
  if (user === '') return;
  for (const role of ['mirror_service', 'mirror_reader']) {
    const [row] = rows<{ member: boolean }>(
      await session.query('select pg_has_role($1, $2, $3) as member', [user, role, 'member']),
    );
    if (row?.member !== true) await session.query(`grant ${role} to ${escapeIdentifier(user)}`);
  }
}
