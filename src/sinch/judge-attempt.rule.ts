/**
 * What a request does at Sinch's.
 *
 * `read` changes nothing. `repeatable` sets what it says, so that twice is as once. `once` must not be repeated blindly: a
 * second merge or delete answers 404 for what the first has done, and a second webhook stands beside the first.
 */
export type Repeatability = 'read' | 'repeatable' | 'once';

/**
 * Why there is no answer.
 *
 * `unreachable`: no connection, so nothing was sent. `lost`: the connection broke. `timeout`: it took too long. `aborted`: by the
 * caller.
 */
export type FaultKind = 'unreachable' | 'lost' | 'timeout' | 'aborted';

/** What a failed attempt means for the one who wants the request done. */
export interface AttemptVerdict {
  /** Sending the same request again does no harm, and may help. */
  readonly retryable: boolean;
  /** Sinch may have done what the request asks for. Never of a read. */
  readonly outcomeUnknown: boolean;
}

/** Statuses that pass: too many requests, and servers in trouble; of 501 too, Sinch says so (docs/sinch.md, 5). */
const TRANSIENT: ReadonlySet<number> = new Set([429, 500, 501, 502, 503, 504]);

/** Judges an answer that was no success; of a 2xx, that it could not be read. */
export function judgeStatus(httpStatus: number, effect: Repeatability): AttemptVerdict {
  const wasDone = httpStatus >= 200 && httpStatus < 300;
  const isTheirs = httpStatus >= 500;
  return verdict(TRANSIENT.has(httpStatus), wasDone || isTheirs, effect);
}

/** Judges that there was no answer. */
export function judgeFault(kind: FaultKind, effect: Repeatability): AttemptVerdict {
  return verdict(kind !== 'aborted', kind !== 'unreachable', effect);
}

function verdict(isTransient: boolean, mayBeDone: boolean, effect: Repeatability): AttemptVerdict {
  const outcomeUnknown = mayBeDone && effect !== 'read';
  return { retryable: isTransient && !(outcomeUnknown && effect === 'once'), outcomeUnknown };
}
