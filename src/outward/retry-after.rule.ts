const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** The wait after the first try, the second, and so on; after the last of them it stays 24 h. */
const WAITS_MS: readonly number[] = [
  5 * secondMs,
  30 * secondMs,
  2 * minuteMs,
  10 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  6 * hourMs,
  12 * hourMs,
  24 * hourMs,
];
const lastWaitMs = 24 * hourMs;
/** A wait is stretched by up to a fifth, so that deliveries that failed together do not come back together. */
const stretchMax = 0.2;

/** What a destination's `Retry-After` may raise a wait to. */
export const retryAfterMaxMs = hourMs;
/** How long after the first try a delivery is tried at most. */
export const retryForMaxMs = 5 * dayMs;
/** How many times a message is sent that the destination says is bad. */
export const messageFaultTriesMax = 3;

/** What is known of a delivery that failed. */
export interface FailedDelivery {
  /** At least 1. */
  readonly tries: number;
  /** How many of the tries the destination answered with a message fault: 400, 413, 415 or 422. */
  readonly messageFaults: number;
  /** Unix time of the first try. */
  readonly firstTriedAtMs: number;
  /** How long its timer stood still since, while the breaker was open or the subscription paused; that time does not count. */
  readonly stoodStillMs: number;
}

/** When a delivery is tried again, from now on; or that it is given up. */
export type RetryDecision = { readonly kind: 'wait'; readonly waitMs: number } | { readonly kind: 'dead' };

/**
 * Decides what becomes of a delivery after a try that failed.
 *
 * Waits 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 6 h, 12 h and 24 h, each stretched by up to a fifth; then 24 h each time. The last
 * try is five days after the first. A third message fault is the last try too: sending the same bytes again does not help.
 *
 * @param nowMs when the try failed, Unix time
 * @param retryAfterMs what the destination asks for (`readRetryAfterMs`), at least 0; `null`: nothing
 * @param random from 0 up to 1
 */
export function decideRetry(
  delivery: FailedDelivery,
  nowMs: number,
  retryAfterMs: number | null,
  random: number,
): RetryDecision {
  if (delivery.messageFaults >= messageFaultTriesMax) return { kind: 'dead' };
  const leftMs = delivery.firstTriedAtMs + retryForMaxMs + delivery.stoodStillMs - nowMs;
  if (leftMs <= 0) return { kind: 'dead' };
  const plainMs = WAITS_MS[delivery.tries - 1] ?? lastWaitMs;
  const stretchedMs = Math.floor(plainMs * (1 + stretchMax * random));
  const askedMs = Math.min(retryAfterMs ?? 0, retryAfterMaxMs);
  return { kind: 'wait', waitMs: Math.min(Math.max(stretchedMs, askedMs), leftMs) };
}
