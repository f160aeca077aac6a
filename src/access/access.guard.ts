import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../rest/problems/problem';
import { Callers } from './callers';
import { RateLimits } from './rate-limits';
import { ReadSlots } from './read-slots';
import { readAccessToken } from './tokens/jwt';
import { readBasic } from './tokens/read-token-request.rule';
import { DEMAND, TAKES_BASIC, type Caller, type Demand } from './scope';
import type { ScopeName } from './scope-names.rule';
import { WrongKeys } from './wrong-keys';

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
    private readonly wrongKeys: WrongKeys,
    private readonly readSlots: ReadSlots,
  ) {}

  /**
   * At once for public handlers: a promise would cost the webhook requests per second.
   *
   * @throws Problem `unauthenticated`; `rate-limited`; `forbidden`, before anything but the key is looked up; `unavailable`
   *   where a read waited too long for its turn
   */
  canActivate(context: ExecutionContext): true | Promise<true> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const demand = this.demandOf(context);
    request.caller = null;
    if (demand === 'public') return true;
    const takesBasic = this.reflector.get<boolean | undefined>(TAKES_BASIC, context.getHandler()) ?? false;
    return this.admit(request, http.getResponse<FastifyReply>(), demand, takesBasic);
  }

  private async admit(
    request: FastifyRequest,
    reply: FastifyReply,
    demand: ScopeName,
    takesBasic: boolean,
  ): Promise<true> {
    const identify = (): Promise<Caller> => this.identify(request.headers.authorization ?? '', takesBasic);
    const caller = await identify().catch((error: unknown) => {
      throw this.refusalOf(error, request.ip);
    });
    request.caller = caller;
    this.requireWithinLimit(caller, reply);
    requirePermission(caller, demand, request);
    request.requireStillAllowed = async () => {
      requirePermission(await identify(), demand, request);
    };
    await this.readSlots.enter(request, reply, caller.id);
    return true;
  }

  /** What a caller without a right key is answered: too many wrong ones of an address are answered otherwise. */
  private refusalOf(error: unknown, address: string): unknown {
    if (!(error instanceof Problem) || error.code !== 'unauthenticated') return error;
    const waitSeconds = this.wrongKeys.count(address, Date.now());
    return waitSeconds === null ? error : tooManyWrongKeys(waitSeconds);
  }

  /** Whatever comes of the request, its answer tells how the key stands. @throws Problem `rate-limited` */
  private requireWithinLimit({ id }: Caller, reply: FastifyReply): void {
    const verdict = this.limits.count(id, performance.now());
    if (verdict === null) return;
    void reply.headers(verdict.headers);
    if (verdict.isWithin) return;
    throw new Problem('rate-limited', 'The key has reached its limit of requests per minute.', {
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

  private async identify(authorization: string, takesBasic: boolean): Promise<Caller> {
    const basic = takesBasic ? readBasic(authorization) : null;
    if (basic !== null) {
      const caller = await this.callers.findByBasic(basic.userId, basic.password);
      if (caller === null) throw unauthenticated('No key has this id and secret.');
      return caller;
    }
    const key = BEARER.exec(authorization)?.[1];
    if (key === undefined) throw unauthenticated('Send a key: Authorization: Bearer <key>.');
    const caller = await this.callers.find(key);
    if (caller !== null) return caller;
    if (hasExpired(key)) throw unauthenticated('The access token expired. Get a new one.', EXPIRED);
    throw unauthenticated('The key is unknown, expired or revoked.');
  }
}

/** To who has sent many keys that are not right. */
export function tooManyWrongKeys(waitSeconds: number): Problem {
  return new Problem('rate-limited', 'The key is invalid, and this address has sent many invalid keys.', {
    headers: { 'Retry-After': String(waitSeconds) },
  });
}

function requirePermission(caller: Caller, scope: ScopeName, request: FastifyRequest): void {
  requireScope(caller, scope);
  // an object, by Fastify's router
  const { project_id: projectId } = request.params as Readonly<Record<string, string | undefined>>;
  if (projectId !== undefined) requireProject(caller, projectId);
}

/** Where a route needs another scope besides its own. @throws Problem `forbidden` */
export function requireScope({ scopes }: Caller, scope: ScopeName): void {
  if (!scopes.has(scope)) throw new Problem('forbidden', `The key lacks the scope ${scope}.`);
}

/** Where a project is named elsewhere than in the path. @throws Problem `forbidden` */
export function requireProject({ projects }: Caller, projectId: string): void {
  if (projects !== 'all' && !projects.has(projectId)) {
    throw new Problem('forbidden', 'The key is not valid for this project.');
  }
}

/** The projects that a caller may see, for a filter; null: all. */
export function projectsOf({ projects }: Caller): readonly string[] | null {
  return projects === 'all' ? null : [...projects];
}

/** For answers about all projects. @throws Problem `forbidden` */
export function requireEveryProject({ projects }: Caller): void {
  if (projects !== 'all') throw new Problem('forbidden', 'This needs a key for every project.');
}

/** The challenge for an expired token (RFC 6750, section 3): Sinch's clients renew theirs only where it says `expired`. */
const EXPIRED = 'Bearer error="invalid_token", error_description="The access token expired"';

/** Whether it is an expired access token, whatever its signature. */
function hasExpired(key: string): boolean {
  const claims = readAccessToken(key);
  return claims !== null && claims.exp * 1_000 <= Date.now();
}

function unauthenticated(detail: string, challenge = 'Bearer'): Problem {
  return new Problem('unauthenticated', detail, { headers: { 'WWW-Authenticate': challenge } });
}
