import { setMaxListeners } from 'node:events';
import type { Clock } from './clock';
import type { Answer, Exchange, Fault, FetchedAt, Outgoing } from './exchange';
import { type Repeatability, type FaultKind, judgeFault, judgeStatus } from './judge-attempt.rule';
import { UnreadableAnswer } from './read-answer.rule';
import { NotSendable } from './request-path.rule';
import { readSinchError } from './read-sinch-error.rule';
import { readRetryAfterMs, retryDelayMs, type BackoffLimits } from './retry-delay.rule';
import { type LocalStatus, type Operation, SinchError } from './sinch-error';
import type { Credentials } from './sinch-tokens';
import { BucketCrowded, type RequestBucket } from './request-bucket';

/** One operation, as it is sent. */
export interface Call<T> {
  readonly operation: Operation;
  readonly effect: Repeatability;
  readonly method: Outgoing['method'];
  /** With the query, encoded. @throws NotSendable */
  readonly path: () => string;
  readonly contentType?: string;
  readonly body?: string;
  /** Texts of the body that an error must not repeat. */
  readonly secrets?: readonly string[];
  /** @throws UnreadableAnswer */
  readonly read: (body: Uint8Array, contentType: string | null) => T;
}

export interface Answered<T> {
  readonly value: T;
  readonly fetchedAt: FetchedAt;
}

export interface SenderParts {
  /** Where all calls go, without a trailing slash; may have a path. */
  readonly url: string;
  readonly exchange: Exchange;
  readonly bucket: RequestBucket;
  readonly credentials: Credentials;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly limits: BackoffLimits & { readonly attemptsMax: number };
}

const FAULT_STATUS: Readonly<Record<FaultKind, LocalStatus>> = {
  unreachable: 'UNREACHABLE',
  lost: 'CONNECTION_LOST',
  timeout: 'TIMEOUT',
  aborted: 'ABORTED',
};

/** Sends calls to one host: authorized, no faster than its bucket, and as often as it helps and does no harm. */
export class RequestSender {
  private readonly origin: string;
  private readonly basePath: string;
  /** Of the calls that are under way: each ends its waits. */
  private readonly live = new Set<AbortController>();
  private closed = false;

  constructor(private readonly parts: SenderParts) {
    const { origin, pathname } = new URL(parts.url);
    this.origin = origin;
    this.basePath = pathname.replace(/\/+$/, '');
  }

