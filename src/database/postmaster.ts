import { spawnSync } from 'node:child_process';
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../error-code';

/** The server process of a cluster, as its `postmaster.pid` names it. */
export interface Postmaster {
  readonly pid: number;
  /** TCP port on 127.0.0.1. */
  readonly port: number;
}

/**
 * Finds the server process that works on a cluster, whoever started it; `null` if there is none.
 *
 * After a crash of the machine, or in a restarted container, the file may name the number of another process, which would
 * keep Postgres from starting: then the file is removed. One that names a dead process stays, as Postgres needs it to find
 * the dead one's children.
 */
export async function findPostmaster(clusterDir: string): Promise<Postmaster | null> {
  const file = join(clusterDir, 'postmaster.pid');
  // lines: process id, directory, start, port, socket folder, address, shared memory, status
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
  const pid = Number.parseInt(lines[0] ?? '', 10);
  const port = Number.parseInt(lines[3] ?? '', 10);
  if (!isAlive(pid)) return null;
  if (!(await worksIn(pid, clusterDir))) {
    if (isAlive(pid)) await rm(file, { force: true });
    return null;
  }
  return { pid, port };
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

/** Signals a process that may be gone by now. */
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
    try {
      return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(clusterDir));
    } catch (error) {
      return !['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '');
    }
  }
  const { status, stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  return status !== 0 || stdout.includes(clusterDir);
}
