import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process';
import { chmod, readFile, stat } from 'node:fs/promises';
import { dirname, parse } from 'node:path';
import { StartRefusal } from '../../config/start-refusal';

/**
 * As whom the server's programs run, since Postgres refuses to be root.
 *
 * `self`: as we are. `namespace`: still root to the system, so that it reaches folders which are closed to all others, but
 * `nobody` to itself. `user`: as another user of the system.
 */
export type PostgresRunner =
  | { readonly kind: 'self' }
  | { readonly kind: 'namespace' }
  | { readonly kind: 'user'; readonly name: string; readonly uid: number; readonly gid: number };

/** What Postgres needs of the environment: nothing of ours, secrets least of all. */
const ENVIRONMENT = { LC_ALL: 'C', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };

const NAMESPACE = ['--user', '--map-user=65534', '--map-group=65534', '--'];

/**
 * Chooses the runner: not root, as we are; root, as the owner of an existing cluster, else as the system's `postgres` or
 * `nobody` where that user reaches the folders, else in a user namespace.
 *
 * @throws StartRefusal when none of them can reach the folders, naming the first closed one.
 */
export async function choosePostgresRunner(
  dataDir: string,
  clusterDir: string,
  program: string,
): Promise<PostgresRunner> {
  if (process.geteuid?.() !== 0) return { kind: 'self' };
  const cluster = await stat(clusterDir).catch(() => null);
  const isRoots = cluster?.uid === 0;
  const user = cluster === null || isRoots ? await findSystemUser() : userOf(cluster);
  const closed = user === null ? null : await findClosedFolder([dataDir, dirname(program)], dataDir, user);
  if (user !== null && closed === null && !isRoots) {
    // ours, and everything in it is closed by its own mode
    const folder = await stat(dataDir);
    if (folder.uid === 0) await chmod(dataDir, (folder.mode & 0o777) | 0o001);
    return { kind: 'user', ...user };
  }
  if (cluster === null || isRoots) {
    const probe = spawnSync('unshare', [...NAMESPACE, 'true'], { env: ENVIRONMENT, stdio: 'ignore' });
    if (probe.status === 0) return { kind: 'namespace' };
  }
  if (isRoots)
    throw new StartRefusal(
      `${clusterDir} belongs to root, and Postgres does not run as root. This system has no user namespaces: give the folder to another user (chown -R nobody) or set DATABASE_URL`,
    );
  if (user === null)
    throw new StartRefusal(
      'Postgres refuses to run as root, and this system has neither user namespaces nor a user postgres or nobody: start as another user or set DATABASE_URL',
    );
  throw new StartRefusal(
    `${closed ?? dataDir} cannot be entered by ${user.name}, and the embedded Postgres must run as ${user.name}: open it (chmod o+x), start as another user, or set DATABASE_URL`,
  );
}

/** Starts a program of the server with an environment of its own. */
export function spawnPostgres(
  runner: PostgresRunner,
  program: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  const common = { ...options, env: ENVIRONMENT };
  switch (runner.kind) {
    case 'self':
      return spawn(program, args, common);
    case 'namespace':
      return spawn('unshare', [...NAMESPACE, program, ...args], common);
    case 'user':
      return spawn(program, args, { ...common, uid: runner.uid, gid: runner.gid });
  }
}

interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

function userOf({ uid, gid }: { readonly uid: number; readonly gid: number }): SystemUser {
  return { name: `user ${uid}`, uid, gid };
}

/** `null`: this system has no such user. */
async function findSystemUser(): Promise<SystemUser | null> {
  const accounts = (await readFile('/etc/passwd', 'utf8').catch(() => ''))
    .split('\n')
    .map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const [name, , uid, gid] = accounts.find(([candidate]) => candidate === wanted) ?? [];
    if (name !== undefined && uid !== undefined && gid !== undefined)
      return { name, uid: Number(uid), gid: Number(gid) };
  }
  return null;
}

/** The first folder on the way to one of these that the user cannot enter, but for `ours`, which can be opened. */
async function findClosedFolder(
  folders: readonly string[],
  ours: string,
  user: SystemUser,
): Promise<string | null> {
  for (const folder of folders) {
    const { mode, uid } = await stat(folder);
    const isOpen = uid === user.uid ? (mode & 0o100) !== 0 : (mode & 0o001) !== 0;
    if (!isOpen && !(folder === ours && uid === 0)) return folder;
    const above = folder === parse(folder).root ? [] : [dirname(folder)];
    const closed = await findClosedFolder(above, ours, user);
    if (closed !== null) return closed;
  }
  return null;
}
