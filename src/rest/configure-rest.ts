import type { Server } from 'node:http';
import { RequestMethod } from '@nestjs/common';
import { HTTP_CODE_METADATA, METHOD_METADATA } from '@nestjs/common/constants';
import { ModulesContainer } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import helmet from '@fastify/helmet';
import type { FastifyHttpOptions, FastifyInstance, FastifyRequest } from 'fastify';
import { answerClientError } from './client-errors';
import { tagAnswers } from './etag';
import { handlersOf } from './handlers';
import { KnownRoutes } from './known-routes';
import { serveOpenApi } from './openapi';
import { ProblemFilter, sendProblem } from './problem.filter';
import { RequestPipe, idBytesMax } from './request.pipe';
import { toProblem } from './to-problem';
import { traceIdOf } from './trace';
import { UnknownQueryGuard } from './unknown-query.guard';
import { webhookPath } from './webhook-path';

/** Largest body of a REST request. */
const bodyBytesMax = 1024 * 1024;
/** Longest time that a request may take to arrive, headers and body; its answer may take longer. */
const arrivalMaxMs = 30_000;
/** How often Node looks for requests that take longer, and ends them. */
const arrivalLookEveryMs = 1_000;
/** Most bytes of a request's line and headers together. */
const headBytesMax = 16 * 1024;
/** What pages of other origins may send and read, where they may. */
const CORS = {
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
  allowedHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-None-Match', 'traceparent'],
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

/** What Fastify must be told when it is made: `new FastifyAdapter(restFastifyOptions())`. */
export function restFastifyOptions(): FastifyHttpOptions<Server> {
  return {
    genReqId: traceIdOf,
    bodyLimit: bodyBytesMax,
    requestTimeout: arrivalMaxMs,
    http: {
      headersTimeout: arrivalMaxMs,
      connectionsCheckingInterval: arrivalLookEveryMs,
      maxHeaderSize: headBytesMax,
    },
    // the last requests of a connection are answered like all others, not with a bare 503 of Fastify's
    return503OnClosing: false,
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
 * @param webhookBodyMaxBytes the largest body of the webhook, which has a limit of its own
 * @param corsOrigins of whose pages scripts may read answers
 */
export async function configureRest(
  app: NestFastifyApplication,
  {
    webhookBodyMaxBytes,
    corsOrigins,
  }: { readonly webhookBodyMaxBytes: number; readonly corsOrigins: ReadonlySet<string> },
): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const routes = new KnownRoutes(fastify, pathPartMax);
  fastify.addHook('onRoute', (route) => {
    if (route.url !== webhookPath) return;
    route.bodyLimit = webhookBodyMaxBytes;
    // headers for browsers, which cost a third of the webhook's requests per second
    route.helmet = false;
  });
  takeBodiesAsBytes(app, fastify);
  await app.register(helmet, { contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } } });
  if (corsOrigins.size > 0) allowOrigins(app, corsOrigins);
  tagAnswers(fastify);
  answerPostsWith200(app);
  app.useGlobalFilters(new ProblemFilter(routes));
  app.useGlobalGuards(new UnknownQueryGuard());
  app.useGlobalPipes(new RequestPipe());
  serveOpenApi(app);
}

/** Whoever is not named is told nothing: neither that others are, nor what a preflight asks; and nobody of the webhook. */
function allowOrigins(app: NestFastifyApplication, origins: ReadonlySet<string>): void {
  const answersTo = ({ headers: { origin }, url }: FastifyRequest): boolean =>
    origin !== undefined && origins.has(origin) && url !== webhookPath;
  app.enableCors({
    delegator: (request, tell) => {
      tell(null, answersTo(request) ? { ...CORS, origin: true } : { origin: false });
    },
  });
}

/** Every body is a Buffer, whatever its content type, or without one: signatures are over bytes. */
function takeBodiesAsBytes(app: NestFastifyApplication, fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  app.useBodyParser('*');
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
