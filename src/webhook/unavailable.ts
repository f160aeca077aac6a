import { Problem } from '../rest/problem';

/** After how many seconds Sinch may try again. */
const retryAfterSeconds = 1;

/** A delivery that is not known to be kept: Sinch must send it again. */
export function unavailable(): Problem {
  return new Problem('unavailable', 'The delivery is not known to be kept. Send it again.', {
    headers: { 'Retry-After': String(retryAfterSeconds) },
  });
}
