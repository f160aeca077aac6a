import { Problem } from './problem';

/** A request that may be sent again as it is, after so many seconds (`Retry-After`). */
export function unavailable(detail: string, retryAfterSeconds = 1): Problem {
  return new Problem('unavailable', detail, { headers: { 'Retry-After': String(retryAfterSeconds) } });
}

/** What needs a key of the database, before that is read. */
export function starting(): Problem {
  return unavailable('The service is starting.');
}

/** A decision that is perhaps not in the journal. */
export function decisionNotConfirmed(): Problem {
  return unavailable('The decision could not be confirmed as stored. Send it again.');
}

/** A delivery that is perhaps not in the journal: Sinch must send it again. */
export function deliveryNotConfirmed(): Problem {
  return unavailable('The delivery could not be confirmed as stored. Send it again.');
}
