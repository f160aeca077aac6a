import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

export const READS_BY_POST = Symbol('reads by POST');

/**
 * The handler of a POST reads and changes nothing: it may be repeated without an `Idempotency-Key`, and its answers are not
 * kept for one.
 */
export function ReadsByPost(): MethodDecorator {
  return applyDecorators(SetMetadata(READS_BY_POST, true), ApiExtension('x-reads', true));
}
