import { fastify, type FastifyInstance, type FastifyReply } from 'fastify';
import type { Clock } from './clock.rule';
import type { Dials } from './dials';
import { invalid, Refusal, writeError } from './refusal.rule';

const bodyMaxBytes = 1_048_576;
const pathIdMax = 512;

/** The server that the routes are put on: its dates, its bodies and its errors. */
export function buildRest(dials: Dials, clock: Clock): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: bodyMaxBytes,
    routerOptions: { maxParamLength: pathIdMax },
    forceCloseConnections: true,
  });
  app.addHook('onRequest', (_request, reply, done) => {
    dateAnswer(reply, dials, clock);
    done();
  });
  readBodies(app);
  app.setErrorHandler((error, _request, reply) => refuse(reply, toRefusal(error), dials));
  // so Sinch answers a route that it does not have
  app.setNotFoundHandler((_request, reply) =>
    refuse(reply, new Refusal('UNIMPLEMENTED', 'Route not found.'), dials),
  );
  return app;
}

function dateAnswer(reply: FastifyReply, dials: Dials, clock: Clock): void {
  const { dateOffsetSeconds } = dials.now;
  if (dateOffsetSeconds === 'missing') reply.raw.sendDate = false;
  else reply.header('date', new Date(clock.nowMs() + dateOffsetSeconds * 1000).toUTCString());
}

/** Sinch's client says `application/json` where it sends nothing, too. */
function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done) => {
      done(null, new URLSearchParams(String(body)));
    },
  );
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? undefined : JSON.parse(String(body)));
    } catch {
      done(invalid('The body is not JSON.'));
    }
  });
}

function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const message = error instanceof Error ? error.message : String(error);
  const isOfClient =
    typeof error === 'object' && error !== null && 'statusCode' in error && Number(error.statusCode) < 500;
  return isOfClient ? invalid(message) : new Refusal('INTERNAL', message);
}

function refuse(reply: FastifyReply, refusal: Refusal, dials: Dials): FastifyReply {
  const { contentType, body } = writeError(refusal, dials.now.errorShape);
  return reply.status(refusal.status).headers(refusal.headers).type(contentType).send(body);
}
