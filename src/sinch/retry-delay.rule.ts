import { readHttpDate } from './read-http-date.rule';

/** How long to wait before a request is sent again. */
export interface BackoffLimits {
  /** The most that the wait after the first attempt may be; it doubles from attempt to attempt. */
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
  /** The longest wait that a server may ask for; `retryDelayMs` cuts a longer one. */
  readonly retryAfterMaxMs: number;
}

/**
 * How long to wait after an attempt: a random part of a ceiling that doubles ("full jitter"), on top of what the server asks for.
 *
 * @param attempt 1 after the first
 * @param retryAfterMs what the server asks for; `null`: nothing
 * @param random from 0 up to 1
 */
export function retryDelayMs(
  attempt: number,
  retryAfterMs: number | null,
  random: number,
  limits: BackoffLimits,
): number {
  const ceilingMs = Math.min(limits.backoffMaxMs, limits.backoffFirstMs * 2 ** (attempt - 1));
  // all clients that got the same time would come back at the same time
  const jitterMs = Math.floor(random * (retryAfterMs === null ? ceilingMs : limits.backoffFirstMs));
  return Math.min(retryAfterMs ?? 0, limits.retryAfterMaxMs) + jitterMs;
}

/**
 * Reads a `Retry-After` header (RFC 9110): whole seconds, or a date.
 *
 * @param nowMs the server's time if it sent one; without it a date means nothing when our clocks differ
 * @returns ms, at least 0; `null` when it is missing or neither
 */
export function readRetryAfterMs(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const atMs = readHttpDate(text);
  return atMs === null ? null : Math.max(0, atMs - nowMs);
}
