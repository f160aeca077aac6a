import type { Server } from 'node:http';
import { RequestMethod } from '@nestjs/common';
import { HTTP_CODE_METADATA, METHOD_METADATA } from '@nestjs/common/constants';
import { ModulesContainer } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import helmet from '@fastify/helmet';
import type { FastifyHttpOptions, FastifyInstance, FastifyRequest } from 'fastify';
import { answerClientError, refuseExpectation } from './client-errors';
import { BodyBudget } from './body-budget';
import type { ConnectionGate } from './connection-gate';
import { tagAnswers } from '../rest/etag';
import { shareFixedAnswers } from './fixed-answers';
import { handlersOf } from '../rest/handlers';
import { writeInTurns } from '../rest/large-answers';
import { KnownRoutes } from '../rest/known-routes';
import { serveOpenApi } from '../openapi/openapi';
import { ProblemFilter, sendProblem } from '../rest/problems/problem.filter';
import { readBodies } from './read-bodies';
import { readColons } from './read-colons.rule';
import { invalidRequest } from '../rest/read-dto';
import { idBytesMax } from '../json/id.rule';
import { RequestPipe } from '../rest/request.pipe';
import { SecurityLog } from '../rest/security-log';
import { toProblem } from '../rest/problems/to-problem';
import { traceIdOf } from './trace';
import { UnknownQueryGuard } from '../rest/unknown-query.guard';
import { routedUrl, webhookPath } from '../base/webhook-path.rule';

/** Largest body of a REST request. */
const bodyBytesMax = 1024 * 1024;
/** Largest body of a request for an access token: anyone may send one, and it is read at once. */
const tokenBodyBytesMax = 16 * 1024;
const tokenPath = '/oauth2/token';
/** Longest time that a request may take to arrive, headers and body; its answer may take longer. */
const arrivalMaxMs = 30_000;
/** Longer than the 60 s after which load balancers drop an idle connection, so that we are never the first. */
const keepAliveMs = 72_000;
/** How often Node looks for requests that take longer, and ends them. */
const arrivalLookEveryMs = 1_000;
/** Most bytes of a request's line and headers together. */
const headBytesMax = 16 * 1024;
/** What pages of other origins may send and read, where they may. */
const CORS = {
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowedHeaders: [
    'Authorization',
    'Content-Type',
    'Idempotency-Key',
    'If-Match',
    'If-None-Match',
    'traceparent',
  ],
  exposedHeaders: [
    'Content-Disposition',
    'ETag',
    'Idempotent-Replayed',
    'Location',
    'RateLimit',
    'RateLimit-Policy',
    'Retry-After',
  ],
  /** For how many seconds browsers keep what a preflight was answered. */
  maxAge: 600,
};
/** Longest part of a path in characters, as decoded: beyond any id, so that the pipe can tell what an id may have. */
const pathPartMax = 4 * idBytesMax;

/** Options that Fastify needs at its creation: `new FastifyAdapter(restFastifyOptions(gate))`. */
export function restFastifyOptions(gate: ConnectionGate): FastifyHttpOptions<Server> {
  return {
    genReqId: traceIdOf,
    bodyLimit: bodyBytesMax,
    serverFactory: (handle) =>
      gate.createServer(
        {
          headersTimeout: arrivalMaxMs,
          requestTimeout: arrivalMaxMs,
          keepAliveTimeout: keepAliveMs,
          connectionsCheckingInterval: arrivalLookEveryMs,
          maxHeaderSize: headBytesMax,
        },
        handle,
        refuseExpectation,
      ),
    // the last requests of a connection are answered like all others, not with a bare 503 of Fastify's
    return503OnClosing: false,
    rewriteUrl: ({ method, url }) => readColons(method ?? 'GET', routedUrl(url ?? '/')),
    routerOptions: { maxParamLength: pathPartMax },
    frameworkErrors: (error, request, reply) => {
      sendProblem(request, reply, toProblem(error, bodyBytesMax));
    },
    clientErrorHandler: answerClientError,
  };
}

/**
 * Gives an application the manners of the REST surface, before it is initialised.
 *
 * @param gate the one that `restFastifyOptions` was given
 * @param webhookBodyMaxBytes the largest body of the webhook, which has a limit of its own
 * @param corsOrigins of whose pages scripts may read answers
 */
