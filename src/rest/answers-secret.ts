import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';

export const ANSWERS_SECRET = Symbol('answers a secret');
/** Shortest `Idempotency-Key` that may keep a secret: 22 characters of base64 hold 128 random bits. */
export const secretKeyMinLength = 22;

/** The handler's answer holds a secret, so an `Idempotency-Key` under which it is kept must be hard to guess. */
export function AnswersSecret(): MethodDecorator {
  return applyDecorators(SetMetadata(ANSWERS_SECRET, true), ApiExtension('x-answers-secret', true));
}
