import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

/** An answer as it is kept for who repeats the request. */
export interface KeptAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const CIPHER = 'aes-256-gcm';
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;

/** By what an idempotency key is found again; it does not tell the key. */
export function digestOfKey(key: string): Buffer {
  return createHash('sha256').update(`idempotency-key\n${key}`).digest();
}

/** What makes a request the same as another: its method, its target with its query, and its body, byte for byte. */
export function digestOfRequest(method: string, target: string, body: Uint8Array): Buffer {
  return createHash('sha256').update(`${method} ${target}\n`).update(body).digest();
}

/**
 * Seals an answer so that it takes the idempotency key to read it: it may show an API key, or a contact.
 *
 * @param callerId the id of the caller's API key, so that one idempotency key of two callers makes two sealing keys
 */
export function sealAnswer(key: string, callerId: string, answer: KeptAnswer): Buffer {
  const [salt, nonce] = [randomBytes(saltBytes), randomBytes(nonceBytes)];
  const cipher = createCipheriv(CIPHER, sealingKey(key, callerId, salt), nonce);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(answer)), cipher.final()]);
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), sealed]);
}

/** @throws Error unless `sealAnswer` made it with the same key of the same caller */
export function openAnswer(key: string, callerId: string, sealed: Buffer): KeptAnswer {
  const salt = sealed.subarray(0, saltBytes);
  const nonce = sealed.subarray(saltBytes, saltBytes + nonceBytes);
  const tag = sealed.subarray(saltBytes + nonceBytes, saltBytes + nonceBytes + tagBytes);
  const decipher = createDecipheriv(CIPHER, sealingKey(key, callerId, salt), nonce).setAuthTag(tag);
  const opened = [decipher.update(sealed.subarray(saltBytes + nonceBytes + tagBytes)), decipher.final()];
  return JSON.parse(Buffer.concat(opened).toString()) as KeptAnswer; // sealed by us
}

function sealingKey(key: string, callerId: string, salt: Buffer): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, salt, `answer\n${callerId}`, 32));
}
