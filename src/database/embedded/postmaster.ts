import { spawnSync } from 'node:child_process';
import { readFile, readlink, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../base/error-code';
import type { ServerPlace } from './server-place';

/** The server process of a cluster, as its `postmaster.pid` names it. */
export interface Postmaster {
  readonly pid: number;
  /** Where it listens; `null`: it has not got that far. */
  readonly place: ServerPlace | null;
}

/** A file that a server has just made is empty for a moment; after this time it is what a crash left, in ms. */
const emptyMaxMs = 2_000;
/** Larger than any process id. */
const pidOfNone = 2 ** 31 - 1;

/**
 * Finds the server process that works on a cluster, no matter who started it; `null` if there is none.
 *
 * After a crash of the machine, or in a restarted container, the file may name the number of another process, and a killed
 * server that its parent has not waited for still has its number: either would keep Postgres from starting. The file then gets
 * a number that no process has. The rest stays, by which Postgres finds children of the server that are still at work. An
 * empty file, which a full disk or a crash leaves, is removed: Postgres would not start.
 */
export async function findPostmaster(clusterDir: string): Promise<Postmaster | null> {
  const file = join(clusterDir, 'postmaster.pid');
  // lines: process id, directory, start, port, socket folder, address, shared memory, status
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === '' && Date.now() > (await stat(file)).mtimeMs + emptyMaxMs) await rm(file, { force: true });
  const pid = firstNumber(text ?? '');
  if (!isAlive(pid)) return null;
  if (!(await worksIn(pid, clusterDir))) {
    if (isAlive(pid)) await writeFile(file, (text ?? '').replace(/^\d+/, String(pidOfNone)));
    return null;
  }
  return { pid, place: readPlace(text ?? '') };
}

/**
 * Removes the lock of a server's socket where the process that it names is no server of this cluster; for a cluster on which
 * no server works.
 *
 * As with `postmaster.pid`, Postgres would not start. A lock that names a dead process stays: Postgres takes it over.
 */
export async function clearSocketLock(place: ServerPlace, clusterDir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const file = join(place.host, `.s.PGSQL.${place.port}.lock`);
  const pid = firstNumber(await readFile(file, 'utf8').catch(() => ''));
  if (isAlive(pid) && !(await worksIn(pid, clusterDir))) await rm(file, { force: true });
}

/** The number that a file of a server begins with; `NaN` where there is none. */
function firstNumber(text: string): number {
  return Number.parseInt(text, 10);
}

/**
 * Where a server listens, by the text of its `postmaster.pid`; `null` where the text ends before that.
 *
 * A server writes the file again as it starts, so what is read meanwhile may end within a line: such a line does not count.
 */
export function readPlace(text: string): ServerPlace | null {
  const lines = text.split('\n').slice(0, -1);
  const port = Number.parseInt(lines[3] ?? '', 10);
  const host = lines[process.platform === 'win32' ? 5 : 4]?.trim() ?? '';
  return Number.isInteger(port) && host !== '' ? { host, port } : null;
}

/** Whether the process exists and is one that we may signal. */
export function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Signals a process that may have ended by now. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone, which is what was wanted of it
  }
}

/** A server's working directory is its cluster. What cannot be looked at counts as working there: it must not be harmed. */
async function worksIn(pid: number, clusterDir: string): Promise<boolean> {
  if (pid === process.pid) return false;
  if (process.platform === 'linux') {
    // readable for everybody, unlike the folder
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'postgres');
    if (name.trim() !== 'postgres') return false;
    try {
      return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(clusterDir));
    } catch (error) {
      return !['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '');
    }
  }
  const { status, stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  return status !== 0 || stdout.includes(clusterDir);
}
