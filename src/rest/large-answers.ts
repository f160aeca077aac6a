import type { FastifyInstance } from 'fastify';
import { OneATurn } from '../base/one-a-turn';
import { JsonText } from './json-text';

/** From how many bytes on, about, an answer is written as JSON in a turn of the event loop of its own. */
const writtenTogetherBytesMax = 64 * 1024;
/** What a value takes at least, with what surrounds it. */
const valueBytes = 8;

/**
 * Has one large answer be written in each turn of the event loop: those that are ready together would make one long turn. What is
 * JSON already is written as it is.
 */
export function writeInTurns(fastify: FastifyInstance): void {
  const large = new OneATurn();
  fastify.addHook('preSerialization', (_request, reply, payload, done) => {
    if (payload instanceof JsonText) reply.serializer(textOf);
    if (bytesLeft(payload, writtenTogetherBytesMax) > 0) {
      done(null, payload);
      return;
    }
    void large.next().then(() => {
      done(null, payload);
    });
  });
}

/** Of whatever is sent at last: a problem may have taken its place. */
function textOf(payload: unknown): string {
  return payload instanceof JsonText ? payload.text : JSON.stringify(payload);
}

/** What is left of so many bytes after a value, about; looks no further than until none are. */
function bytesLeft(value: unknown, bytes: number): number {
  if (typeof value === 'string') return bytes - value.length;
  if (value instanceof JsonText) return bytes - value.text.length;
  let left = bytes - valueBytes;
  if (typeof value !== 'object' || value === null) return left;
  for (const [name, each] of Object.entries(value)) {
    if (left <= 0) break;
    left = bytesLeft(each, left - name.length);
  }
  return left;
}
