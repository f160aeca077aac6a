import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { SignatureParts } from '../audit/audit-event.rule';

/** How far Sinch's clock may be ahead of ours, in seconds. */
export const signedAheadMaxSeconds = 300;

/** Why a delivery is not applied although its signature is right. */
export const SIGNATURE_FAULTS = [
  'unreadable-nonce',
  'unreadable-timestamp',
  'stale-timestamp',
  'future-timestamp',
] as const;
export type SignatureFault = (typeof SIGNATURE_FAULTS)[number];

/**
 * How a delivery's signature was judged.
 *
 * - `signed`: genuine. With a `fault` it is kept in quarantine, not refused: our clock may be the wrong one.
 * - `unsigned`: none of our secrets made this signature.
 * - `unknown-algorithm`: as `unsigned`, but the delivery names an algorithm that we do not know, so we cannot tell. Sinch
 *   should send it again.
 */
export type SignatureVerdict =
  | {
      readonly kind: 'signed';
      readonly parts: SignatureParts;
      /** Place of the secret in the list; 0 is the current one. */
      readonly secretIndex: number;
      readonly fault: SignatureFault | null;
    }
  | { readonly kind: 'unsigned' | 'unknown-algorithm'; readonly detail: string };

/**
 * Verifies Sinch's signature: `base64(HMAC-SHA256(secret, body "." nonce "." timestamp))` over the bytes as received
 * (Sinch, "Validating callbacks"; docs/sinch.md, 3).
 *
 * The secret is used as text, not decoded. Every secret is tried, so that a new one may come before the old one goes. The
 * signature is compared as canonical base64 text in constant time: the decoder would take twins of it. It alone decides: some
 * of Sinch's clients send no algorithm header, and its spelling proves nothing.
 *
 * The signed text has one reading only while neither nonce nor timestamp contains a dot. Otherwise the text of one delivery,
 * split at a dot of its body, would be rightly signed as another delivery: such a one gets a fault.
 *
 * @param secrets the webhook's secrets, current first
 * @param maxAgeSeconds oldest timely timestamp: days, since a genuine retry may carry that of the first delivery
 * @param now by our clock, in Unix seconds
 */
export function verifySignature(
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  secrets: readonly string[],
  maxAgeSeconds: number,
  now: number,
): SignatureVerdict {
  const signature = headers['x-sinch-webhook-signature'];
  const nonce = headers['x-sinch-webhook-signature-nonce'];
  const timestamp = headers['x-sinch-webhook-signature-timestamp'];
  if (!isText(signature) || !isText(nonce) || !isText(timestamp)) {
    return { kind: 'unsigned', detail: 'A signature header is missing or empty.' };
  }
  const secretIndex = secrets.findIndex((secret) => isSignedWith(secret, body, nonce, timestamp, signature));
  const secret = secrets[secretIndex];
  if (secret === undefined) return refusalOf(headers['x-sinch-webhook-signature-algorithm']);
  const parts = { nonce, timestamp, signature, secret_id: hash('sha256', secret, 'hex').slice(0, 8) };
  return { kind: 'signed', parts, secretIndex, fault: faultOf(nonce, timestamp, maxAgeSeconds, now) };
}

function isText(value: string | string[] | undefined): value is string {
  return typeof value === 'string' && value !== '';
}

function isSignedWith(
  secret: string,
  body: Uint8Array,
  nonce: string,
  timestamp: string,
  signature: string,
): boolean {
  const expected = signatureOf(secret, body, nonce, timestamp);
  const [given, right] = [Buffer.from(signature, 'latin1'), Buffer.from(expected, 'latin1')];
  return given.length === right.length && timingSafeEqual(given, right);
}

/** Sinch's signature of a body. Header values are bytes that Node reads as latin1. */
export function signatureOf(secret: string, body: Uint8Array, nonce: string, timestamp: string): string {
  return createHmac('sha256', secret)
    .update(body)
    .update(`.${nonce}.${timestamp}`, 'latin1')
    .digest('base64');
}

/** A repeated header arrives as one, its values separated by commas. */
function refusalOf(algorithm: string | string[] | undefined): SignatureVerdict {
  const names = String(algorithm ?? '').split(',');
  const unknown = names.map((name) => name.trim()).find((name) => !/^(?:hmac[-_]?sha[-_]?256)?$/i.test(name));
  if (unknown === undefined) {
    return {
      kind: 'unsigned',
      detail: 'The signature does not match the received bytes under any configured webhook secret.',
    };
  }
  const shown = unknown.replaceAll(/[^!-~]/g, '?').slice(0, 32);
  return {
    kind: 'unknown-algorithm',
    detail: `The signature does not match as HmacSHA256, and the algorithm header names ${shown}, which this version does not know.`,
  };
}

function faultOf(
  nonce: string,
  timestamp: string,
  maxAgeSeconds: number,
  now: number,
): SignatureFault | null {
  if (!/^[!-\-/-~]{1,128}$/.test(nonce)) return 'unreadable-nonce';
  if (!/^\d{1,15}$/.test(timestamp)) return 'unreadable-timestamp';
  const ageSeconds = now - Number(timestamp);
  if (ageSeconds > maxAgeSeconds) return 'stale-timestamp';
  return ageSeconds < -signedAheadMaxSeconds ? 'future-timestamp' : null;
}
