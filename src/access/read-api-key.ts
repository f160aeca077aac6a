import { createHash } from 'node:crypto';

/** Bytes of a key that nobody can guess. */
export const secretBytes = 32;
/** Bytes of a key's id. */
export const keyIdBytes = 10;

/** `scm_`, the id by which the key is looked up, and the secret: 20 hex digits and 43 of base64url. */
const KEY = /^scm_([0-9a-f]{20})_[\w-]{43}$/;

/** Composes a key, which is shown once and kept by nobody here. */
export function composeApiKey(id: string, secret: Buffer): string {
  return `scm_${id}_${secret.toString('base64url')}`;
}

/** The id within a key; null for what is no key of ours, whatever it may hold. */
export function readKeyId(key: string): string | null {
  return KEY.exec(key)?.[1] ?? null;
}

/** SHA-256: enough for 256 random bits, which nobody tries out. Of one length, so comparing tells nothing of a key's. */
export function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