export async function configureRest(
  app: NestFastifyApplication,
  gate: ConnectionGate,
  {
    webhookBodyMaxBytes,
    corsOrigins,
  }: { readonly webhookBodyMaxBytes: number; readonly corsOrigins: ReadonlySet<string> },
): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const routes = new KnownRoutes(fastify, pathPartMax);
  fastify.addHook('onRoute', (route) => {
    if (route.url === tokenPath) route.bodyLimit = tokenBodyBytesMax;
    if (route.url !== webhookPath) return;
    route.bodyLimit = webhookBodyMaxBytes;
    // headers for browsers, which cost a third of the webhook's requests per second
    route.helmet = false;
  });
  takeAnyContentType(fastify);
  readBodies(fastify, new BodyBudget());
  await app.register(helmet, { contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } });
  if (corsOrigins.size > 0) allowOrigins(app, corsOrigins);
  refuseAmbiguousHeaders(fastify);
  shareFixedAnswers(fastify);
  writeInTurns(fastify);
  keepFromCaches(fastify);
  tagAnswers(fastify);
  countAnswers(fastify, gate);
  endReadTurns(fastify);
  answerPostsWith200(app);
  app.useGlobalFilters(new ProblemFilter(routes, app.get(SecurityLog)));
  app.useGlobalGuards(new UnknownQueryGuard());
  app.useGlobalPipes(new RequestPipe());
  serveOpenApi(app);
}

/** After every other hook that changes an answer. A stream waits for its reader and is not counted. */
function countAnswers(fastify: FastifyInstance, gate: ConnectionGate): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    if (typeof payload === 'string' || Buffer.isBuffer(payload))
      gate.answering(request.raw, reply.raw, Buffer.byteLength(payload));
    done(null, payload);
  });
}

/** When an answer is made, its rows are no longer held. */
function endReadTurns(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, _reply, payload, done) => {
    request.readTurn?.end();
    done(null, payload);
  });
}

/** Of two such headers Node shows the first alone, while a proxy before us may have used the other. */
const ONCE: ReadonlySet<string> = new Set(['authorization', 'host']);

function refuseAmbiguousHeaders(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, next) => {
    const given = request.raw.rawHeaders.filter((_, n) => n % 2 === 0).map((name) => name.toLowerCase());
    const repeated = given.find((name, n) => ONCE.has(name) && given.indexOf(name) < n);
    if (repeated === undefined) {
      next();
      return;
    }
    const fault = { pointer: `/header/${repeated}`, code: 'repeated', message: 'is given more than once' };
    sendProblem(request, reply, invalidRequest([fault]));
  });
}

/** What a key reads is for its owner: caches that others share must not keep it, and his own asks before it shows it again. */
function keepFromCaches(fastify: FastifyInstance): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    // null or, before the guard, undefined: the answer is not a key's
    if (request.caller) {
      if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'private, no-cache');
      const vary = reply.getHeader('vary');
      reply.header('vary', vary === undefined ? 'Authorization' : `${String(vary)}, Authorization`);
    }
    done(null, payload);
  });
}

/** Other origins get no CORS headers, and no origin gets any for the webhook. */
function allowOrigins(app: NestFastifyApplication, origins: ReadonlySet<string>): void {
  const answersTo = ({ headers: { origin }, url }: FastifyRequest): boolean =>
    origin !== undefined && origins.has(origin) && url.split('?', 1)[0] !== webhookPath;
  app.enableCors({
    delegator: (request, tell) => {
      tell(null, answersTo(request) ? { ...CORS, origin: true } : { origin: false });
    },
  });
}

function takeAnyContentType(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    // Fastify itself would refuse a content type that is none
    const { headers, mediaType } = request;
    if (headers['content-type'] !== undefined && mediaType === undefined) delete headers['content-type'];
    done();
  });
}

/** Nest answers a POST 201 unless its handler says otherwise with `@HttpCode`. */
function answerPostsWith200(app: NestFastifyApplication): void {
  for (const { method } of handlersOf(app.get(ModulesContainer))) {
    const isPost = Reflect.getMetadata(METHOD_METADATA, method) === RequestMethod.POST;
    if (isPost && !Reflect.hasMetadata(HTTP_CODE_METADATA, method))
      Reflect.defineMetadata(HTTP_CODE_METADATA, 200, method);
  }
}
