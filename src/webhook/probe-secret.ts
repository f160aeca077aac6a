import { randomUUID } from 'node:crypto';
import { signatureOf } from './verify-signature';

const probeMaxMs = 5_000;
/** A callback of another trigger, which the service ignores. */
const BODY = Buffer.from('{"message_delivery_report":{"message_id":"probe"}}');

/** `unknown`: nothing answered at the target, or something that says neither. */
export type Probe = 'accepted' | 'refused' | 'unknown';

/** Asks the service at a target, as Sinch would, whether it takes what a secret signs. Changes nothing there. */
export async function probeSecret(target: string, secret: string): Promise<Probe> {
  const nonce = randomUUID();
  const timestamp = String(Math.floor(Date.now() / 1000));
  try {
    const { status, body } = await fetch(target, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-sinch-webhook-signature': signatureOf(secret, BODY, nonce, timestamp),
        'x-sinch-webhook-signature-algorithm': 'HmacSHA256',
        'x-sinch-webhook-signature-nonce': nonce,
        'x-sinch-webhook-signature-timestamp': timestamp,
      },
      body: BODY,
      redirect: 'manual',
      signal: AbortSignal.timeout(probeMaxMs),
    });
    await body?.cancel();
    if (status === 401) return 'refused';
    return status >= 200 && status < 300 ? 'accepted' : 'unknown';
  } catch {
    return 'unknown';
  }
}
