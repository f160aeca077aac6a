import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ANSWERS_SECRET, secretKeyMinLength } from '../rest/answers-secret';
import { Problem } from '../rest/problems/problem';
import { AnsweredAlready, asUriReference } from '../rest/problems/problem.filter';
import { invalidRequest } from '../rest/read-dto';
import { READS_BY_POST } from '../rest/reads-by-post';
import { IdempotencyService, type BegunRequest } from './idempotency.service';
import type { KeptAnswer } from './seal-answer';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set while a request with an idempotency key is carried out. */
    begun?: BegunRequest | null;
  }
}

const WRITES: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** Without blanks, so that a header which is repeated, and joined by Node, is none. */
const KEY = /^[\x21-\x7e]{1,255}$/;
/** Longest body of an answer that is kept, in UTF-16 units. */
const keptBodyMaxLength = 256 * 1024;
/** What of an answer's head belongs to the answer; all else is of the connection or the same for each. */
const KEPT_HEADERS = ['content-type', 'cache-control', 'etag', 'location'] as const;

/** Makes writes with an `Idempotency-Key` idempotent. Runs after the guard that identifies the caller. */
@Injectable()
export class IdempotencyGuard implements CanActivate {
  constructor(
    private readonly idempotency: IdempotencyService,
    private readonly reflector: Reflector,
  ) {}

  /**
   * At once where there is no such key: a promise would cost the webhook requests per second.
   *
   * @throws Problem as `IdempotencyService`; AnsweredAlready after it has sent the answer once more
   */
  canActivate(context: ExecutionContext): true | Promise<true> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const key = request.headers['idempotency-key'];
    if (key === undefined || request.caller === null || !WRITES.has(request.method)) return true;
    const handler = context.getHandler();
    if (this.reflector.get<true | undefined>(READS_BY_POST, handler) || isPreview(request)) return true;
    const answersSecret = this.reflector.get<true | undefined>(ANSWERS_SECRET, handler) === true;
    requireKey(String(key), answersSecret ? secretKeyMinLength : 1);
    return this.begin(request, http.getResponse<FastifyReply>(), String(key), request.caller.id);
  }

  private async begin(
    request: FastifyRequest,
    reply: FastifyReply,
    key: string,
    callerId: string,
  ): Promise<true> {
    const { project_id: projectId = '' } = request.params as Readonly<Record<string, string | undefined>>; // by Fastify's router
    const { method, url: target } = request;
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const begun = await this.idempotency.begin({ callerId, projectId, key, method, target, body });
    if ('status' in begun) {
      sendAgain(reply, begun);
      throw new AnsweredAlready();
    }
    request.begun = begun;
    return true;
  }
}

/** A write that is only asked what it would do. */
function isPreview({ query }: FastifyRequest): boolean {
  return (query as Readonly<Record<string, unknown>>)['validate_only'] === 'true'; // an object, by Fastify's parser
}

/** @throws Problem `invalid-request` */
function requireKey(key: string, minLength: number): void {
  if (KEY.test(key) && key.length >= minLength) return;
  const message = `must have ${minLength} to 255 visible ASCII characters, without blanks, once`;
  throw invalidRequest([{ pointer: '/header/Idempotency-Key', code: 'not-a-key', message }]);
}

function sendAgain(reply: FastifyReply, { status, headers, body }: KeptAnswer): void {
  // as bytes: to a text Fastify may add a charset
  void reply
    .code(status)
    .headers({ ...headers, 'idempotent-replayed': 'true' })
    .send(body === '' ? undefined : Buffer.from(body));
}

/** Has the answers to requests with an idempotency key kept, before they leave; on the routes that write alone. */
export function keepAnswers(fastify: FastifyInstance, idempotency: IdempotencyService): void {
  fastify.addHook('onRoute', (route) => {
    if (!route.url.startsWith('/v1/') || ![route.method].flat().some((method) => WRITES.has(method))) return;
    route.onSend = async (request, reply, payload) => {
      const { begun } = request;
      if (begun === undefined || begun === null) return payload;
      request.begun = null;
      const body = typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.toString() : '';
      const answer = { status: reply.statusCode, headers: keptHeadersOf(reply), body };
      await idempotency.settle(begun, body.length <= keptBodyMaxLength ? answer : tooLong(request, answer));
      return payload;
    };
  });
}

/** What a repetition is answered instead of an answer that is too long to be kept. */
function tooLong(request: FastifyRequest, { status }: KeptAnswer): KeptAnswer {
  const problem = new Problem(
    'idempotency-conflict',
    `The first request was processed and answered ${status}, but the answer was too long to be stored. Read the resource to see the result.`,
  );
  return {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: JSON.stringify(problem.toBody(asUriReference(request.originalUrl), request.id)),
  };
}

function keptHeadersOf(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = reply.getHeader(name);
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}
