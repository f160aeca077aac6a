import { createHmac } from 'node:crypto';

export type Headers = Readonly<Record<string, string>>;

/**
 * The headers of a callback: `base64(HMAC-SHA256(secret, body "." nonce "." timestamp))`, the secret taken as text (Sinch,
 * "Validating callbacks").
 *
 * @param secret `''`: the webhook has none, and its callbacks are not signed
 * @param timestamp Unix seconds
 */
export function signCallback(body: string, secret: string, nonce: string, timestamp: number): Headers {
  const contentType = { 'content-type': 'application/json' };
  if (secret === '') return contentType;
  return {
    ...contentType,
    'x-sinch-webhook-signature': createHmac('sha256', secret)
      .update(`${body}.${nonce}.${timestamp}`)
      .digest('base64'),
    'x-sinch-webhook-signature-algorithm': 'HmacSHA256',
    'x-sinch-webhook-signature-nonce': nonce,
    'x-sinch-webhook-signature-timestamp': String(timestamp),
  };
}
