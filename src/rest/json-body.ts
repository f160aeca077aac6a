import { createParamDecorator, type ExecutionContext, type Type } from '@nestjs/common';
import { ApiBody } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Problem } from './problems/problem';
import { readBody } from './read-dto';
import { readJson } from './read-json';

/** Whether a request may come without a body, which then counts as `{}`. */
type Presence = 'required' | 'optional';

/**
 * Gives the handler its JSON body as a DTO, and describes it in the OpenAPI document.
 *
 * Handlers with raw bytes in mind take `request.body`, a Buffer whatever the content type, undefined without a body.
 * @throws Problem `invalid-request`; with status 415 where the content type is another
 */
export function JsonBody(dto: Type<object>, presence: Presence = 'required'): ParameterDecorator {
  return (target, key, index) => {
    ParsedBody({ dto, presence })(target, key, index);
    const descriptor = key === undefined ? undefined : Object.getOwnPropertyDescriptor(target, key);
    if (key !== undefined && descriptor !== undefined)
      ApiBody({ type: dto, required: presence === 'required' })(target, key, descriptor);
  };
}

interface BodyOptions {
  readonly dto: Type<object>;
  readonly presence: Presence;
}

const ParsedBody = createParamDecorator(
  ({ dto, presence }: BodyOptions, context: ExecutionContext): object => {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (body.length > 0 && (request.mediaType !== 'application/json' || encoding !== 'identity')) {
      throw new Problem('invalid-request', 'The body must be application/json, not compressed.', {
        status: 415,
        headers: { Accept: 'application/json' },
      });
    }
    return readBody(dto, body.length === 0 && presence === 'optional' ? {} : readJson(body));
  },
);
