import { Injectable, Logger, type CanActivate, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Config } from '../config/config';
import { Problem } from '../rest/problems/problem';
import { IntakeService, type SignedDelivery } from './intake.service';
import { unavailable } from '../rest/problems/unavailable';
import { verifySignature } from './verify-signature.rule';

/** At most one line of log in this time, in ms: anybody may send what is not signed. */
const logEveryMs = 1_000;

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
  private unlogged = 0;
  private loggedAtMs = -logEveryMs;

  constructor(
    private readonly config: Config,
    private readonly intake: IntakeService,
  ) {}

  /** @throws Problem `invalid-signature`; `unavailable` for an algorithm that only a later version may know */
  canActivate(context: ExecutionContext): true {
    const request = context.switchToHttp().getRequest<SignedRequest>();
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const { webhookSecrets, webhookMaxAgeSeconds } = this.config;
    const now = Math.floor(Date.now() / 1000);
    const verdict = verifySignature(request.headers, body, webhookSecrets, webhookMaxAgeSeconds, now);
    if (verdict.kind !== 'signed') {
      this.intake.countRefusal(verdict.kind);
      this.log(verdict.detail);
      if (verdict.kind === 'unknown-algorithm') throw unavailable(verdict.detail);
      throw new Problem('invalid-signature', verdict.detail);
    }
    const { parts, secretIndex, fault } = verdict;
    request.delivery = { body, headers: request.headers, signature: parts, secretIndex, fault };
    return true;
  }

  private log(detail: string): void {
    this.unlogged += 1;
    if (performance.now() - this.loggedAtMs < logEveryMs) return;
    this.logger.warn(`${this.unlogged} deliveries refused; reason of the last one: ${detail}`);
    this.unlogged = 0;
    this.loggedAtMs = performance.now();
  }
}
