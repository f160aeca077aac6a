import { randomUUID } from 'node:crypto';
import { signatureOf } from './verify-signature.rule';

const answerMaxMs = 5_000;
/** Most bytes that are read of an answer: the service's has 25. */
const answerMaxBytes = 1_024;

/** What a target answered: the beginning of its text, empty where it broke off. */
export interface SignedAnswer {
  readonly status: number;
  readonly text: string;
}

/** Sends a delivery to a target, signed as Sinch signs it. Redirects are not followed. @returns null when nothing answered */
export async function sendSigned(target: string, secret: string, body: Buffer): Promise<SignedAnswer | null> {
  const nonce = randomUUID();
  const timestamp = String(Math.floor(Date.now() / 1000));
  let response: Response;
  try {
    response = await fetch(target, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-sinch-webhook-signature': signatureOf(secret, body, nonce, timestamp),
        'x-sinch-webhook-signature-algorithm': 'HmacSHA256',
        'x-sinch-webhook-signature-nonce': nonce,
        'x-sinch-webhook-signature-timestamp': timestamp,
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(answerMaxMs),
    });
  } catch {
    return null;
  }
  return { status: response.status, text: await beginningOf(response) };
}

async function beginningOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // Node's streams can be iterated, which the type of fetch does not say
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > answerMaxBytes) break;
    }
  } catch {
    return '';
  }
  return Buffer.concat(chunks).toString();
}