  /** @throws SinchError */
  async send<T>(call: Call<T>, signal?: AbortSignal): Promise<Answered<T>> {
    const waits = new AbortController();
    const abort = (): void => {
      waits.abort();
    };
    // one signal may be that of any number of calls; each removes its listeners
    if (signal !== undefined) setMaxListeners(0, signal);
    signal?.addEventListener('abort', abort, { once: true });
    this.live.add(waits);
    if (this.closed || signal?.aborted === true) abort();
    const sofar = { outcomeUnknown: false };
    try {
      return await this.attempt(call, waits.signal, sofar, signal);
    } catch (error) {
      const failure = this.failureOf(error, call, waits.signal, signal);
      throw sofar.outcomeUnknown ? failure.withOutcomeUnknown() : failure;
    } finally {
      this.live.delete(waits);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Ends every wait; what is on its way to Sinch may still be answered. */
  close(): void {
    this.closed = true;
    for (const waits of this.live) waits.abort();
  }

  /** @param sofar updated as soon as an attempt may have succeeded */
  private async attempt<T>(
    call: Call<T>,
    waits: AbortSignal,
    sofar: { outcomeUnknown: boolean },
    signal: AbortSignal | undefined,
  ): Promise<Answered<T>> {
    const { bucket, credentials, clock, random, exchange, limits } = this.parts;
    const path = this.basePath + call.path();
    let hasRenewed = false;
    for (let attempt = 1; ; attempt++) {
      waits.throwIfAborted();
      const authorization = await credentials.get(waits);
      await bucket.take(waits);
      const answer = await exchange.send(this.outgoing(call, path, authorization), signal);
      if ('httpStatus' in answer && answer.httpStatus === 401 && !hasRenewed) {
        hasRenewed = true;
        if (credentials.renew(authorization)) {
          attempt--;
          continue;
        }
      }
      const outcome = this.outcomeOf(call, answer, authorization);
      if (!(outcome instanceof SinchError)) return outcome;
      sofar.outcomeUnknown ||= outcome.outcomeUnknown;
      const isLongWait = (outcome.retryAfterMs ?? 0) > limits.retryAfterMaxMs;
      if (!outcome.retryable || isLongWait || attempt >= limits.attemptsMax) throw outcome;
      await clock.sleep(retryDelayMs(attempt, outcome.retryAfterMs, random(), limits), waits);
    }
  }

  private outgoing<T>(call: Call<T>, path: string, authorization: string): Outgoing {
    return {
      origin: this.origin,
      method: call.method,
      path,
      headers: {
        authorization,
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...(call.contentType === undefined ? {} : { 'content-type': call.contentType }),
      },
      body: call.body ?? null,
    };
  }

  private outcomeOf<T>(
    call: Call<T>,
    answer: Answer | Fault,
    authorization: string,
  ): Answered<T> | SinchError {
    const { operation, effect } = call;
    if ('kind' in answer) {
      const { kind, code } = answer;
      return new SinchError({
        operation,
        httpStatus: null,
        status: FAULT_STATUS[kind],
        reason: code,
        ...judgeFault(kind, effect),
      });
    }
    const { httpStatus, fetchedAt } = answer;
    const outcome = { operation, httpStatus, fetchedAt, ...judgeStatus(httpStatus, effect) };
    if (httpStatus >= 200 && httpStatus < 300) {
      const read = readSuccess(call, answer);
      return 'value' in read ? { ...read, fetchedAt } : new SinchError({ ...outcome, ...read });
    }
    const secrets = [authorization.slice(authorization.indexOf(' ') + 1), ...(call.secrets ?? [])];
    const nowMs = fetchedAt.dateMs ?? this.parts.clock.nowMs();
    const retryAfterMs = readRetryAfterMs(answer.header('retry-after'), nowMs);
    return new SinchError({ ...outcome, ...readSinchError(httpStatus, answer.body, secrets), retryAfterMs });
  }

  /** What kept a call from its end, in one type; a bug stays what it is. */
  private failureOf<T>(
    error: unknown,
    { operation }: Call<T>,
    waits: AbortSignal,
    signal: AbortSignal | undefined,
  ): SinchError {
    if (error instanceof SinchError) return error;
    const unsent = { operation, httpStatus: null, reason: null, outcomeUnknown: false };
    if (error instanceof NotSendable) {
      return new SinchError({
        ...unsent,
        status: 'NOT_SENDABLE' satisfies LocalStatus,
        reason: error.message,
        retryable: false,
      });
    }
    if (error instanceof BucketCrowded) {
      return new SinchError({ ...unsent, status: 'QUEUE_FULL' satisfies LocalStatus, retryable: true });
    }
    if (!waits.aborted) throw error;
    const status: LocalStatus = signal?.aborted === true ? 'ABORTED' : 'CLOSED';
    return new SinchError({ ...unsent, status, retryable: false });
  }
}

/** What a success says, or why it cannot be read. */
function readSuccess<T>(
  { read }: Call<T>,
  { body, header }: Answer,
): { readonly value: T } | { readonly status: LocalStatus; readonly reason: string | null } {
  if (body === null) return { status: 'ANSWER_TOO_LARGE', reason: null };
  try {
    return { value: read(body, header('content-type')) };
  } catch (error) {
    if (error instanceof UnreadableAnswer) return { status: 'UNREADABLE_ANSWER', reason: error.message };
    throw error;
  }
}
