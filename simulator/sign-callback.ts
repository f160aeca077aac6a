import { createHmac } from 'node:crypto';

export type Headers = Readonly<Record<string, string>>;

const CONTENT_TYPE: Headers = { 'content-type': 'application/json' };

/**
 * The headers of a callback: `base64(HMAC-SHA256(secret, body "." nonce "." timestamp))`, the secret taken as text (Sinch,
 * "Validating callbacks").
 *
 * @param secret `''`: the webhook has none, and its callbacks are not signed
 * @param timestamp Unix seconds
 */
export function signCallback(body: string, secret: string, nonce: string, timestamp: number): Headers {
  if (secret === '') return CONTENT_TYPE;
  return signedHeaders(body, secret, nonce, String(timestamp));
}

/** As `signCallback`, for any secret and any timestamp. */
export function signedHeaders(
  body: Buffer | string,
  secret: string,
  nonce: string,
  timestamp: string,
): Headers {
  return {
    ...CONTENT_TYPE,
    'x-sinch-webhook-signature': createHmac('sha256', secret)
      .update(body)
      .update(`.${nonce}.${timestamp}`)
      .digest('base64'),
    'x-sinch-webhook-signature-algorithm': 'HmacSHA256',
    'x-sinch-webhook-signature-nonce': nonce,
    'x-sinch-webhook-signature-timestamp': timestamp,
  };
}
