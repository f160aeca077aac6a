import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AnsweredAlready } from '../rest/problem.filter';
import { invalidRequest } from '../rest/read-dto';
import { IdempotencyService, type BegunRequest } from './idempotency.service';
import type { KeptAnswer } from './seal-answer';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set while a request with an idempotency key is carried out. */
    begun?: BegunRequest | null;
  }
}

const WRITES: ReadonlySet<string> = new Set(['POST', 'PUT', 'DELETE']);
/** Without blanks, so that a header which is repeated, and joined by Node, is none. */
const KEY = /^[\x21-\x7e]{1,255}$/;
/** What of an answer's head belongs to the answer; all else is of the connection or the same for each. */
const KEPT_HEADERS = ['content-type', 'cache-control', 'location'] as const;

/** Has a write with an `Idempotency-Key` carried out once. After the guard that tells whose key the caller comes with. */
@Injectable()
export class IdempotencyGuard implements CanActivate {
  constructor(private readonly idempotency: IdempotencyService) {}

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
    return this.begin(request, http.getResponse<FastifyReply>(), String(key), request.caller.id);
  }

  private async begin(
    request: FastifyRequest,
    reply: FastifyReply,
    key: string,
    callerId: string,
  ): Promise<true> {
    if (!KEY.test(key)) {
      const message = 'must have 1 to 255 visible ASCII characters, without blanks, once';
      throw invalidRequest([{ pointer: '/header/Idempotency-Key', code: 'not-a-key', message }]);
    }
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
      await idempotency.settle(begun, { status: reply.statusCode, headers: keptHeadersOf(reply), body });
      return payload;
    };
  });
}

function keptHeadersOf(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = reply.getHeader(name);
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}
