import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { escapeLiteral } from 'pg';
import { errorCode } from '../../base/error-code';
import { StartRefusal } from '../../config/start-refusal';
import { isAlive } from './postmaster';
import type { PostgresBinaries } from './postgres-binaries';
import { type PostgresRunner, spawnPostgres } from './postgres-runner';

/** The embedded server's database, who owns it, and as whom the service connects. */
export const DATABASE = 'mirror';
export const OWNER = 'mirror_owner';
export const LOGIN = 'mirror';

export interface ClusterRequest {
  /** Where it is to be; its parent exists. */
  readonly clusterDir: string;
  /** Of the owner and of the service's login. */
  readonly password: string;
  readonly binaries: PostgresBinaries;
  readonly runner: PostgresRunner;
  /** `false`, for tests alone, leaves the files to the system to write when it likes. */
  readonly durable: boolean;
  /** `true`, for tests and benches alone, makes the owner a superuser. */
  readonly isOwnerSuperuser: boolean;
  readonly signal: AbortSignal;
}

/**
 * Makes the embedded server's cluster if there is none: UTF-8, the built-in locale C.UTF-8, and the database of the service
 * with its owner and the service's login, by password (scram). Nobody can log in as the superuser `postgres`.
 *
 * Made aside and renamed into place, so that a kill leaves nothing half-made, and of two starts at once one wins.
 * @throws StartRefusal when it cannot be made, or when the one that is there is of another version.
 */
export async function makeCluster(request: ClusterRequest): Promise<void> {
  const { clusterDir, binaries, runner } = request;
  await removeDrafts(clusterDir);
  const version = await clusterVersion(clusterDir);
  if (version !== null) {
    if (version === binaries.majorVersion) return;
    throw new StartRefusal(
      `${clusterDir} is of Postgres ${version}, and this release embeds Postgres ${binaries.majorVersion}: use the release that created it, or move the data to a Postgres of your own and set DATABASE_URL. How: docs/operations.md, "Backup and restore"`,
    );
  }
  const draft = `${clusterDir}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  const made = join(draft, 'cluster');
  await mkdir(draft, { mode: 0o700 });
  try {
    if (runner.kind === 'user') await chown(draft, runner.uid, runner.gid);
    await runInitdb(request, made);
    await writeFile(join(made, 'pg_hba.conf'), HBA);
    await makeDatabase(request, made);
    await rename(made, clusterDir).catch((error: unknown) => {
      if (!isOccupied(error)) throw error;
    });
    const parent = await open(dirname(clusterDir));
    await parent.sync();
    await parent.close();
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** `PG_VERSION` of a cluster, or `null` if there is none. */
export async function clusterVersion(clusterDir: string): Promise<string | null> {
  const text = await readFile(join(clusterDir, 'PG_VERSION'), 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  });
  return text === null ? null : text.trim();
}

async function runInitdb(request: ClusterRequest, cluster: string): Promise<void> {
  const args = [
    `--pgdata=${cluster}`,
    '--username=postgres',
    // replaced by ours
    '--auth=reject',
    '--encoding=UTF8',
    '--no-locale',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(request.durable ? [] : ['--no-sync']),
  ];
  await runToEnd(request, request.binaries.initdb, args, '');
}

/** Who may connect, and how: the server has no superuser to the outside. The TCP lines are for Windows, which has no sockets. */
const HBA = `# type database user     address      method
local  all      postgres              reject
local  all      all                   scram-sha-256
host   all      postgres 127.0.0.1/32 reject
host   all      all      127.0.0.1/32 scram-sha-256
`;

/** In single-user mode, where no connection is needed: the superuser is never reachable. */
async function makeDatabase(request: ClusterRequest, cluster: string): Promise<void> {
  const password = escapeLiteral(request.password);
  const statements = [
    `create role ${OWNER} login ${request.isOwnerSuperuser ? 'superuser' : 'createrole'} password ${password}`,
    `create role ${LOGIN} login password ${password}`,
    `create database ${DATABASE} owner ${OWNER}`,
  ];
  const flags = request.durable ? [] : ['-F'];
  const args = ['--single', '-j', ...flags, '-D', cluster, 'postgres'];
  // with -j a statement ends at a semicolon before an empty line
  await runToEnd(request, request.binaries.postgres, args, `${statements.join(';\n\n')};\n\n`);
}

/** @throws StartRefusal with what the program says; the server in single-user mode reports failures there alone */
async function runToEnd(
  request: ClusterRequest,
  program: string,
  args: readonly string[],
  input: string,
): Promise<void> {
  const child = spawnPostgres(request.runner, program, args, {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'pipe'],
    signal: request.signal,
  });
  child.stdin?.on('error', () => undefined); // it ended early, which its exit code tells
  child.stdin?.end(input);
  const errors: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
  // rejects when the program cannot be run at all, or the start is broken off
  const [code] = (await once(child, 'close')) as [number | null];
  const output = Buffer.concat(errors).toString().trim();
  if (code === 0 && !/\b(?:ERROR|FATAL|PANIC):/.test(output)) return;
  const reason = output.split('\n').slice(0, 3).join(' ');
  throw new StartRefusal(
    `${request.clusterDir} cannot be created: ${reason === '' ? `${basename(program)} ended with ${String(code)}` : reason}`,
  );
}

/**
 * Removes the drafts of starts that were killed in the middle; one with our own id is of an earlier life of this container.
 * An `initdb` that outlived its start may still be writing one: then it is left to the next start.
 */
async function removeDrafts(clusterDir: string): Promise<void> {
  const prefix = `${basename(clusterDir)}.new-`;
  for (const name of await readdir(dirname(clusterDir))) {
    if (!name.startsWith(prefix)) continue;
    const maker = Number.parseInt(name.slice(prefix.length), 10);
    if (maker !== process.pid && isAlive(maker)) continue;
    const draft = join(dirname(clusterDir), name);
    await rm(draft, { recursive: true, force: true, maxRetries: 8, retryDelay: 50 }).catch(() => undefined);
  }
}

/** Another start was first. */
function isOccupied(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '');
}
