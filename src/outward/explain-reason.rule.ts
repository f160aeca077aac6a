/** Why a delivery failed, waits, or is not sent: one code for REST, metrics, logs and mail. */
export const REASON_CODES = [
  'connect-refused',
  'dns',
  'tls',
  'timeout',
  'address-refused',
  'status-3xx',
  'status-4xx',
  'status-5xx',
  'rate-limited',
  'credentials',
  'answer-unreadable',
  'secrets-closed',
  'internal-error',
  'mapping',
  'ambiguous',
  'unchanged',
  'loop-suspected',
  'waiting-behind',
  'under-way',
  'passed-over',
  'discarded',
  'erased',
  'no-longer-kept',
  'too-old',
  'once-per',
  'left-meanwhile',
  'superseded',
  'paused',
  'disabled',
  'breaker-open',
  'filtered',
] as const;
export type ReasonCode = (typeof REASON_CODES)[number];

/** A reason as a person reads it. */
export interface Explanation {
  /** What happened: one sentence, without values of contacts. */
  readonly sentence: string;
  /** What to do about it: one sentence. */
  readonly nextStep: string;
}

/** What some reasons are about. */
export interface ReasonDetail {
  /** Of `status-…`, `credentials` and `rate-limited`: the HTTP status. */
  readonly status?: number;
  /** Of `waiting-behind`: the event that is sent first. */
  readonly eventId?: string;
  /** Of `filtered`: JSON pointer to the predicate that said no. */
  readonly filterPath?: string;
}

const NOTHING_TO_DO = 'Nothing needs to be done.';

/** Sentence and next step; `{…}` stands for a detail. */
const EXPLANATIONS: Readonly<Record<ReasonCode, readonly [string, string]>> = {
  'connect-refused': [
    'The destination refused or broke the connection.',
    'Check that it runs and that its firewall lets this service in; the delivery is tried again.',
  ],
  dns: ['The name of the destination has no address.', 'Correct the URL by PATCH, or the DNS record.'],
  tls: [
    'The TLS connection to the destination failed.',
    'Check that its certificate is valid, complete and made out to its name.',
  ],
  timeout: [
    'The destination did not answer within 15 s.',
    'Have the receiver store the event, answer 2xx, and do its work afterwards.',
  ],
  'address-refused': [
    'The address of the destination is not public, so nothing was sent.',
    'Use a public address, or have the operator allow the network with OUTWARD_ALLOWED_NETWORKS.',
  ],
  'status-3xx': [
    'The destination answered {status}, a redirect; these are not followed.',
    'Set the URL that it redirects to by PATCH.',
  ],
  'status-4xx': [
    'The destination answered {status}, so it refuses this request.',
    'Read the excerpt of its answer and correct the receiver, then `:retry`.',
  ],
  'status-5xx': [
    'The destination answered {status}, an error of its own.',
    'Read the logs of the receiver; the delivery is tried again.',
  ],
  'rate-limited': [
    'The destination answered {status}: too many requests.',
    'Lower `rate_per_second` if this lasts; the rate was already reduced.',
  ],
  credentials: [
    'The destination answered {status}: it refuses the credentials.',
    'Renew them by PATCH, then `:resume`.',
  ],
  'secrets-closed': [
    'The secrets of the subscription cannot be decrypted, so nothing was sent.',
    'Add to OUTWARD_KEYS the key that they were encrypted with; the log names it.',
  ],
  'internal-error': [
    'The service failed to write this delivery, so nothing was sent.',
    'Report it with the entry of the log; the delivery is tried again.',
  ],
  'answer-unreadable': [
    'The answer of the destination is not valid HTTP, or too large.',
    'Check what answers at this URL; the delivery is tried again.',
  ],
  mapping: [
    'The mapping does not fit the fields of the destination.',
    'Correct `mapping` by PATCH, then `:retry`.',
  ],
  ambiguous: [
    'Several records of the destination match this contact.',
    'Merge them there, or set the reference of the contact.',
  ],
  unchanged: ['The destination has these values already.', NOTHING_TO_DO],
  'loop-suspected': [
    'The same values of this contact are written back and forth.',
    'Find the other system that writes these fields, then `:retry`.',
  ],
  'waiting-behind': [
    'It waits until the event {eventId} of the same contact is delivered or given up.',
    'See why that event waits; `:discard` it if it is not needed.',
  ],
  'under-way': ['A request for it is under way.', 'Wait for its answer, which takes 15 s at most.'],
  'passed-over': [
    'The subscription began after this event, or was resumed from a later one.',
    'Use `:replay` if it is to be sent.',
  ],
  discarded: ['Somebody gave it up.', 'Use `:retry` if it is to be sent after all.'],
  erased: ['The contact was erased, so nothing more of it is sent.', NOTHING_TO_DO],
  'no-longer-kept': [
    'The journal no longer has this event.',
    'Use `:snapshot` to send the contacts as they are now.',
  ],
  'too-old': [
    'The event was older than `max_age_seconds` of the filter.',
    'Raise `max_age_seconds` by PATCH if such events are wanted.',
  ],
  'once-per': ['An event of this contact was sent before, and `once_per` allows one.', NOTHING_TO_DO],
  'left-meanwhile': [
    'The contact was deleted or merged during `delay_seconds`, so nothing was sent.',
    NOTHING_TO_DO,
  ],
  superseded: ['A newer event of this contact is sent in its place.', NOTHING_TO_DO],
  paused: ['The subscription is paused; events wait, and none is lost.', 'Use `:resume` to continue.'],
  disabled: [
    'The subscription is disabled; events wait, and none is lost.',
    'Correct what `state_reason` names, then `:resume`.',
  ],
  'breaker-open': [
    'The destination fails, so only single deliveries are tried until one succeeds.',
    'Correct the destination; sending continues by itself.',
  ],
  filtered: [
    'The filter of the subscription does not let it pass: {filterPath}.',
    'Change the filter by PATCH if it should.',
  ],
};

/** Explains a reason in one sentence and one next step; a detail that is not known is shown as `?`. */
export function explainReason(code: ReasonCode, detail: ReasonDetail = {}): Explanation {
  const [sentence, nextStep] = EXPLANATIONS[code];
  const shown = sentence
    .replace('{status}', String(detail.status ?? '?'))
    // as a function, since a replacement text would read `$` in it
    .replace('{eventId}', () => detail.eventId ?? '?')
    .replace('{filterPath}', () => detail.filterPath ?? '?');
  return { sentence: shown, nextStep };
}
