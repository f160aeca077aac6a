import type { EgressReason } from '../egress/egress-reason.rule';
import type { Outcome } from './breaker.rule';
import type { ReasonCode } from './explain-reason.rule';

/** How an attempt ended: an answer, no connection (`EgressError`), or the code of the error that came after it was made. */
export type AttemptResult =
  | { readonly kind: 'answer'; readonly status: number }
  | { readonly kind: 'unconnected'; readonly reason: EgressReason }
  /** `errorCode`: of Node or undici, as `ECONNREFUSED`; `null`: an error without code. */
  | { readonly kind: 'error'; readonly errorCode: string | null }
  /** Nothing was sent: the fault is ours, or that of the configuration. */
  | { readonly kind: 'not-sent'; readonly reason: 'secrets-closed' | 'internal-error' };

/** What an attempt means for its delivery and for its subscription. */
export interface ResultVerdict {
  readonly outcome: Outcome;
  /** `null`: it was delivered. */
  readonly reason: ReasonCode | null;
}

/** Statuses that say that this message is bad, not the destination. */
const MESSAGE_FAULTS: ReadonlySet<number> = new Set([400, 413, 415, 422]);

/** Error codes, by their beginnings, of Node, OpenSSL and undici; the first that fits counts. */
const REASONS_OF_ERRORS: readonly (readonly [RegExp, ReasonCode])[] = [
  [
    /^(ETIMEDOUT|ESOCKETTIMEDOUT|ABORT_ERR|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT|UND_ERR_ABORTED)/,
    'timeout',
  ],
  [/^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_|UNABLE_TO_)/, 'tls'],
  [/^(HPE_|UND_ERR_(RES_|RESPONSE|HEADERS_OVERFLOW)|ERR_HTTP_)/, 'answer-unreadable'],
];

/**
 * Judges an attempt: 2xx alone is delivered; redirects are failures too, and never followed.
 *
 * 410 says that the receiver wants no more. 400, 413, 415 and 422 are faults of the message. Everything else is one of the
 * destination, also a status that nobody expects, such as 301 or 405: it would come for every message. So is what we could not send,
 * so that it is not tried again and again.
 */
export function judgeResult(result: AttemptResult): ResultVerdict {
  if (result.kind === 'unconnected' || result.kind === 'not-sent')
    return { outcome: 'destination-fault', reason: result.reason };
  if (result.kind === 'error')
    return { outcome: 'destination-fault', reason: reasonOfError(result.errorCode ?? '') };
  const { status } = result;
  if (status >= 200 && status < 300) return { outcome: 'delivered', reason: null };
  const reason = reasonOfStatus(status);
  if (status === 410) return { outcome: 'gone', reason };
  return { outcome: MESSAGE_FAULTS.has(status) ? 'message-fault' : 'destination-fault', reason };
}

/** An error without a code of its own means that the connection broke. */
function reasonOfError(code: string): ReasonCode {
  return REASONS_OF_ERRORS.find(([codes]) => codes.test(code))?.[1] ?? 'connect-refused';
}

function reasonOfStatus(status: number): ReasonCode {
  if (status === 401 || status === 403) return 'credentials';
  if (status === 429) return 'rate-limited';
  if (status >= 500) return 'status-5xx';
  return status >= 400 ? 'status-4xx' : 'status-3xx';
}
