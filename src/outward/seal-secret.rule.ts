import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

/** A key that secrets are sealed with, and the name by which sealed secrets refer to it. */
export interface SealingKey {
  /** Eight bytes, the beginning of a SHA-256 over the key. */
  readonly id: Buffer;
  readonly key: Uint8Array;
}

/** Where a secret belongs. Sealed for one place, it opens in no other. */
export interface SecretPlace {
  readonly projectId: string;
  readonly subscriptionId: string;
  readonly field: string;
}

/** A secret, or why it stays closed. `isCurrent`: under the current key, so that nothing needs to be done. */
export type Opening =
  { readonly kind: 'opened'; readonly secret: string; readonly isCurrent: boolean } | SealFault;

/** `detail` is a sentence for people; it names keys by their ids and shows nothing of secrets. */
export interface SealFault {
  readonly kind: 'unknown-key' | 'not-genuine' | 'unreadable';
  readonly detail: string;
}

/** Gives so many random bytes, as `randomBytes` of node:crypto does. A nonce that is used twice gives the key away. */
export type RandomSource = (bytes: number) => Uint8Array;

export const sealingKeyBytes = 32;
export const sealingKeysMax = 4;

const CIPHER = 'aes-256-gcm';
/** Of the layout: version, key id, nonce, tag, then the sealed text. */
const currentVersion = 1;
const keyIdBytes = 8;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + keyIdBytes;
const textAt = headBytes + nonceBytes + tagBytes;

/**
 * Makes the keys ready, the current one first.
 *
 * @param keys 1 to 4 keys of 32 bytes each
 * @throws Error where they are others; the configuration is at fault
 */
export function readSealingKeys(keys: readonly Uint8Array[]): readonly SealingKey[] {
  if (
    keys.length < 1 ||
    keys.length > sealingKeysMax ||
    keys.some(({ length }) => length !== sealingKeyBytes)
  )
    throw new Error(`There must be 1 to ${sealingKeysMax} keys of ${sealingKeyBytes} bytes each`);
  return keys.map((key) => {
    const id = createHash('sha256').update('outward-key\n').update(key).digest().subarray(0, keyIdBytes);
    return { id, key };
  });
}

/**
 * Seals a secret with the current key: AES-256-GCM with a random nonce of 96 bits (NIST SP 800-38D, 8.2.2).
 *
 * Its length stays visible. One key may seal 2^32 secrets before a nonce is likely enough to come twice.
 */
export function sealSecret(
  keys: readonly SealingKey[],
  place: SecretPlace,
  secret: string,
  random: RandomSource,
): Buffer {
  const [current] = keys;
  if (current === undefined) throw new Error('There is no key to seal with');
  const nonce = random(nonceBytes);
  const head = Buffer.concat([Buffer.from([currentVersion]), current.id]);
  const cipher = createCipheriv(CIPHER, current.key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(boundTo(head, place));
  const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
  return Buffer.concat([head, nonce, cipher.getAuthTag(), sealed]);
}

/**
 * Opens what `sealSecret` made, for the same place.
 *
 * A key is found by its id; it does not open what was changed by one bit, or was sealed for another place.
 */
export function openSecret(keys: readonly SealingKey[], place: SecretPlace, sealed: Buffer): Opening {
  if (sealed[0] !== currentVersion || sealed.length < textAt)
    return { kind: 'unreadable', detail: 'The sealed secret has a form that this version does not know.' };
  const head = sealed.subarray(0, headBytes);
  const index = keys.findIndex(({ id }) => id.equals(head.subarray(1)));
  const key = keys[index];
  if (key === undefined) return unknownKey(keys, head.subarray(1));
  const nonce = sealed.subarray(headBytes, headBytes + nonceBytes);
  const decipher = createDecipheriv(CIPHER, key.key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(boundTo(head, place)).setAuthTag(sealed.subarray(headBytes + nonceBytes, textAt));
  try {
    const opened = Buffer.concat([decipher.update(sealed.subarray(textAt)), decipher.final()]);
    return { kind: 'opened', secret: opened.toString(), isCurrent: index === 0 };
  } catch {
    const detail = `The key ${nameOf(key.id)} does not open the sealed secret: it was changed, or belongs to another subscription.`;
    return { kind: 'not-genuine', detail };
  }
}

/**
 * Seals a secret again under the current key.
 *
 * @returns null where it is under that key already
 */
export function resealSecret(
  keys: readonly SealingKey[],
  place: SecretPlace,
  sealed: Buffer,
  random: RandomSource,
): Buffer | SealFault | null {
  const opening = openSecret(keys, place, sealed);
  if (opening.kind !== 'opened') return opening;
  return opening.isCurrent ? null : sealSecret(keys, place, opening.secret, random);
}

function unknownKey(keys: readonly SealingKey[], id: Buffer): SealFault {
  const known = keys.map((each) => nameOf(each.id)).join(', ');
  const detail = `The secret was sealed with the key ${nameOf(id)}; the configured keys are ${known}. Configure that key again, after the current one.`;
  return { kind: 'unknown-key', detail };
}

function nameOf(id: Buffer): string {
  return id.toString('hex');
}

/** As a JSON list, which no two places share. */
function boundTo(head: Buffer, { projectId, subscriptionId, field }: SecretPlace): Buffer {
  return Buffer.concat([head, Buffer.from(JSON.stringify([projectId, subscriptionId, field]))]);
}
