import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { SignatureParts } from '../audit/audit-event';

/** How far Sinch's clock may be ahead of ours, in seconds. */
const aheadMaxSeconds = 300;

/**
 * How a delivery's signature was judged.
 *
 * `signed` with an untimely `timing` is genuine all the same: our clock may be the wrong one, so it is kept, not refused.
 */
export type Verdict =
  | { readonly kind: 'unsigned'; readonly detail: string }
  | { readonly kind: 'signed'; readonly parts: SignatureParts; readonly timing: Timing };
export type Timing = 'timely' | 'stale-timestamp' | 'future-timestamp' | 'unreadable-timestamp';

/**
 * Verifies Sinch's signature: `base64(HMAC-SHA256(secret, body "." nonce "." timestamp))` over the bytes as received
 * (Sinch, "Validating callbacks"; docs/sinch.md, 3).
 *
 * The secret is used as text, not decoded. Every secret is tried, so that a new one may come before the old one goes. The
 * signature is compared as canonical base64 text in constant time: the decoder would take twins of it.
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
): Verdict {
  const signature = headers['x-sinch-webhook-signature'];
  const algorithm = headers['x-sinch-webhook-signature-algorithm'];
  const nonce = headers['x-sinch-webhook-signature-nonce'];
  const timestamp = headers['x-sinch-webhook-signature-timestamp'];
  if (!isText(signature) || !isText(nonce) || !isText(timestamp)) {
    return { kind: 'unsigned', detail: 'A signature header is missing or empty.' };
  }
  if (algorithm !== 'HmacSHA256') {
    return { kind: 'unsigned', detail: 'x-sinch-webhook-signature-algorithm is not HmacSHA256.' };
  }
  const secret = secrets.find((candidate) => isSignedWith(candidate, body, nonce, timestamp, signature));
  if (secret === undefined) return { kind: 'unsigned', detail: 'The signature fits none of the secrets.' };
  const parts = { nonce, timestamp, signature, secret_id: hash('sha256', secret, 'hex').slice(0, 8) };
  return { kind: 'signed', parts, timing: judgeTiming(timestamp, maxAgeSeconds, now) };
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

function judgeTiming(timestamp: string, maxAgeSeconds: number, now: number): Timing {
  if (!/^\d{1,15}$/.test(timestamp)) return 'unreadable-timestamp';
  const ageSeconds = now - Number(timestamp);
  if (ageSeconds > maxAgeSeconds) return 'stale-timestamp';
  return ageSeconds < -aheadMaxSeconds ? 'future-timestamp' : 'timely';
}
