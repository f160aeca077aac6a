import type { SinchError } from '../sinch/sinch-error';

/** Why a run cannot be brought to its end; the message is for the person who asked for it. */
export class SyncFailure extends Error {}

/** That Sinch's answers do not tell when they were given. */
export function noDate(): SyncFailure {
  return new SyncFailure(
    'Sinch’s answers have no Date header, so they cannot be ordered against its callbacks. Check whether a proxy removes the header.',
  );
}

/** Says of an error of Sinch's, or of the way to it, what to do about it. */
export function describeSinchError(error: SinchError): string {
  switch (error.httpStatus) {
    case 401:
      return 'Sinch does not accept the access key (401): check SINCH_KEY_ID and SINCH_KEY_SECRET.';
    case 403:
      return 'Sinch does not allow this access key to read the contacts of the project (403).';
    case 404:
      return 'Sinch does not find the project (404): check SINCH_PROJECT_ID and SINCH_REGION.';
    case null:
    default:
      return `${error.message}.`;
  }
}
