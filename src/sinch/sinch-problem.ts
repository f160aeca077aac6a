import { Problem } from '../rest/problems/problem';
import type { SinchError } from './sinch-error';

/** After how many seconds a caller may try again when Sinch does not say. */
const retryAfterSeconds = 5;

/** Whether Sinch, or the client before it was sent, refused finally: the same request will fail again. */
export function isRefusal({ retryable, outcomeUnknown, httpStatus, status }: SinchError): boolean {
  return !retryable && !outcomeUnknown && (httpStatus !== null || status === 'NOT_SENDABLE');
}

/** What Sinch or the fault said, as a detail puts it. */
export function wordsOf({ httpStatus, status, reason }: SinchError): string {
  const what = httpStatus === null ? status : `${httpStatus} ${status}`;
  return reason === null ? what : `${what}: ${reason}`;
}

/** The problem of a request that Sinch did not do. */
export function notDone(error: SinchError): Problem {
  return isRefusal(error)
    ? new Problem('upstream-refused', `Sinch refused, and nothing was changed: ${wordsOf(error)}.`)
    : unavailable(`Sinch did not process the request, and nothing was changed: ${wordsOf(error)}.`, error);
}

/** The problem of a request that Sinch may have done. */
export function notKnown(error: SinchError): Problem {
  return unavailable(
    `It is unknown whether Sinch has merged the contacts: ${wordsOf(error)}. If it has, its callback or the next reconcile brings the merge to the mirror. Check for the merge before you request it again.`,
    error,
  );
}

function unavailable(detail: string, { retryAfterMs }: SinchError): Problem {
  const seconds = retryAfterMs === null ? retryAfterSeconds : Math.max(1, Math.ceil(retryAfterMs / 1000));
  return new Problem('upstream-unavailable', detail, { headers: { 'Retry-After': String(seconds) } });
}
