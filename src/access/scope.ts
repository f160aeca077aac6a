import { SetMetadata, applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiBasicAuth, ApiBearerAuth, ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { ScopeName } from './scope-names.rule';

/** Who sent a request, as far as the key tells. */
export interface Caller {
  /** Of the key; `admin`: `ADMIN_API_KEY`. */
  readonly id: string;
  /** The key's name: the `actor` of what the caller does. */
  readonly name: string;
  readonly scopes: ReadonlySet<ScopeName>;
  /** `all`: those to come as well. */
  readonly projects: 'all' | ReadonlySet<string>;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the guard on every route that needs a key; null on public ones. */
    caller: Caller | null;
    /**
     * Asks once more whether the caller may do this, for what takes long: the key may have been revoked meanwhile. Set by the
     * guard on every route that needs a key.
     *
     * @throws Problem as the guard did not
     */
    requireStillAllowed?: () => Promise<void>;
  }
}

/** What a handler demands of its caller: a scope, or nothing at all. */
export type Demand = ScopeName | 'public';

export const DEMAND = Symbol('demand');

/** The handler answers callers whose key has this scope, and where the path names a project, is for that project. */
export function Scope(scope: ScopeName): ClassDecorator & MethodDecorator {
  return applyDecorators(
    SetMetadata(DEMAND, scope satisfies Demand),
    ApiBearerAuth(),
    ApiExtension('x-required-scope', scope),
  );
}

/** The handler answers everybody. */
export function Public(): ClassDecorator & MethodDecorator {
  return SetMetadata(DEMAND, 'public' satisfies Demand);
}

export const TAKES_BASIC = Symbol('takes basic');

/** A route of Sinch's own API: it takes the id of a key and the key by Basic too, as Sinch does. */
export function TakesBasic(): MethodDecorator {
  return applyDecorators(SetMetadata(TAKES_BASIC, true), ApiBasicAuth());
}

/** Gives the handler its caller. */
export const CalledBy = createParamDecorator((_data: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (caller === null) throw new Error('A public route has no caller: it needs a @Scope.');
  return caller;
});
