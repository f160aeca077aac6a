import { createHmac, randomUUID } from 'node:crypto';
import { openSync, closeSync, fsyncSync, writeSync } from 'node:fs';
import { type Headers, signCallback } from '../simulator/sign-callback';

const chunkBytes = 1024 * 1024;

/**
 * Writes signed requests to a file, one after the other, each behind its length in eight digits: `send.lua` and `sender.ts`
 * read it.
 */
export function writeRequests(path: string, bodies: Iterable<string>, secret: string): void {
  writeAll(path, deliveries(bodies, secret));
}

/** As `writeRequests`, for events of Stripe: for `peer-server.ts`. */
export function writeStripeRequests(path: string, bodies: readonly string[], secret: string): void {
  writeAll(
    path,
    bodies.map((body) => post('/webhooks/stripe', body, signedForStripe(body, secret))),
  );
}

/** Writes requests that read, by their paths, in the same form. */
export function writeReads(path: string, paths: readonly string[], key: string): void {
  const head = `HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n\r\n`;
  writeAll(
    path,
    paths.map((each) => `GET ${each} ${head}`),
  );
}

function* deliveries(bodies: Iterable<string>, secret: string): Generator<string> {
  for (const body of bodies)
    yield post('/webhooks/sinch', body, signCallback(body, secret, randomUUID(), nowSeconds()));
}

/** The headers of Stripe's webhooks: the time and `hex(HMAC-SHA256(secret, time "." body))` (Stripe, "Verify signatures manually"). */
function signedForStripe(body: string, secret: string): Headers {
  const time = nowSeconds();
  const signature = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
  return { 'content-type': 'application/json', 'stripe-signature': `t=${time},v1=${signature}` };
}

function writeAll(path: string, requests: Iterable<string>): void {
  const file = openSync(path, 'w');
  let chunk = '';
  for (const each of requests) {
    chunk += framed(each);
    if (chunk.length < chunkBytes) continue;
    writeSync(file, chunk, null, 'latin1');
    chunk = '';
  }
  writeSync(file, chunk, null, 'latin1');
  // or the disk would still write it while commits are measured
  fsyncSync(file);
  closeSync(file);
}

/** A character a byte. */
function post(path: string, text: string, headers: Headers): string {
  const body = Buffer.from(text).toString('latin1');
  return [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    `Content-Length: ${body.length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

function framed(text: string): string {
  return String(text.length).padStart(8, '0') + text;
}
