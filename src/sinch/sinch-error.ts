import type { FetchedAt } from './exchange';

export type Operation =
  | 'fetchToken'
  | 'listContacts'
  | 'getContact'
  | 'updateContact'
  | 'deleteContact'
  | 'mergeContacts'
  | 'listWebhooks'
  | 'createWebhook'
  | 'updateWebhook';

/** What went wrong without a word of Sinch's. */
export type LocalStatus =
  /** There was no connection, so nothing was sent. */
  | 'UNREACHABLE'
  | 'CONNECTION_LOST'
  | 'TIMEOUT'
  /** By the caller. */
  | 'ABORTED'
  /** The client is closed. */
  | 'CLOSED'
  /** Too many requests wait already. */
  | 'QUEUE_FULL'
  /** An argument that cannot be sent. */
  | 'NOT_SENDABLE'
  /** Success, but not as it has to look. */
  | 'UNREADABLE_ANSWER'
  /** Success, but larger than `answerMaxBytes`. */
  | 'ANSWER_TOO_LARGE';

/** What a `SinchError` is made of: a call without an answer has neither of the last two. */
export type Failure = Pick<
  SinchError,
  'operation' | 'httpStatus' | 'status' | 'reason' | 'retryable' | 'outcomeUnknown'
> &
  Partial<Pick<SinchError, 'retryAfterMs' | 'fetchedAt'>>;

/**
 * Sinch did not do what it was asked for, or did not say so.
 *
 * Everything that is logged with it is free of secrets and of personal data.
 */
export class SinchError extends Error {
  override readonly name = 'SinchError';
  readonly operation: Operation;
  /** `null`: there was no answer. */
  readonly httpStatus: number | null;
  /** Sinch's code word (`NOT_FOUND`), or a `LocalStatus`. */
  readonly status: string;
  /** What Sinch or the fault says, one line of at most 300 characters; `null`: nothing. */
  readonly reason: string | null;
  /** Sending the same request again does no harm, and may help; the client has done so until its attempts were used up. */
  readonly retryable: boolean;
  /** Sinch may have done it all the same: ask before anything is repeated. */
  readonly outcomeUnknown: boolean;
  /** The wait that Sinch asked for; `null`: none. */
  readonly retryAfterMs: number | null;
  /** When the answer was got, so that "not found" can be distinguished from "not found any more"; `null`: there was none. */
  readonly fetchedAt: FetchedAt | null;
  /** Private, because loggers write every field that they see. */
  readonly #failure: Failure;

  constructor(failure: Failure) {
    const { operation, httpStatus, status, reason } = failure;
    const what = httpStatus === null ? status : `${httpStatus} ${status}`;
    super(`Sinch, ${operation}: ${what}${reason === null ? '' : `: ${reason}`}`);
    this.operation = operation;
    this.httpStatus = httpStatus;
    this.status = status;
    this.reason = reason;
    this.retryable = failure.retryable;
    this.outcomeUnknown = failure.outcomeUnknown;
    this.retryAfterMs = failure.retryAfterMs ?? null;
    this.fetchedAt = failure.fetchedAt ?? null;
    this.#failure = failure;
  }

  /** The same of a call that an earlier attempt may have done. */
  withOutcomeUnknown(): SinchError {
    return this.outcomeUnknown ? this : new SinchError({ ...this.#failure, outcomeUnknown: true });
  }
}

/** Whether Sinch's answer has more bytes than are read: asking for less may help. */
export function isTooLarge({ status }: SinchError): boolean {
  return status === ('ANSWER_TOO_LARGE' satisfies LocalStatus);
}
