import { Injectable, Logger } from '@nestjs/common';
import { describeError } from '../database/sqlstate';
import { Problem } from '../rest/problem';
import { IdempotentRequestsRepository, type RequestIdentity } from './idempotent-requests.repository';
import { digestOfKey, digestOfRequest, openAnswer, sealAnswer, type KeptAnswer } from './seal-answer';

/** After how many seconds a caller may ask again what became of a request that is under way. */
const retryAfterSeconds = 1;

/** A request as its caller names it. */
export interface NamedRequest {
  readonly callerId: string;
  /** Empty: it belongs to no project. */
  readonly projectId: string;
  /** The `Idempotency-Key`. */
  readonly key: string;
  readonly method: string;
  /** The path with its query. */
  readonly target: string;
  readonly body: Uint8Array;
}

/** A request that was taken up, to be settled by its answer. */
export interface BegunRequest {
  readonly identity: RequestIdentity;
  readonly attempt: string;
  readonly key: string;
}

/** Has a request that is repeated answered as it was, and carried out once. */
@Injectable()
export class IdempotencyService {
  private readonly logger = new Logger(IdempotencyService.name);

  constructor(private readonly requests: IdempotentRequestsRepository) {}

  /**
   * Takes a request up, or finds what it was answered.
   *
   * @throws Problem `idempotency-mismatch` where the key came with another request; `idempotency-conflict` while the first is under way
   */
  async begin({
    callerId,
    projectId,
    key,
    method,
    target,
    body,
  }: NamedRequest): Promise<BegunRequest | KeptAnswer> {
    const identity = { callerId, projectId, keyDigest: digestOfKey(key) };
    const digest = digestOfRequest(method, target, body);
    const attempt = await this.requests.claim(identity, digest);
    if (attempt !== null) return { identity, attempt, key };
    const known = await this.requests.find(identity);
    if (known?.request_digest.equals(digest) === false)
      throw new Problem('idempotency-mismatch', 'The Idempotency-Key came with another request before.');
    if (known?.answer) return openAnswer(key, known.answer);
    throw new Problem('idempotency-conflict', 'A request with this Idempotency-Key is under way.', {
      headers: { 'Retry-After': String(retryAfterSeconds) },
    });
  }

  /**
   * Keeps the answer for who repeats the request; of a 5xx nothing, since that is to be tried again.
   *
   * Never rejects: what was done was done. Where the answer cannot be kept, the request counts as given up after a while.
   */
  async settle({ identity, attempt, key }: BegunRequest, answer: KeptAnswer): Promise<void> {
    try {
      if (answer.status >= 500) await this.requests.forget(identity, attempt);
      else await this.requests.keep(identity, attempt, sealAnswer(key, answer));
    } catch (error) {
      this.logger.warn(`An answer was not kept for its Idempotency-Key: ${describeError(error)}`);
    }
  }
}
