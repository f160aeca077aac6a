import { spawnSync } from 'node:child_process';
import { readFile, readlink, realpath, rm, stat } from 'node:fs/promises';
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

/**
 * Finds the server process that works on a cluster, no matter who started it; `null` if there is none.
 *
 * After a crash of the machine, or in a restarted container, the file may name the number of another process, which would
 * keep Postgres from starting: then the file is removed. One that names a dead process stays, as Postgres needs it to find
 * the dead one's children. An empty one, which a full disk or a crash leaves, is removed too: Postgres would not start.
 */
export async function findPostmaster(clusterDir: string): Promise<Postmaster | null> {
  const file = join(clusterDir, 'postmaster.pid');
  // lines: process id, directory, start, port, socket folder, address, shared memory, status
  const text = await readFile(file, 'utf8').catch(() => null);
  if (text === '' && Date.now() > (await stat(file)).mtimeMs + emptyMaxMs) await rm(file, { force: true });
  const lines = (text ?? '').split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  if (!isAlive(pid)) return null;
  if (!(await worksIn(pid, clusterDir))) {
    if (isAlive(pid)) await rm(file, { force: true });
    return null;
  }
  return { pid, place: readPlace(text ?? '') };
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
