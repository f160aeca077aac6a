import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What is measured, and the `stripe` that it needs beside it (> 18): one that runs on every Node that the service runs on. */
export const PEER = { '@supabase/stripe-sync-engine': '0.48.5', stripe: '20.4.1' };

const installMaxMs = 180_000;

/**
 * Installs the peer into a folder that does not exist yet: it is none of the project's packages.
 *
 * The driver of Postgres is the service's, in the same version. Scripts of packages do not run.
 * @throws Error that says what to do where npm could not install it
 */
export async function installPeer(folder: string): Promise<void> {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly dependencies: Readonly<Record<'pg', string>>; // our own file
  };
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, dependencies: PEER, overrides: { pg: dependencies.pg } }),
  );
  const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  try {
    await promisify(execFile)(
      'npm',
      ['install', '--prefix', folder, ...options, '--prefer-offline', '--fetch-retries=1'],
      { cwd: folder, timeout: installMaxMs },
    );
  } catch (error) {
    const packages = Object.entries(PEER).map(([name, version]) => `${name} ${version}`);
    throw new Error(
      `npm could not install ${packages.join(' and ')}, which this bench measures and the project does not contain. ` +
        'Connect this machine to the registry that npm is configured for (npm ping shows whether it answers), ' +
        `then run the bench again; later runs use npm's cache. npm said: ${reasonOf(error)}`,
      { cause: error },
    );
  }
}

/** What npm wrote as the reason, in one line. */
function reasonOf(error: unknown): string {
  const { stderr = '', killed = false } = error as { readonly stderr?: string; readonly killed?: boolean }; // of execFile
  if (killed) return `nothing within ${installMaxMs / 1_000} s`;
  const reasons = stderr.split('\n').flatMap((line) => /^npm err(?:or|!) (.+)/i.exec(line)?.[1] ?? []);
  return reasons.slice(0, 3).join('; ') || String(error);
}
