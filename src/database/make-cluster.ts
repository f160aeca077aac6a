import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../error-code';
import { StartRefusal } from '../start-refusal';
import { isAlive } from './postmaster';
import type { PostgresBinaries } from './postgres-binaries';
import { type PostgresRunner, spawnPostgres } from './postgres-runner';

export interface ClusterRequest {
  /** Where it is to be; its parent exists. */
  readonly clusterDir: string;
  readonly password: string;
  readonly binaries: PostgresBinaries;
  readonly runner: PostgresRunner;
  /** `false`, for tests alone, leaves the files to the system to write when it likes. */
  readonly durable: boolean;
  readonly signal: AbortSignal;
}

/**
 * Makes the embedded server's cluster if there is none: superuser `postgres`, scram, UTF-8, the built-in locale C.UTF-8.
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
      `${clusterDir} is of Postgres ${version}, and this release embeds Postgres ${binaries.majorVersion}: dump it with the release that made it, or set DATABASE_URL`,
    );
  }
  const draft = `${clusterDir}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  const passwordFile = join(draft, 'password');
  const made = join(draft, 'cluster');
  await mkdir(draft, { mode: 0o700 });
  try {
    await writeFile(passwordFile, request.password, { mode: 0o600 });
    if (runner.kind === 'user') {
      await chown(draft, runner.uid, runner.gid);
      await chown(passwordFile, runner.uid, runner.gid);
    }
    await runInitdb(request, made, passwordFile);
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

async function runInitdb(request: ClusterRequest, cluster: string, passwordFile: string): Promise<void> {
  const args = [
    `--pgdata=${cluster}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--no-locale',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(request.durable ? [] : ['--no-sync']),
  ];
  const child = spawnPostgres(request.runner, request.binaries.initdb, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: request.signal,
  });
  const errors: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
  // rejects when the program cannot be run at all, or the start is broken off
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return;
  const reason = Buffer.concat(errors).toString().trim().split('\n').slice(0, 3).join(' ');
  throw new StartRefusal(
    `${request.clusterDir} cannot be made: ${reason === '' ? `initdb ended with ${String(code)}` : reason}`,
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
