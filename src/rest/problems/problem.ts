import { sinchErrorOf, type SinchErrorObject } from './sinch-error.rule';

/** What every answer with one problem code has in common; the texts are for people. */
export interface ProblemKind {
  /** The HTTP status, unless the thrower states another. */
  readonly status: number;
  /** Those that a thrower may state instead. */
  readonly other_statuses?: readonly number[];
  readonly title: string;
  readonly reason: string;
  readonly remedy: string;
}

/** Every problem that the service answers with, by its code: each is a page under `/problems`. */
export const PROBLEMS = {
  'invalid-request': {
    status: 400,
    other_statuses: [408, 414, 415, 417, 431],
    title: 'The request is not valid',
    reason:
      'A parameter, the body, the URL or the HTTP message does not have the form that the route accepts. Or the resource is in a state that does not allow this; `detail` says which.',
    remedy:
      'If there are `errors`, each points to one value and says what it should be: `/body/…` points into the body, `/query/…` to a query parameter, `/path/…` to a part of the path, `/header/…` to a header. Otherwise follow `detail`. Retrying unchanged will fail again.',
  },
  'unknown-parameter': {
    status: 400,
    title: 'The route has no such query parameter',
    reason:
      'The query has a parameter that the route does not know. It is refused because a misspelled filter would otherwise be ignored without notice.',
    remedy: 'Correct or remove the parameter that `errors` names.',
  },
  'page-token-mismatch': {
    status: 400,
    title: 'The page token does not belong to this list',
    reason:
      'A page token continues one list with one set of filters. This token was issued for another list or other filters, or it was changed. Or the journal no longer has the event that the token names, because Postgres was restored; `detail` says which.',
    remedy:
      'Repeat the request with the filters of the first page, or start again without `page_token`. Only `page_size` and `wait` may change between pages.',
  },
  unauthenticated: {
    status: 401,
    title: 'A valid API key is required',
    reason: 'The request has no `Authorization: Bearer <key>` header, or this service does not know the key.',
    remedy: 'Send an API key of this service.',
  },
  'invalid-signature': {
    status: 401,
    title: 'The webhook signature is not valid',
    reason:
      'The webhook accepts only deliveries that Sinch signed: `x-sinch-webhook-signature` must be the base64 of the HMAC-SHA-256 over the raw bytes of the body, a dot, the nonce, a dot and the timestamp. The signature that was sent does not match under any configured secret, or one of the three headers is missing.',
    remedy:
      'Set the same secret in `SINCH_WEBHOOK_SECRETS` and in the webhook at Sinch. During a rotation, list the new one and the old one. If the secret is right, look for a proxy that changes the body: every byte counts, including white space and the last line break. Sinch does not retry a delivery that was answered 401, so run a reconcile afterwards.',
  },
  forbidden: {
    status: 403,
    title: 'The API key does not allow this',
    reason:
      'The key lacks the scope of the route, or is not valid for the project in the path. The service did not look up whether the resource exists.',
    remedy: 'Use a key that has this scope and this project.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    reason: 'The path names a route that does not exist, or a resource that the mirror does not know.',
    remedy:
      'Check the path and its ids. A contact that was just created at Sinch is found once its webhook delivery has arrived.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    reason:
      'The path exists, but does not accept this method. Contacts are read-only here: write them through Sinch.',
    remedy: 'Use a method from the `Allow` header, or send the write to the Sinch Contacts API.',
  },
  'answer-too-large': {
    status: 413,
    title: 'The answer would be too large',
    reason:
      'An answer holds at most 4 MiB of rows, and follows at most 100,000 merged contacts. This request exceeds a limit.',
    remedy:
      'Ask for less at once. In a batch only the ids with this code are missing: request these ids again.',
  },
  'contact-merged': {
    status: 307,
    other_statuses: [410],
    title: 'The contact was merged into another',
    reason:
      'Sinch merged this contact into the contact `survivor_id`, the last of `chain`. A merged contact never becomes active again.',
    remedy:
      'Follow `Location` (307), send `on_merged=follow`, or replace the id by `survivor_id`. With `on_merged=error` the answer is 410, without `Location`.',
  },
  'contact-deleted': {
    status: 410,
    title: 'The contact was deleted',
    reason:
      'Sinch reported that this contact was deleted, or no longer has it. The same is answered for a merged contact whose survivor, at the end of the `chain`, was deleted. A contact that Sinch reported as deleted never becomes active again; one that was only missing at Sinch becomes active if newer data arrives.',
    remedy:
      'Stop using the id. If `contacts:changes` shows the contact again, use it again. The history and the audit events of the contact remain available.',
  },
  'merge-cycle': {
    status: 409,
    title: 'Merge cycle',
    reason:
      'Sinch reported merges that lead from this contact back to itself, so none of `chain` is the survivor.',
    remedy: 'Look up the contacts of `chain` at Sinch. `/anomalies` lists merge cycles.',
  },
  'reference-taken': {
    status: 409,
    title: 'The reference belongs to another contact',
    reason:
      'An external id of a system belongs to one contact, and this one already belongs to the contact `contact_id`.',
    remedy: 'Remove it there first, or correct it.',
  },
  'merge-blocked': {
    status: 409,
    title: 'These contacts cannot be merged',
    reason: 'The merge is blocked; see `errors`. Nothing was changed.',
    remedy:
      'Request a preview with `validate_only=true`. Use `force` to merge despite different external ids or an earlier dismissal.',
  },
  'sync-under-way': {
    status: 409,
    title: 'Another run is running',
    reason: 'A project has one run at a time, and the current run has another mode.',
    remedy: 'Wait until the run named in `detail` has ended, or cancel it.',
  },
  'run-under-way': {
    status: 409,
    title: 'A run of this kind is running',
    reason: 'Of each kind, replay and snapshot, a subscription has one run at a time.',
    remedy: 'Wait until the run named in `detail` has ended, or stop it.',
  },
  'idempotency-mismatch': {
    status: 422,
    title: 'The idempotency key was used for another request',
    reason: 'The same `Idempotency-Key` was used within 24 hours with another method, path, query or body.',
    remedy: 'Use a new key for a new request. Retry a request byte for byte.',
  },
  'idempotency-conflict': {
    status: 409,
    title: 'The first request has no answer yet',
    reason:
      'A request with the same `Idempotency-Key` is still running, or its answer was too long to be stored; `detail` says which. If the service crashed meanwhile, a retry is processed after 30 seconds.',
    remedy:
      'Send the request again after the number of seconds in `Retry-After`. Without that header, read the resource to see what the first request did.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The body is too large',
    reason: 'The body exceeds the limit of the route. `detail` states the limit.',
    remedy: 'Send less at once.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    reason:
      'The key has reached its limit for this minute (`RATE_LIMIT_PER_MINUTE`, in each replica). Or many wrong keys came from this address within the minute; a valid key is not affected by them.',
    remedy:
      'Wait the number of seconds in `Retry-After`. The header `RateLimit` of each answer says how many requests are left.',
  },
  'precondition-required': {
    status: 428,
    title: 'The request needs If-Match',
    reason:
      'The change must say which state of the resource it is based on, so that it does not undo a change of somebody else.',
    remedy: 'Read the resource, and send its `ETag` as `If-Match`.',
  },
  'precondition-failed': {
    status: 412,
    title: 'The resource has changed meanwhile',
    reason: 'Somebody changed the resource after the state that `If-Match` names. Nothing was changed.',
    remedy: 'Read the resource again, and repeat the change with its new `ETag`.',
  },
  'confirmation-required': {
    status: 409,
    title: 'The request needs to be confirmed',
    reason: 'It would skip events that were not sent yet; `detail` says how many. Nothing was changed.',
    remedy: 'Send the request again with `"confirm": true` if that is wanted.',
  },
  'filter-invalid': {
    status: 400,
    title: 'The filter is not valid',
    reason: 'The filter of a subscription has members, operators or values that do not exist.',
    remedy: 'Correct what `errors` points to.',
  },
  'destination-refused': {
    status: 422,
    title: 'Nothing may be sent to this destination',
    reason:
      'The host is, or has among its addresses, one that is not public. Nothing is said about what it resolves to.',
    remedy:
      'Use a host on the public internet. If the destination is in your own network, ask the operator of the service to add it to `OUTWARD_ALLOWED_NETWORKS`.',
  },
  'destination-unreachable': {
    status: 422,
    title: 'The destination does not exist',
    reason: 'The name of the host does not exist in DNS.',
    remedy: 'Correct the host, or create its DNS record first.',
  },
  'credentials-required': {
    status: 422,
    title: 'The headers must be sent again',
    reason:
      'The subscription has headers of its own, which are secrets, and the change names another scheme, host or port. Stored secrets are never sent to a new address.',
    remedy: 'Send `destination.headers` again with the new URL; `{}` removes them.',
  },
  'subscription-disabled': {
    status: 409,
    title: 'The subscription is disabled',
    reason:
      'The service disabled the subscription because its destination refused it or was unavailable for five days. It stays where it was.',
    remedy: 'Mend what `state_reason` says, then send `:resume`.',
  },
  'not-configured': {
    status: 503,
    title: 'The service is not configured for this',
    reason: 'The request needs something that the operator has not configured; `detail` names the variable.',
    remedy: 'Ask the operator to set that variable.',
  },
  'upstream-refused': {
    status: 502,
    title: 'Sinch refused the request',
    reason: 'The Sinch API refused the request. The mirror changed nothing.',
    remedy: 'Read `detail`, which repeats what Sinch answered.',
  },
  'upstream-unavailable': {
    status: 503,
    title: 'Sinch is not available',
    reason:
      'The Sinch API did not answer in time, or failed, or its answer could not be stored, or the service has no access to it for this project. `detail` says whether something was changed.',
    remedy:
      'Read `detail`. If nothing was changed, send the request again after the number of seconds in `Retry-After`. If the service has no access to Sinch, ask the operator to configure it.',
  },
  unavailable: {
    status: 503,
    title: 'The service is temporarily unavailable',
    reason: 'The database is unavailable, the queue is full, or the service is starting or stopping.',
    remedy: 'Send the request again after the number of seconds in `Retry-After`.',
  },
  internal: {
    status: 500,
    title: 'The service failed',
    reason: 'There was an unexpected error in the service. Its log has the details under the `trace_id`.',
    remedy: 'Report the `trace_id` to the operator of the service.',
  },
} as const satisfies Readonly<Record<string, ProblemKind>>;

