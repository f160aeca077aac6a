import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';

/**
 * What a webhook is signed with (Standard Webhooks 1.0, "Signature scheme").
 *
 * `hmac`: a secret that the receiver has too, signatures `v1`. `ed25519`: a key whose public half the receiver has, `v1a`.
 */
export type SigningKey =
  | { readonly kind: 'hmac'; readonly secret: Uint8Array }
  | { readonly kind: 'ed25519'; readonly privateKey: KeyObject };

/** Of a secret, and of the seed of an ed25519 key. */
export const signingSecretBytes = 32;

const HMAC_PREFIX = 'whsec_';
const ED25519_PREFIX = 'whsk_';
const ED25519_PUBLIC_PREFIX = 'whpk_';

/** What stands before the seed, or the public key, in DER (RFC 8410, sections 7 and 4). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const spkiHeadBytes = 12;

/** Writes 32 random bytes as a signing secret: `whsec_` and base64, as the receiver is given it. */
export function writeSigningSecret(random: Uint8Array): string {
  return HMAC_PREFIX + base64Of(random);
}

/** Writes 32 random bytes as the private key of ed25519: `whsk_` and base64. No receiver gets it. */
export function writeSigningSeed(random: Uint8Array): string {
  return ED25519_PREFIX + base64Of(random);
}

/**
 * Reads what `writeSigningSecret` or `writeSigningSeed` wrote.
 *
 * @returns null for anything else: another prefix, another length, base64 that is not canonical
 */
export function readSigningKey(text: string): SigningKey | null {
  const prefix = [HMAC_PREFIX, ED25519_PREFIX].find((each) => text.startsWith(each));
  if (prefix === undefined) return null;
  const secret = Buffer.from(text.slice(prefix.length), 'base64');
  if (secret.length !== signingSecretBytes || prefix + base64Of(secret) !== text) return null;
  if (prefix === HMAC_PREFIX) return { kind: 'hmac', secret };
  const key = Buffer.concat([PKCS8_HEAD, secret]);
  return { kind: 'ed25519', privateKey: createPrivateKey({ key, format: 'der', type: 'pkcs8' }) };
}

/** The public half of an ed25519 key, as the receiver is given it: `whpk_` and base64 of 32 bytes. */
export function publicKeyOf(privateKey: KeyObject): string {
  const der = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return ED25519_PUBLIC_PREFIX + base64Of(der.subarray(spkiHeadBytes));
}

/** The three headers that make a request a signed webhook. */
export interface SignatureHeaders {
  readonly 'webhook-id': string;
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/**
 * Signs a webhook: one signature for each key, in their order, over the bytes of `id.timestamp.body`.
 *
 * While a secret is being replaced, both sign, so that the receiver may change over at any time.
 *
 * @param id without a dot: the signed text would have two readings
 * @param timestampSeconds of this attempt, in Unix seconds
 * @param body the bytes exactly as they are sent
 * @throws Error where the id or the time cannot be signed, or there is no key; ours is the fault
 */
export function signWebhook(
  id: string,
  timestampSeconds: number,
  body: Uint8Array,
  keys: readonly SigningKey[],
): SignatureHeaders {
  if (!/^[\w-]+$/.test(id))
    throw new Error('A webhook id has other characters than letters, digits, _ and -');
  if (!Number.isSafeInteger(timestampSeconds) || timestampSeconds < 0)
    throw new Error('A webhook timestamp is no whole number of seconds');
  if (keys.length === 0) throw new Error('A webhook has no key to sign it');
  const head = `${id}.${timestampSeconds}.`;
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': keys.map((key) => signatureOf(key, head, body)).join(' '),
  };
}

function signatureOf(key: SigningKey, head: string, body: Uint8Array): string {
  if (key.kind === 'hmac')
    return `v1,${createHmac('sha256', key.secret).update(head).update(body).digest('base64')}`;
  // ed25519 takes the text whole, and no digest by name
  return `v1a,${sign(null, Buffer.concat([Buffer.from(head), body]), key.privateKey).toString('base64')}`;
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
