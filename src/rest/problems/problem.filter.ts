import { Catch, Logger, NotFoundException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { describeError } from '../../database/sqlstate';
import type { KnownRoutes } from '../known-routes';
import type { Problem, ProblemCode } from './problem';
import { routeTemplate } from '../route-template';
import type { SecurityLog } from '../security-log';
import { toProblem } from './to-problem';

/** Problems of callers who may not do what they ask for. Whose delivery is not signed is logged by the webhook. */
const REFUSALS: ReadonlySet<ProblemCode> = new Set(['unauthenticated', 'forbidden', 'rate-limited']);

/** Thrown to end the handling of a request that has its answer. */
export class AnsweredAlready extends Error {}

/** Makes everything that is thrown the one kind of answer that problems have. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  constructor(
    private readonly routes: KnownRoutes,
    private readonly securityLog: SecurityLog,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    if (error instanceof AnsweredAlready) return;
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const problem = this.problemOf(error, request);
    if (problem.status >= 500 || problem.code === 'payload-too-large') this.log(error, problem, request);
    if (REFUSALS.has(problem.code)) {
      const key = request.caller?.id ?? null;
      const { code, detail } = problem;
      this.securityLog.refused({
        key,
        code,
        detail,
        route: routeTemplate(request.routeOptions.url ?? 'none'),
      });
    }
    if (!reply.sent) sendProblem(request, reply, problem);
  }

  /** Nest throws its own 404 where no route takes a request; ours throw a Problem. */
  private problemOf(error: unknown, request: FastifyRequest): Problem {
    if (error instanceof NotFoundException) return this.routes.refuse(request.method, request.url);
    return toProblem(error, request.routeOptions.bodyLimit);
  }

  private log(error: unknown, problem: Problem, request: FastifyRequest): void {
    const about = {
      trace_id: request.id,
      method: request.method,
      route: routeTemplate(request.routeOptions.url ?? 'none'),
    };
    const reason = error === problem ? problem.message : describeError(error);
    if (problem.code === 'internal') this.logger.error({ ...about, reason, stack: framesOf(error) });
    // the code that threw it has logged why, once; under overload it is thrown for every request
    else if (error === problem) this.logger.debug({ ...about, reason });
    else this.logger.warn({ ...about, reason });
  }
}

/** Answers with a problem. It is not to be kept: a 404 may be a contact a moment later. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): void {
  reply
    .code(problem.status)
    .headers({ 'cache-control': 'no-store', ...problem.headers })
    .type('application/problem+json')
    // as bytes: to a text Fastify adds a charset, which this media type does not have
    .send(Buffer.from(JSON.stringify(problem.toBody(asUriReference(request.originalUrl), request.id))));
}

/** A requested target, with every character escaped that no URI may contain (RFC 3986, appendix A). */
export function asUriReference(target: string): string {
  return target.replaceAll(/%(?![\da-f]{2})|[^\x21-\x7e]|["#<>[\\\]^`{|}]/gi, encodeURIComponent);
}

/** Where an error came from, without its message, which may quote a caller's data. */
function framesOf(error: unknown): string {
  const stack = (error instanceof Error ? error.stack : undefined) ?? '';
  return stack.slice(Math.max(stack.indexOf('\n    at '), 0)).trim();
}
