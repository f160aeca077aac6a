import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ApiKeysRepository, type KeyGrant, type KeyRow } from './access/api-keys.repository';
import { ApiKeysService, type ShownKey } from './access/api-keys.service';
import { faultsOfGrant, isScope } from './access/read-grant';
import { loadConfig } from './config';
import { serviceOptions } from './database/data-source';
import { EmbeddedPostgres } from './database/embedded-postgres';
import { errorCode } from './error-code';
import { readTime } from './rest/read-time';
import { reasonOf, StartRefusal } from './start-refusal';

const usage = [
  'Usage: npm run keys -- list',
  'create --name <name> --scopes <scope,…> --projects <id,…|*> [--expires-at <time>]',
  'rotate <id> [--grace-seconds <n>]',
  'revoke <id>',
].join(' | ');
/** Whom events of keys name that were changed from here. */
const actor = 'command line';
const pageSize = 200;
const serverGraceMs = 2_000;
/** Longest grace after a rotation, in seconds, as over REST. */
const graceSecondsMax = 604_800;

/**
 * `npm run keys -- list | create … | rotate <id> … | revoke <id>`: looks after the keys of the service.
 *
 * Works on the service's database, whether a service runs or not; the embedded Postgres is started for as long as it takes.
 * A key's text is printed alone on stdout, once; everything else is for people, on stderr, but for the list.
 */
void run().catch((error: unknown) => {
  const isRefusal = error instanceof StartRefusal || !(error instanceof Error);
  process.stderr.write(`${isRefusal ? reasonOf(error) : (error.stack ?? error.message)}\n`);
  process.exitCode = 1;
});

async function run(): Promise<void> {
  Logger.overrideLogger(['error']);
  const command = readCommand();
  const { databaseUrl, dataDir } = loadConfig();
  if (databaseUrl !== null) {
    await carryOut(command, databaseUrl);
    return;
  }
  if (dataDir === null) throw new StartRefusal('Neither DATABASE_URL nor DATA_DIR is given');
  const running = await EmbeddedPostgres.runningUrl(dataDir);
  if (running !== null) {
    await carryOut(command, running);
    return;
  }
  if (!existsSync(join(dataDir, 'postgres'))) throw notYet();
  const ignore = (): void => undefined;
  const server = await EmbeddedPostgres.begin({
    dataDir,
    log: { info: ignore, warn: ignore, error: ignore },
  });
  try {
    await server.ready();
    await carryOut(command, server.url);
  } finally {
    await server.stop(serverGraceMs);
  }
}

type Command = (keys: ApiKeysRepository, service: ApiKeysService) => Promise<void>;

async function carryOut(command: Command, url: string): Promise<void> {
  const database = new DataSource(serviceOptions(url));
  try {
    await database.initialize();
    const keys = new ApiKeysRepository(database);
    await command(keys, new ApiKeysService(keys));
  } catch (error) {
    // undefined table, or no such role: nobody has migrated
    if (['42P01', '22023'].includes(errorCode(error) ?? '')) throw notYet();
    throw error;
  } finally {
    if (database.isInitialized) await database.destroy();
  }
}

function notYet(): StartRefusal {
  return new StartRefusal('The database has no keys yet: start the service of this release once');
}

/** @throws StartRefusal for what is no command, before anything is done */
function readCommand(): Command {
  const { values, positionals } = readArguments();
  const [verb, id, ...more] = positionals;
  if (verb === 'list' && id === undefined) return listKeys;
  if (verb === 'create' && id === undefined) {
    const grant = readGrant(values);
    return async (_keys, service) => {
      show('Made', await service.create(grant, actor));
    };
  }
  if (id === undefined || more.length > 0) throw new StartRefusal(usage);
  if (verb === 'rotate') {
    const graceSeconds = readGrace(values['grace-seconds'] ?? '0');
    return async (_keys, service) => {
      show('Rotated', known(await service.rotate(id, graceSeconds, actor)));
    };
  }
  if (verb === 'revoke') {
    return async (_keys, service) => {
      const { name } = known(await service.revoke(id, actor));
      process.stderr.write(`Revoked ${id} (${name})\n`);
    };
  }
  throw new StartRefusal(usage);
}

function readArguments(): {
  readonly values: Readonly<
    Partial<Record<'name' | 'scopes' | 'projects' | 'expires-at' | 'grace-seconds', string>>
  >;
  readonly positionals: readonly string[];
} {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      allowPositionals: true,
      options: { name: text, scopes: text, projects: text, 'expires-at': text, 'grace-seconds': text },
    });
  } catch (error) {
    throw new StartRefusal(`${reasonOf(error)}. ${usage}`);
  }
}

function readGrant(values: ReturnType<typeof readArguments>['values']): KeyGrant {
  const { name = '', scopes = '', projects = '', 'expires-at': expires } = values;
  const [scopeNames, projectIds] = [scopes.split(','), projects.split(',')];
  const [fault] = faultsOfGrant(name, scopeNames, projectIds);
  if (fault !== undefined)
    throw new StartRefusal(`--${fault.field.replace('project_ids', 'projects')} ${fault.message}. ${usage}`);
  const expiresAt = expires === undefined ? null : readTime(expires);
  const expiresAtMs = expiresAt === null ? null : Number(expiresAt / 1_000_000n);
  if (expires !== undefined && (expiresAtMs === null || expiresAtMs <= Date.now()))
    throw new StartRefusal('--expires-at must be an RFC 3339 time ahead, such as 2030-01-31T00:00:00Z');
  return {
    name,
    scopes: scopeNames.filter(isScope),
    projectIds,
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs),
  };
}

function readGrace(text: string): number {
  const seconds = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= graceSecondsMax) return seconds;
  throw new StartRefusal(`--grace-seconds must be a whole number from 0 to ${graceSecondsMax}`);
}

/** Every key, newest first: one line each, parts separated by tabs. */
async function listKeys(keys: ApiKeysRepository): Promise<void> {
  for (let before: string | null = null; ;) {
    const page: readonly KeyRow[] = await keys.page(before, pageSize);
    for (const row of page) process.stdout.write(`${describeKey(row)}\n`);
    if (page.length < pageSize) return;
    before = page.at(-1)?.number ?? null;
  }
}

function describeKey(row: KeyRow): string {
  const { id, name, scopes, project_ids: projects, expires_at: expires, last_used_at: used } = row;
  return [
    id,
    name,
    scopes.join(','),
    projects.join(','),
    row.revoked_at === null
      ? `expires ${expires?.toISOString() ?? 'never'}`
      : `revoked ${row.revoked_at.toISOString()}`,
    `last used ${used?.toISOString() ?? 'never'}`,
  ].join('\t');
}

function show(verb: string, { id, name, key }: ShownKey): void {
  process.stderr.write(`${verb} ${id} (${name}); shown this once:\n`);
  process.stdout.write(`${key}\n`);
}

function known<Row>(row: Row | null): Row {
  if (row === null) throw new StartRefusal('There is no such key, or none that works');
  return row;
}
