import { hash } from 'node:crypto';
import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { describeError } from '../database/sqlstate';
import { Problem } from '../rest/problems/problem';
import { IdempotentRequestsRepository, type RequestIdentity } from './idempotent-requests.repository';
import { digestOfKey, digestOfRequest, openAnswer, sealAnswer, type KeptAnswer } from './seal-answer';

/** After how many seconds a caller may ask again what became of a request that is under way in this process. */
const retryAfterSeconds = 1;
/** How often this process tells that it is at work on requests, in ms. */
const aliveEveryMs = 5_000;

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

/** One name for a request, the same whenever it is repeated, that tells nothing of its key. */
export function requestIdOf({ identity }: BegunRequest): string {
  return hash('sha256', nameOf(identity), 'hex');
}

function nameOf({ callerId, projectId, keyDigest }: RequestIdentity): string {
  return JSON.stringify([callerId, projectId, keyDigest.toString('hex')]);
}

/** Answers a repeated request with the stored answer, without processing it again. */
@Injectable()
export class IdempotencyService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(IdempotencyService.name);
  /** What this process is at work on, by attempt. */
  private readonly underWay = new Map<string, BegunRequest>();
  /** What this process is about to take up, or not, by request. */
  private readonly claiming = new Map<string, Set<Promise<unknown>>>();
  private heart: NodeJS.Timeout | null = null;

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
    const begun = await this.claim(identity, digest, key);
    if (begun !== null) return begun;
    const first = await this.requests.find(identity);
    // what is found may be taken up here a moment later, or may have been answered by now
    await Promise.allSettled([...(this.claiming.get(nameOf(identity)) ?? [])]);
    const isHere = first !== null && this.underWay.has(first.attempt);
    const known = isHere ? first : await this.requests.find(identity);
    if (known?.request_digest.equals(digest) === false)
      throw new Problem('idempotency-mismatch', 'The Idempotency-Key was used for another request before.');
    if (known?.answer) return openAnswer(key, callerId, known.answer);
    const isOurs = known === null || this.underWay.has(known.attempt);
    // another process may have been killed at work on it: then it is processed again when its claim has expired
    const seconds = isOurs ? retryAfterSeconds : Math.max(1, Math.ceil(known.secondsLeft));
    throw new Problem('idempotency-conflict', 'A request with this Idempotency-Key is still running.', {
      headers: { 'Retry-After': String(seconds) },
    });
  }

  private async claim(identity: RequestIdentity, digest: Buffer, key: string): Promise<BegunRequest | null> {
    const name = nameOf(identity);
    const claims = this.claiming.get(name) ?? new Set();
    this.claiming.set(name, claims);
    const claim = this.requests.claim(identity, digest).then((attempt) => {
      if (attempt === null) return null;
      const begun = { identity, attempt, key };
      this.underWay.set(attempt, begun);
      this.heart ??= setInterval(() => void this.beat(), aliveEveryMs).unref();
      return begun;
    });
    claims.add(claim);
    try {
      return await claim;
    } finally {
      claims.delete(claim);
      if (claims.size === 0) this.claiming.delete(name);
    }
  }

  beforeApplicationShutdown(): void {
    if (this.heart !== null) clearInterval(this.heart);
  }

  /** Never rejects: while Postgres is unavailable nobody else can take the requests up either. */
  private async beat(): Promise<void> {
    if (this.underWay.size === 0) return;
    try {
      await this.requests.keepAlive([...this.underWay.values()]);
    } catch (error) {
      this.logger.warn(
        `Could not extend the claims of running requests with an Idempotency-Key: ${describeError(error)}`,
      );
    }
  }

  /**
   * Keeps the answer for who repeats the request; of a 5xx nothing, since that is to be tried again.
   *
   * Never rejects: what was done was done. Where the answer cannot be kept, the request counts as given up after a while.
   */
  async settle({ identity, attempt, key }: BegunRequest, answer: KeptAnswer): Promise<void> {
    try {
      if (answer.status >= 500) await this.requests.forget(identity, attempt);
      else await this.requests.keep(identity, attempt, sealAnswer(key, identity.callerId, answer));
    } catch (error) {
      this.logger.warn(`Could not store the answer for an Idempotency-Key: ${describeError(error)}`);
    } finally {
      this.underWay.delete(attempt);
    }
  }
}
