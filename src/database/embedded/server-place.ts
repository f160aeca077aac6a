import { chown, lstat, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartRefusal } from '../../config/start-refusal';
import type { PostgresRunner } from './postgres-runner';

/** Where the embedded server listens: on a socket in a private folder, or, on Windows, on a port of this machine. */
export interface ServerPlace {
  /** Absolute path of the folder, or an address. */
  readonly host: string;
  readonly port: number;
}

const SOCKET_PORT = 5432;
/** Longest path of a unix socket, in bytes. */
const pathMaxBytes = process.platform === 'darwin' ? 103 : 107;

/**
 * Chooses where the server is to listen.
 *
 * Only this user can enter the folder of the socket, so nobody can take the server's place when it dies, as with a port. The
 * folder is that of the cluster, or a short one where the path of the socket would be too long; that one is remembered in
 * `DATA_DIR`, so a start after a kill uses it again.
 * @throws StartRefusal where even the short one is too long
 */
export async function choosePlace(
  dataDir: string,
  clusterDir: string,
  runner: PostgresRunner,
): Promise<ServerPlace> {
  if (process.platform === 'win32') return { host: '127.0.0.1', port: await freePort() };
  if (fits(clusterDir)) return { host: clusterDir, port: SOCKET_PORT };
  const kept = (await readFile(memoryOf(dataDir), 'utf8').catch(() => '')).trim();
  if (kept !== '' && fits(kept) && (await isPrivate(kept, runner))) return { host: kept, port: SOCKET_PORT };
  const made = await mkdtemp(join(tmpdir(), 'mirror-'));
  if (!fits(made)) {
    await rm(made, { recursive: true, force: true });
    throw new StartRefusal(
      `The path of a socket may have ${pathMaxBytes} bytes, and both ${clusterDir} and ${tmpdir()} are too long: use a shorter DATA_DIR`,
    );
  }
  if (runner.kind === 'user') await chown(made, runner.uid, runner.gid);
  await writeFile(memoryOf(dataDir), `${made}\n`, { mode: 0o600 });
  return { host: made, port: SOCKET_PORT };
}

/** Removes the short folder, if there is one, when the server has stopped. */
export async function leavePlace(dataDir: string, clusterDir: string, place: ServerPlace): Promise<void> {
  if (process.platform === 'win32' || place.host === clusterDir) return;
  await rm(place.host, { recursive: true, force: true });
  await rm(memoryOf(dataDir), { force: true });
}

function memoryOf(dataDir: string): string {
  return join(dataDir, 'postgres-socket-folder');
}

function fits(folder: string): boolean {
  return Buffer.byteLength(`${folder}/.s.PGSQL.${SOCKET_PORT}`) <= pathMaxBytes;
}

/** Whether it is a folder of the server's user, closed to all others: another user may have made it under an old name. */
async function isPrivate(folder: string, runner: PostgresRunner): Promise<boolean> {
  const found = await lstat(folder).catch(() => null);
  if (found === null) return false;
  const owner = runner.kind === 'user' ? runner.uid : process.geteuid?.();
  return found.isDirectory() && found.uid === owner && (found.mode & 0o077) === 0;
}

/** A port of 127.0.0.1 that nobody listens on at this moment. */
async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('The system returned no port'));
      });
    });
  });
}
