import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** Bytes of a key that nobody can guess. */
export const secretBytes = 32;
/** Random bytes of a key's id. */
export const keyIdBytes = 10;
/** Bytes of its tag: who makes up ids meets a right tag once in 2^48. */
const keyIdTagBytes = 6;

const KEY_ID = /^[0-9a-f]{32}$/;
/** `scm_`, the id by which the key is looked up, and the secret: 32 hex digits and 43 of base64url. */
const KEY = /^scm_([0-9a-f]{32})_[\w-]{43}$/;

/**
 * Composes the id of a key: random bytes and a tag over them, in hex digits.
 *
 * By the tag an id that somebody made up is known without a look-up. It is no secret, and no proof of who the caller is.
 * @param serviceKey 32 random bytes, the same for every replica
 */
export function composeKeyId(random: Buffer, serviceKey: Buffer): string {
  return `${random.toString('hex')}${tagOf(random, serviceKey).toString('hex')}`;
}

/** Whether `composeKeyId` made an id with the service's key; for any text. */
export function isKeyIdOf(id: string, serviceKey: Buffer): boolean {
  if (!KEY_ID.test(id)) return false;
  const bytes = Buffer.from(id, 'hex');
  return timingSafeEqual(bytes.subarray(keyIdBytes), tagOf(bytes.subarray(0, keyIdBytes), serviceKey));
}

function tagOf(random: Buffer, serviceKey: Buffer): Buffer {
  // the label keeps it apart from whatever else the key signs
  return createHmac('sha256', serviceKey)
    .update('api-key-id\n')
    .update(random)
    .digest()
    .subarray(0, keyIdTagBytes);
}

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
