/** What every answer with one problem code has in common; the texts are for people. */
export interface ProblemKind {
  /** The HTTP status, unless the thrower states another. */
  readonly status: number;
  readonly title: string;
  readonly cause: string;
  readonly cure: string;
}

/** Every problem that the service answers with, by its code: each is a page under `/problems`. */
export const PROBLEMS = {
  'invalid-request': {
    status: 400,
    title: 'The request is not valid',
    cause: 'A parameter, the body, the URL or the HTTP itself is not as the route takes it.',
    cure: 'Each of `errors` points to one value and says what it should be: `/body/…` into the body, `/query/…` to a query parameter, `/path/…` to a part of the path, `/header/…` to a header. Repeating the request as it is ends alike.',
  },
  'unknown-parameter': {
    status: 400,
    title: 'The route has no such query parameter',
    cause:
      'The query has a parameter that the route does not know. A filter with a slip of the pen would otherwise be answered as if it had not been given.',
    cure: 'Correct or remove the parameter that `errors` names.',
  },
  'page-token-mismatch': {
    status: 400,
    title: 'The page token does not belong to this list',
    cause:
      'A page token continues one list with one set of filters. This one was given out for another list or other filters, or it is not as it was given out.',
    cure: 'Repeat the request with the filters of the first page, or start again without `page_token`. Only `page_size` and `wait` may change between pages.',
  },
  unauthenticated: {
    status: 401,
    title: 'A valid API key is required',
    cause: 'The request has no `Authorization: Bearer <key>` header, or its key is not known here.',
    cure: 'Send a key of this service.',
  },
  forbidden: {
    status: 403,
    title: 'The API key does not allow this',
    cause:
      'The key lacks the scope of the route, or is not for the project in the path. Whether the thing asked for exists was not looked up.',
    cure: 'Use a key with that scope and project.',
  },
  'not-found': {
    status: 404,
    title: 'There is no such thing',
    cause: 'The path names a route that does not exist, or something that the mirror has never heard of.',
    cure: 'Check the path and its ids. A contact that Sinch made a moment ago is found once its callback has arrived.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The resource does not take this method',
    cause:
      'The path exists, but not with this method. The mirror is read-only: contacts are written with Sinch.',
    cure: 'Use a method that the `Allow` header names, or send the write to the Sinch Contacts API.',
  },
  'contact-merged': {
    status: 307,
    title: 'The contact was merged into another',
    cause:
      'Sinch merged this contact into the one that `survivor_id` names, the end of `chain`. A merged contact does not come back.',
    cure: 'Follow `Location`, ask with `on_merged=follow`, or replace the id with `survivor_id`.',
  },
  'contact-deleted': {
    status: 410,
    title: 'The contact was deleted',
    cause:
      'Sinch deleted this contact, or the contact at the end of the `chain` that it was merged into. A deleted contact does not come back.',
    cure: 'Forget the id. What is known of the contact remains in its history and in the audit events.',
  },
  'merge-cycle': {
    status: 409,
    title: 'The contact was merged in a circle',
    cause:
      'Sinch reported merges that lead from this contact back to itself, so none of `chain` is the survivor.',
    cure: 'Look the contacts of `chain` up with Sinch; `/anomalies` lists such circles.',
  },
  'reference-taken': {
    status: 409,
    title: 'The reference belongs to another contact',
    cause:
      'One external id in one system belongs to one contact, and this one is given to the contact that `contact_id` names.',
    cure: 'Remove it there first, or correct it.',
  },
  'merge-blocked': {
    status: 409,
    title: 'These contacts cannot be merged',
    cause: 'A rule stands against this merge; `errors` names each. Nothing was changed.',
    cure: 'Ask for a preview with `validate_only=true`; different external ids give way to `force`.',
  },
  'sync-under-way': {
    status: 409,
    title: 'Another run is under way',
    cause: 'Of one project one run is under way at a time, and the one that is under way is of another mode.',
    cure: 'Wait until it has ended, or cancel it: `detail` names it.',
  },
  'idempotency-mismatch': {
    status: 422,
    title: 'The idempotency key was used for another request',
    cause: 'Within 24 hours the same `Idempotency-Key` came with another method, path, query or body.',
    cure: 'Use a new key for a new request, and repeat a request byte for byte.',
  },
  'idempotency-conflict': {
    status: 409,
    title: 'The request is under way',
    cause:
      'A request with the same `Idempotency-Key` was begun and is not answered yet. Where the service ended meanwhile, its repetition is carried out after five minutes.',
    cure: 'Send the request again after as many seconds as `Retry-After` says.',
  },
  'payload-too-large': {
    status: 413,
    title: 'The body is too large',
    cause: 'The body exceeds the limit of the route, which `detail` states.',
    cure: 'Send less at once.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    cause:
      'The key has sent as many requests in this minute as it may: `RATE_LIMIT_PER_MINUTE` of the replica.',
    cure: 'Wait as many seconds as `Retry-After` says. `RateLimit` tells with each answer how many requests are left.',
  },
  'upstream-refused': {
    status: 502,
    title: 'Sinch refused the request',
    cause: 'The request was passed on to the Sinch API, which refused it. Nothing was changed here.',
    cure: '`detail` repeats what Sinch said.',
  },
  'upstream-unavailable': {
    status: 503,
    title: 'Sinch cannot be reached',
    cause:
      'The Sinch API did not answer in time, or answered with an error of its own; or the service has no access to it for this project. `detail` says whether something was changed.',
    cure: 'Send the request again after as many seconds as `Retry-After` says; without it, have the service configured.',
  },
  unavailable: {
    status: 503,
    title: 'The service is unavailable for the moment',
    cause: 'The database is away, the queue is full, or the service is starting or stopping.',
    cure: 'Send the request again after as many seconds as `Retry-After` says.',
  },
  internal: {
    status: 500,
    title: 'The service failed',
    cause: 'A fault of the service itself. Its log tells more under the `trace_id`.',
    cure: 'Report the `trace_id` to those who run the service.',
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
    return {
      type: `/problems/${this.code}`,
      title: PROBLEMS[this.code].title,
      status: this.status,
      detail: this.detail,
      instance,
      code: this.code,
      trace_id: traceId,
      ...this.members,
    };
  }
}

/** Whether a text is a problem code. */
export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(PROBLEMS, text);
}
