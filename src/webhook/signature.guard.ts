import { Injectable, Logger, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Config } from '../config';
import { Problem } from '../rest/problem';
import type { SignedDelivery } from './intake.service';
import { verifySignature } from './verify-signature';

/** A request whose body was verified, byte for byte. */
export interface SignedRequest extends FastifyRequest {
  delivery?: SignedDelivery;
}

/**
 * Lets a delivery through that one of our secrets signed.
 *
 * A guard, because it runs before every pipe: who is not Sinch learns nothing of what we think of a body.
 */
@Injectable()
export class SignatureGuard implements CanActivate {
  private readonly logger = new Logger(SignatureGuard.name);

  constructor(private readonly config: Config) {}

  /** @throws Problem `unauthenticated` */
  canActivate(context: ExecutionContext): true {
    const request = context.switchToHttp().getRequest<SignedRequest>();
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const { webhookSecrets, webhookMaxAgeSeconds } = this.config;
    const now = Math.floor(Date.now() / 1000);
    const verdict = verifySignature(request.headers, body, webhookSecrets, webhookMaxAgeSeconds, now);
    if (verdict.kind === 'unsigned') {
      this.logger.warn(`A delivery was refused: ${verdict.detail}`);
      throw new Problem('unauthenticated', verdict.detail);
    }
    request.delivery = { body, headers: request.headers, signature: verdict.parts, timing: verdict.timing };
    return true;
  }
}
