/**
 * Sinch's own routes of the Contacts API: list, get, conflicts, and those that write, which the mirror refuses. A colon before
 * a verb may be percent-encoded.
 */
const SINCH_ROUTE =
  /^\/v1\/projects\/[^/?]+\/contacts(?:(?::|%3a)(?:identityConflicts|getChannelProfile)|\/[^/?]+)?\/?(?:\?|$)/i;

/** The names of google.rpc.Code that Sinch writes for HTTP statuses. */
const STATUS_NAMES: Readonly<Record<number, string>> = {
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  410: 'NOT_FOUND',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
};

/** An error as Sinch's API answers it, and as its published clients read it. */
export interface SinchErrorObject {
  /** The HTTP status. */
  readonly code: number;
  readonly status: string;
  readonly message: string;
  readonly details: readonly never[];
}

/** The `error` of a problem on one of Sinch's own routes; null on all others. `path` may have a query. */
export function sinchErrorOf(path: string, status: number, message: string): SinchErrorObject | null {
  if (!SINCH_ROUTE.test(path)) return null;
  const other = status < 400 ? 'FAILED_PRECONDITION' : 'INVALID_ARGUMENT';
  return { code: status, status: STATUS_NAMES[status] ?? other, message, details: [] };
}
