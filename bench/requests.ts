import { createHmac, randomUUID } from 'node:crypto';
import { openSync, closeSync, fsyncSync, writeSync } from 'node:fs';

const chunkBytes = 1024 * 1024;

/**
 * Writes signed requests to a file, one after the other, each behind its length in eight digits: `send.lua` and `sender.ts`
 * read it.
 */
export function writeRequests(path: string, bodies: Iterable<string>, secret: string): void {
  const file = openSync(path, 'w');
  let chunk = '';
  for (const body of bodies) {
    chunk += framed(request(body, secret));
    if (chunk.length < chunkBytes) continue;
    writeSync(file, chunk, null, 'latin1');
    chunk = '';
  }
  writeSync(file, chunk, null, 'latin1');
  // or the disk would still write it while commits are measured
  fsyncSync(file);
  closeSync(file);
}

/** As Sinch sends it, a character a byte. */
function request(text: string, secret: string): string {
  const body = Buffer.from(text).toString('latin1');
  const nonce = randomUUID();
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = createHmac('sha256', secret)
    .update(`${body}.${nonce}.${timestamp}`, 'latin1')
    .digest('base64');
  return [
    'POST /webhooks/sinch HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    `x-sinch-webhook-signature: ${signature}`,
    'x-sinch-webhook-signature-algorithm: HmacSHA256',
    `x-sinch-webhook-signature-nonce: ${nonce}`,
    `x-sinch-webhook-signature-timestamp: ${timestamp}`,
    '',
    body,
  ].join('\r\n');
}

function framed(text: string): string {
  return String(text.length).padStart(8, '0') + text;
}
