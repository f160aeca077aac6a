import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { LIMITS, type BodyBudget, type BodyPlace, type CutReason } from './body-budget';
import { Problem } from '../rest/problems/problem';
import { unavailable } from '../rest/problems/unavailable';
import { sendProblem } from '../rest/problems/problem.filter';
import { webhookPath } from '../base/webhook-path.rule';

/** How often slow bodies are looked for, in ms. */
const lookEveryMs = 1_000;

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the body that is on its way. */
    bodyPlace?: BodyPlace;
    /** Set while the body is being read: ends the reading. */
    endReading?: (problem: Problem) => void;
  }
}

/** Reads every body as a Buffer, whatever its content type, or without one: signatures are over bytes. */
export function readBodies(fastify: FastifyInstance, budget: BodyBudget): void {
  fastify.addHook('onRequest', (request, reply, next) => {
    const declaredBytes = declaredLengthOf(request.raw);
    // what is too large is answered without being read
    if (declaredBytes === 0 || (declaredBytes ?? 0) > request.routeOptions.bodyLimit) {
      next();
      return;
    }
    const place = budget.reserve(declaredBytes ?? budget.limits.smallMaxBytes, (reason) => {
      giveUp(request, reply, reason);
    });
    if (place === null) {
      giveUp(request, reply, 'full');
      return;
    }
    request.bodyPlace = place;
    reply.raw.once('close', () => {
      place.release();
    });
    next();
  });
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (request: FastifyRequest, payload: IncomingMessage, done) => {
    read(request, payload, done);
  });
  const look = setInterval(() => {
    budget.cutSlow(performance.now());
  }, lookEveryMs).unref();
  fastify.addHook('onClose', (_instance, done) => {
    clearInterval(look);
    done();
  });
}

/** Null: a body is coming, and nobody knows how long it is. */
function declaredLengthOf({ headers }: IncomingMessage): number | null {
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : null;
}

function read(
  request: FastifyRequest,
  payload: IncomingMessage,
  done: (error: Error | null, body?: Buffer) => void,
): void {
  const { bodyLimit } = request.routeOptions;
  const { bodyPlace: place } = request;
  const chunks: Buffer[] = [];
  let receivedBytes = 0;
  const end = (error: Error | null): void => {
    payload.off('data', onData).off('end', onEnd).off('error', onError);
    delete request.endReading;
    place?.release();
    if (error === null) done(null, Buffer.concat(chunks, receivedBytes));
    else done(error);
  };
  const onData = (chunk: Buffer): void => {
    receivedBytes += chunk.length;
    if (receivedBytes > bodyLimit) end(tooLarge(bodyLimit));
    else if (place?.grow(receivedBytes) === false) end(noRoom());
    else {
      place?.gain(chunk.length, performance.now());
      chunks.push(chunk);
    }
  };
  const onEnd = (): void => {
    end(null);
  };
  const onError = (error: Error): void => {
    end(Object.assign(error, { statusCode: 400 }));
  };
  if ((declaredLengthOf(payload) ?? 0) > bodyLimit) {
    done(tooLarge(bodyLimit));
    return;
  }
  request.endReading = end;
  place?.read(performance.now());
  payload.on('data', onData).on('end', onEnd).on('error', onError);
}

/** A delivery is answered so that Sinch sends it again. */
function giveUp(request: FastifyRequest, reply: FastifyReply, reason: CutReason): void {
  const isDelivery = request.routeOptions.url === webhookPath;
  const problem = reason === 'full' || isDelivery ? noRoom() : tooSlow();
  if (request.endReading !== undefined) request.endReading(problem);
  else if (!reply.sent) sendProblem(request, reply.header('connection', 'close'), problem);
}

function noRoom(): Problem {
  return unavailable(
    `The bodies that are being received fill their memory (${LIMITS.totalBytes / 1_048_576} MiB), or this one was received too slowly. Send the request again.`,
  );
}

function tooSlow(): Problem {
  return new Problem(
    'invalid-request',
    `The body was received too slowly: less than ${LIMITS.stepBytes / 1_024} KiB in ${LIMITS.stepMaxMs / 1_000} s. Send the request again over a faster connection.`,
    { status: 408 },
  );
}

function tooLarge(bodyLimit: number): Problem {
  return new Problem('payload-too-large', `The body exceeds ${bodyLimit} bytes.`);
}
