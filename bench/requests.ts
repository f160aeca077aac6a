import { randomUUID } from 'node:crypto';
import { openSync, closeSync, fsyncSync, writeSync } from 'node:fs';
import { signCallback } from '../simulator/sign-callback';

const chunkBytes = 1024 * 1024;

/**
 * Writes signed requests to a file, one after the other, each behind its length in eight digits: `send.lua` and `sender.ts`
 * read it.
 */
export function writeRequests(path: string, bodies: Iterable<string>, secret: string): void {
  writeAll(path, deliveries(bodies, secret));
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
  for (const body of bodies) yield request(body, secret);
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

/** As Sinch sends it, a character a byte. */
function request(text: string, secret: string): string {
  const body = Buffer.from(text).toString('latin1');
  const signed = signCallback(text, secret, randomUUID(), Math.floor(Date.now() / 1000));
  return [
    'POST /webhooks/sinch HTTP/1.1',
    'Host: localhost',
    `Content-Length: ${body.length}`,
    ...Object.entries(signed).map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');
}

function framed(text: string): string {
  return String(text.length).padStart(8, '0') + text;
}