export type ProblemCode = keyof typeof PROBLEMS;

/** One fault of a request. */
export interface FaultyValue {
  /** JSON pointer (RFC 6901): `/query/page_size`, `/path/contact_id`, `/body/ids/3`. */
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
  /** The contact that it is about, where that is not the request's own fault. */
  readonly contact_id?: string;
}

/** The members of a problem that only some have. */
export interface ProblemMembers {
  readonly errors?: readonly FaultyValue[];
  readonly contact_id?: string;
  readonly survivor_id?: string;
  readonly chain?: readonly string[];
  /** How many ids the chain has, where `chain` shows only the first of them. */
  readonly chain_length?: number;
  /** What was done before it. */
  readonly merges?: readonly object[];
}

/** A problem as it is answered: RFC 9457 `application/problem+json`. */
export interface ProblemBody extends ProblemMembers {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The path that was asked for, with its query. */
  readonly instance: string;
  readonly code: ProblemCode;
  readonly trace_id: string;
  /** On Sinch's own routes: the same as Sinch's API says it, for its clients. */
  readonly error?: SinchErrorObject;
}

/** What the thrower of a problem may add to its code and detail. */
export interface ProblemOptions extends ProblemMembers {
  /** Instead of the code's own: `contact-merged` is answered 307 and 410. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown wherever a request ends otherwise than it was meant to; the one filter makes it the answer. */
export class Problem extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  private readonly members: ProblemMembers;

  /** @param detail a sentence for the caller: what was wrong this time, without stack, SQL or driver text */
  constructor(
    readonly code: ProblemCode,
    readonly detail: string,
    { status, headers, ...members }: ProblemOptions = {},
  ) {
    super(`${code}: ${detail}`);
    this.status = status ?? PROBLEMS[code].status;
    this.headers = headers ?? {};
    this.members = members;
  }

  /** The faults of the request, where there are such. */
  get errors(): readonly FaultyValue[] | undefined {
    return this.members.errors;
  }

  /** The same problem with more to tell. */
  with(more: ProblemMembers): Problem {
    const { status, headers, members } = this;
    return new Problem(this.code, this.detail, { status, headers, ...members, ...more });
  }

  /** The problem as JSON shows it; also for a single row of an answer that holds many. */
  toBody(instance: string, traceId: string): ProblemBody {
    const error = sinchErrorOf(instance, this.status, this.detail);
    return {
      type: `/problems/${this.code}`,
      title: PROBLEMS[this.code].title,
      status: this.status,
      detail: this.detail,
      instance,
      code: this.code,
      trace_id: traceId,
      ...this.members,
      ...(error && { error }),
    };
  }
}

/** Whether a text is a problem code. */
export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(PROBLEMS, text);
}
