import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../rest/problem';
import { Callers } from './callers';
import { RateLimits } from './rate-limits';
import { DEMAND, type Caller, type Demand } from './scope';
import type { ScopeName } from './scope-names';

/** RFC 6750, section 2.1; the scheme's case does not matter. */
const BEARER = /^bearer +([\x21-\x7e]+) *$/i;

/**
 * Lets a request through to its handler if the handler's demand is met; a handler without a demand is never reached.
 *
 * It hangs on handlers, not on paths: no spelling of a path gets around it.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly callers: Callers,
    private readonly limits: RateLimits,
  ) {}

  /**
   * At once for public handlers: a promise would cost the webhook requests per second.
   *
   * @throws Problem `unauthenticated`; `rate-limited`; `forbidden`, before anything but the key is looked up
   */
  canActivate(context: ExecutionContext): true | Promise<true> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const demand = this.demandOf(context);
    request.caller = null;
    return demand === 'public' ? true : this.admit(request, http.getResponse<FastifyReply>(), demand);
  }

  private async admit(request: FastifyRequest, reply: FastifyReply, demand: ScopeName): Promise<true> {
    const caller = await this.identify(request.headers.authorization ?? '');
    this.requireWithinLimit(caller, reply);
    requirePermission(caller, demand, request);
    request.caller = caller;
    return true;
  }

  /** Whatever comes of the request, its answer tells how the key stands. @throws Problem `rate-limited` */
  private requireWithinLimit({ id }: Caller, reply: FastifyReply): void {
    const verdict = this.limits.count(id, Date.now());
    if (verdict === null) return;
    void reply.headers(verdict.headers);
    if (verdict.isWithin) return;
    throw new Problem('rate-limited', 'The key has sent as many requests as it may in a minute.', {
      headers: { 'Retry-After': String(verdict.resetSeconds) },
    });
  }

  /** @throws Error for a handler that demands nothing, not even to be public: `AccessModule` refuses to start with one */
  private demandOf(context: ExecutionContext): Demand {
    const places = [context.getHandler(), context.getClass()];
    const demand = this.reflector.getAllAndOverride<Demand | undefined>(DEMAND, places);
    if (demand === undefined) throw new Error(`${context.getHandler().name} has neither @Scope nor @Public.`);
    return demand;
  }

  private async identify(authorization: string): Promise<Caller> {
    const key = BEARER.exec(authorization)?.[1];
    if (key === undefined) throw unauthenticated('Send a key: Authorization: Bearer <key>.');
    const caller = await this.callers.find(key);
    if (caller === null) throw unauthenticated('The key is not known here, or no longer.');
    return caller;
  }
}

function requirePermission(caller: Caller, scope: ScopeName, request: FastifyRequest): void {
  if (!caller.scopes.has(scope)) throw new Problem('forbidden', `The key lacks the scope ${scope}.`);
  // an object, by Fastify's router
  const { project_id: projectId } = request.params as Readonly<Record<string, string | undefined>>;
  if (projectId !== undefined) requireProject(caller, projectId);
}

/** Where a project is named elsewhere than in the path. @throws Problem `forbidden` */
export function requireProject({ projects }: Caller, projectId: string): void {
  if (projects !== 'all' && !projects.has(projectId)) {
    throw new Problem('forbidden', 'The key is not for this project.');
  }
}

/** Where what is told is of all projects. @throws Problem `forbidden` */
export function requireEveryProject({ projects }: Caller): void {
  if (projects !== 'all') throw new Problem('forbidden', 'The key is not for every project.');
}

function unauthenticated(detail: string): Problem {
  return new Problem('unauthenticated', detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
}
