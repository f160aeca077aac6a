import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { GivenConfig } from '../../config/config';
import { oneLineOf, StartRefusal } from '../../config/start-refusal';
import { adviseOnAway } from '../../database/advise-on-away.rule';
import { EmbeddedPostgres } from '../../database/embedded/embedded-postgres';
import type { PostgresClient } from '../../database/postgres-client';
import { openClient, refuseUnfitServer } from '../../database/refuse-unfit-server';
import { workAs } from '../../database/session';
import { describeError } from '../../database/sqlstate';
import { errorCode } from '../../base/error-code';
import { withoutFullStop } from '../../base/without-full-stop.rule';
import { broken, type Check, ok, warn } from './check';

/** What migrations create where it is missing. */
const EXTENSIONS = ['pg_trgm'] as const;

/** What `checkPostgres` found, and what later checks need of it. */
export interface PostgresChecks {
  readonly checks: readonly Check[];
  /** How far the server's clock is ahead of ours, in ms; `null`: it was not asked. */
  readonly aheadMs: number | null;
}

/** The server's version, the roles that the service works as, and the extensions. */
export async function checkPostgres({
  databaseUrl,
  databaseOwnerUrl,
  dataDir,
}: GivenConfig): Promise<PostgresChecks> {
  if (databaseUrl !== null) {
    const service = await checkServer('DATABASE_URL', databaseUrl);
    if (databaseOwnerUrl === null) return service;
    const owner = await checkLogin('DATABASE_OWNER_URL', databaseOwnerUrl);
    return { ...service, checks: [...service.checks, owner] };
  }
  const running = dataDir === null ? null : await EmbeddedPostgres.runningUrl(dataDir);
  if (running !== null) return checkServer('DATA_DIR', running);
  const isThere = dataDir !== null && existsSync(join(dataDir, 'postgres'));
  const detail = isThere ? 'embedded; it starts with the service' : 'embedded; created by the first start';
  return { checks: [ok('Postgres', detail)], aheadMs: null };
}

async function checkServer(variable: 'DATABASE_URL' | 'DATA_DIR', url: string): Promise<PostgresChecks> {
  try {
    if (variable === 'DATABASE_URL') await refuseUnfitServer(url, variable);
    const client = await openClient(url, 'doctor');
    try {
      return await examine(client, variable === 'DATA_DIR' ? 'embedded, ' : '');
    } finally {
      await client.end();
    }
  } catch (error) {
    return { checks: [brokenServer(variable, error)], aheadMs: null };
  }
}

async function examine(client: PostgresClient, kind: string): Promise<PostgresChecks> {
  const [beganAt, began] = [Date.now(), performance.now()];
  const { rows } = await client.query<{
    version: string;
    now: number;
    available: string[];
    installed: string[];
  }>(
    `select current_setting('server_version') as version,
            extract(epoch from clock_timestamp())::float8 * 1000 as now,
            array(select name::text from pg_available_extensions where name = any ($1)) as available,
            array(select extname::text from pg_extension where extname = any ($1)) as installed`,
    [EXTENSIONS],
  );
  const [row] = rows;
  if (row === undefined) throw new Error('A query for one row gave none.');
  const middle = beganAt + (performance.now() - began) / 2;
  return {
    checks: [
      ok('Postgres', `${kind}version ${row.version}`),
      await checkRoles(client),
      checkExtensions(row.installed, row.available),
    ],
    aheadMs: row.now - middle,
  };
}

async function checkLogin(variable: string, url: string): Promise<Check> {
  try {
    await (await openClient(url, 'doctor')).end();
    return ok('Postgres owner', `${variable} can connect`);
  } catch (error) {
    return { ...brokenServer(variable, error), name: 'Postgres owner' };
  }
}

function brokenServer(variable: string, error: unknown): Check {
  if (error instanceof StartRefusal) {
    const [detail = '', ...remedy] = oneLineOf(error).split(': ');
    return broken('Postgres', detail, remedy.join(': ') || `correct ${variable}`);
  }
  const advice =
    adviseOnAway(errorCode(error), variable) ?? `: check user, password and database in ${variable}.`;
  const remedy = withoutFullStop(advice.slice(advice.indexOf(': ') + 2));
  return broken('Postgres', `cannot connect by ${variable}: ${describeError(error)}`, remedy);
}

async function checkRoles(client: PostgresClient): Promise<Check> {
  try {
    const service = await workAs(client, 'service');
    await client.query('reset role');
    const reader = await workAs(client, 'reader');
    await client.query('reset role');
    return ok('Postgres roles', `${service} and ${reader}`);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === '42P01' || code === '42501')
      return warn('Postgres roles', 'the database is not migrated yet', 'start the service once');
    return broken(
      'Postgres roles',
      describeError(error),
      'start the service once: it creates the roles, or prints the SQL that an administrator has to run',
    );
  }
}

function checkExtensions(installed: readonly string[], available: readonly string[]): Check {
  const missing = EXTENSIONS.filter((name) => !installed.includes(name) && !available.includes(name));
  if (missing.length > 0)
    return broken(
      'extensions',
      `${missing.join(', ')} is not available on the server`,
      'install the contrib package of Postgres on the server',
    );
  const toCome = EXTENSIONS.filter((name) => !installed.includes(name));
  return ok('extensions', toCome.length === 0 ? EXTENSIONS.join(', ') : `${toCome.join(', ')} is available`);
}
