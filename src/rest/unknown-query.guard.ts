import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum';
import type { FastifyRequest } from 'fastify';
import { unknownParameters } from './read-dto';

/** Only under it: a webhook's URL may carry what its owner likes, and a health check what its prober does. */
const BASE = '/v1/';

/**
 * Refuses every query parameter on routes that take none; where a handler takes its query, the pipe knows better.
 *
 * A guard and not an interceptor: one interceptor, which must answer an Observable, would cost the webhook two thirds of
 * its requests per second.
 */
export class UnknownQueryGuard implements CanActivate {
  /** @throws Problem `unknown-parameter` */
  canActivate(context: ExecutionContext): true {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const names = Object.keys(request.query as object); // an object, by Fastify's parser
    if (names.length === 0 || request.routeOptions.url?.startsWith(BASE) !== true) return true;
    if (!takesQuery(context)) throw unknownParameters(names);
    return true;
  }
}

/** Nest keeps a handler's arguments by `<kind>:<index>`. */
function takesQuery(context: ExecutionContext): boolean {
  const args: unknown = Reflect.getMetadata(
    ROUTE_ARGS_METADATA,
    context.getClass(),
    context.getHandler().name,
  );
  return Object.keys(args ?? {}).some((key) => key.startsWith(`${RouteParamtypes.QUERY}:`));
}
