import { readFile, rm, writeFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';

const FILE = 'service-url';

/** The URL by which this machine reaches a server that listens on `host` and `port`. */
export function localUrl(host: string, port: number): string {
  return `http://${reachable(host)}:${port}`;
}

/** Keeps the URL of the running service in `dataDir`, so that commands find it whatever its port. */
export async function keepServiceUrl(dataDir: string, url: string): Promise<void> {
  await writeFile(join(dataDir, FILE), `${url}\n`);
}

export async function forgetServiceUrl(dataDir: string): Promise<void> {
  await rm(join(dataDir, FILE), { force: true });
}

/** The URL of the service that runs in `dataDir`, or that was killed there; `null`: none is kept, or none can be read. */
export async function findServiceUrl(dataDir: string): Promise<string | null> {
  const text = await readFile(join(dataDir, FILE), 'utf8').catch(() => '');
  return /^http:\/\/\S+$/.exec(text.trim())?.[0] ?? null;
}

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}
