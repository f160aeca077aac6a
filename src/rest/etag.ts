import { hash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';

/** An entity tag within a list, weak or strong; its opaque part (RFC 9110, section 8.8.3). */
const ENTITY_TAG = /(?:W\/)?("[\x21\x23-\x7e\x80-\xff]*")/g;

/**
 * Tags every 200 to a GET or HEAD with a strong hash of the answer's bytes, and answers 304 to those who have them.
 *
 * Streams are not tagged; a tag that a handler gave is kept.
 */
export function tagAnswers(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const isWhole = typeof payload === 'string' || Buffer.isBuffer(payload);
    if (!isRead || reply.statusCode !== 200 || !isWhole) {
      done(null, payload);
      return;
    }
    // a text would be made bytes by each who counts, hashes and sends it
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    const given = reply.getHeader('etag');
    const etag =
      typeof given === 'string' ? given : typeof payload === 'string' ? reckon(bytes) : etagOf(payload);
    reply.header('etag', etag);
    if (!hasRepresentation(request.headers['if-none-match'], etag)) {
      done(null, bytes);
      return;
    }
    reply.code(304).removeHeader('content-type');
    // of a HEAD, Fastify still takes the length of the payload that it then leaves out
    done(null, request.method === 'HEAD' ? bytes : null);
  });
}

/** Of bytes that are sent again and again it is reckoned once. */
const known = new WeakMap<Buffer, string>();

function etagOf(payload: Buffer): string {
  const etag = known.get(payload) ?? reckon(payload);
  known.set(payload, etag);
  return etag;
}

function reckon(bytes: Buffer): string {
  return `"${hash('sha256', bytes, 'base64url')}"`;
}

/**
 * Whether `If-None-Match` names the representation (RFC 9110, section 13.1.2): compared weakly, and `*` is any.
 *
 * @param etag strong
 */
export function hasRepresentation(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return [...ifNoneMatch.matchAll(ENTITY_TAG)].some(([, opaque]) => opaque === etag);
}

/**
 * Whether `If-Match` names the representation (RFC 9110, section 13.1.1): compared strongly, so weak tags name nothing, and `*`
 * is any.
 *
 * @param etag strong
 */
export function isMatchedBy(ifMatch: string, etag: string): boolean {
  if (ifMatch.trim() === '*') return true;
  return [...ifMatch.matchAll(ENTITY_TAG)].some(([tag]) => tag === etag);
}
