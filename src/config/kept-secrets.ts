import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '../base/error-code';
import { oneLineOf, StartRefusal } from './start-refusal';

export type SecretName = 'webhook-secret' | 'admin-api-key' | 'outward-key' | 'postgres-password';

/** A secret that lives in a file of `DATA_DIR`, mode 0600. */
export interface KeptSecret {
  readonly value: string;
  readonly path: string;
  /** This start made it, so this start shows it, once. */
  readonly made: boolean;
}

const LENGTH_MIN = 32;
const LENGTH_MAX = 512;

/** What to do about a file that holds no usable secret. */
const REMEDIES: Readonly<Record<SecretName, string>> = {
  'webhook-secret':
    'correct the file, or remove it to have a new secret created (Sinch then needs the new one)',
  'admin-api-key':
    'correct the file, or remove it to have a new key created (your callers then need the new one)',
  'outward-key':
    'restore the file from your backup of DATA_DIR (without it, the secrets of subscriptions cannot be read)',
  'postgres-password': 'restore the file from your backup of DATA_DIR',
};

/**
 * Reads a secret from `dataDir`, making it if there is none.
 *
 * It appears whole or not at all, is on disk before it is used, and is never overwritten: of two starts at once one makes
 * it and both get the same value.
 * @throws StartRefusal when the file holds no usable secret or the folder cannot be used.
 */
export async function keepSecret(dataDir: string, name: SecretName): Promise<KeptSecret> {
  const path = join(dataDir, name);
  try {
    const kept = await readSecret(dataDir, name);
    if (kept !== null) return { value: kept, path, made: false };
    await makeFolder(dataDir);
    const made = await makeSecret(dataDir, path);
    const value = await readSecret(dataDir, name);
    if (value !== null) return { value, path, made };
    throw new StartRefusal(`${path} was removed while it was being created: start again`);
  } catch (error) {
    if (error instanceof StartRefusal) throw error;
    throw new StartRefusal(
      `${path} cannot be written: ${oneLineOf(error)}. Make DATA_DIR a folder that the service can write, or set another one`,
    );
  }
}

/**
 * The secret that an earlier start keeps in `dataDir`, or `null` if none does.
 *
 * @throws StartRefusal when the file holds no usable secret or cannot be read.
 */
export function findSecret(dataDir: string, name: SecretName): Promise<string | null> {
  return readSecret(dataDir, name);
}

/** The secret in the file, or `null` if there is no file. */
async function readSecret(dataDir: string, name: SecretName): Promise<string | null> {
  const path = join(dataDir, name);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return null;
    throw new StartRefusal(
      `${path} cannot be read: ${oneLineOf(error)}. Let the user of the service read it, or set another DATA_DIR`,
    );
  });
  if (text === null) return null;
  const value = text.trim();
  if (value.length >= LENGTH_MIN && value.length <= LENGTH_MAX && /^[\x21-\x7e]+$/.test(value)) return value;
  throw new StartRefusal(
    `${path} must hold one line of ${LENGTH_MIN} to ${LENGTH_MAX} visible ASCII characters: ${REMEDIES[name]}`,
  );
}

/** Closed to others where it is new. (Node's own recursive `mkdir` never returns where the system refuses, as in /proc.) */
async function makeFolder(path: string, withParents = true): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    if (errorCode(error) !== 'ENOENT' || !withParents) throw error;
    await makeFolder(dirname(path));
    await makeFolder(path, false);
  }
}

/** Writes a new secret under a name of its own, then links it into place; `false` if another start was first. */
async function makeSecret(dataDir: string, path: string): Promise<boolean> {
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    await file.writeFile(`${randomBytes(32).toString('base64url')}\n`);
    await file.sync();
    await file.close();
    await link(draft, path);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const folder = await open(dataDir);
  await folder.sync();
  await folder.close();
  return true;
}
