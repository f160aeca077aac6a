import { hash } from 'node:crypto';

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const dayMs = 24 * 60 * minuteMs;

/** Failures in a row, over so many contacts, that open the breaker. */
export const failuresInRowMin = 10;
export const failedContactsMin = 3;
/** Of so many attempts in the window, half failed: that opens it too. */
export const windowAttemptsMin = 20;
export const windowMs = minuteMs;
/** The window moves in such steps. */
export const windowStepMs = 5 * secondMs;

export const firstProbeMs = 5 * secondMs;
export const probeWaitMaxMs = 5 * minuteMs;
/** Longer than a request may take: while one probe is on its way, no other begins, also if its sender was killed. */
export const probeUnderWayMs = 20 * secondMs;
export const successesToDouble = 10;
/** Open for so long, the subscription is disabled. */
export const openMaxMs = 5 * dayMs;
/** Contacts that were probed last; another is tried next. */
const probedMax = 8;

/** What happened in one step of the window. */
interface WindowStep {
  /** Unix time, divided by the length of a step. */
  readonly step: number;
  readonly attempts: number;
  readonly failures: number;
}

/**
 * The breaker of a subscription, kept as JSON. Contacts stand in it as digests, so that no row holds their ids.
 *
 * - `closed`: everything is sent.
 * - `open`: the cursor and all timers stand still; one head at a time is tried.
 * - `half-open`: few requests at once, more after each ten successes.
 * - `disabled`: nothing is sent until a person resumes it. The cursor stays, so nothing is lost.
 */
export type Breaker =
  | {
      readonly state: 'closed';
      readonly failuresInRow: number;
      /** Contacts of these failures, as many as matter. */
      readonly contacts: readonly string[];
      readonly window: readonly WindowStep[];
    }
  | {
      readonly state: 'open';
      readonly sinceMs: number;
      readonly waitMs: number;
      readonly nextProbeAtMs: number;
      /** Contacts that were probed, the last one last. */
      readonly probed: readonly string[];
    }
  | {
      readonly state: 'half-open';
      readonly sinceMs: number;
      readonly concurrency: number;
      readonly successes: number;
    }
  | { readonly state: 'disabled'; readonly reason: 'gone' | 'open-too-long'; readonly sinceMs: number };

type OpenBreaker = Extract<Breaker, { state: 'open' }>;

/** The breaker of a new subscription, and of one that a person resumed. */
export const CLOSED: Breaker = { state: 'closed', failuresInRow: 0, contacts: [], window: [] };

/**
 * How an attempt ended, as the breaker sees it (`judgeResult`).
 *
 * `message-fault` says that the destination works and the message is bad: it neither counts nor ends a row of failures.
 */
export type Outcome = 'delivered' | 'destination-fault' | 'message-fault' | 'gone';

export interface Attempt {
  readonly contactId: string;
  readonly outcome: Outcome;
  readonly beganAtMs: number;
  readonly endedAtMs: number;
}

/**
 * What the breaker is after an attempt.
 *
 * Attempts that began before the breaker was open, or half open, do not count any more: while it is open, only probes do.
 *
 * @param concurrency what is configured for the subscription; with that many requests at once it is closed again
 */
export function afterAttempt(breaker: Breaker, attempt: Attempt, concurrency: number): Breaker {
  if (breaker.state === 'disabled') return breaker;
  if (attempt.outcome === 'gone') return { state: 'disabled', reason: 'gone', sinceMs: attempt.endedAtMs };
  switch (breaker.state) {
    case 'closed':
      return afterClosed(breaker, attempt);
    case 'open':
      return attempt.beganAtMs <= breaker.sinceMs ? breaker : afterProbe(breaker, attempt);
    case 'half-open':
      return attempt.beganAtMs < breaker.sinceMs ? breaker : afterHalfOpen(breaker, attempt, concurrency);
  }
}

/** What the breaker is when nothing happened but time passing: an open one is disabled after five days. */
export function afterTime(breaker: Breaker, nowMs: number): Breaker {
  if (breaker.state !== 'open' || nowMs - breaker.sinceMs < openMaxMs) return breaker;
  return { state: 'disabled', reason: 'open-too-long', sinceMs: nowMs };
}

/** How many requests may be under way at once; 0: only probes are sent, or nothing. */
export function concurrencyOf(breaker: Breaker, configured: number): number {
  if (breaker.state === 'closed') return configured;
  return breaker.state === 'half-open' ? Math.min(breaker.concurrency, configured) : 0;
}

/** A probe that may begin, and the breaker to keep before it does. */
export interface Probe {
  readonly contactId: string;
  readonly breaker: Breaker;
}

/**
 * Chooses the head that an open breaker tries, another contact each time: one poisoned contact must not keep it open.
 *
 * @param heads contacts whose oldest delivery may be tried, in order; where nothing is parked, those of the events at the cursor
 * @returns null where it is not open, not due, or has nothing to try
 */
export function nextProbe(breaker: Breaker, heads: readonly string[], nowMs: number): Probe | null {
  if (breaker.state !== 'open' || !isDue(breaker, nowMs)) return null;
  const ranked = heads.map((contactId) => ({ contactId, rank: breaker.probed.indexOf(digestOf(contactId)) }));
  // -1: not among the last ones; else the one that was tried longest ago
  const best = ranked.reduce<(typeof ranked)[number] | null>(
    (chosen, each) => (chosen === null || each.rank < chosen.rank ? each : chosen),
    null,
  );
  if (best === null) return null;
  const digest = digestOf(best.contactId);
  const probed = [...breaker.probed.filter((each) => each !== digest), digest].slice(-probedMax);
  const nextProbeAtMs = nowMs + Math.max(breaker.waitMs, probeUnderWayMs);
  // where the clock was put back, the probe would seem to have begun before the breaker was open
  const sinceMs = Math.min(breaker.sinceMs, nowMs - 1);
  return { contactId: best.contactId, breaker: { ...breaker, sinceMs, probed, nextProbeAtMs } };
}

/** A time further away than any wait was set before the clock was put back. */
function isDue(breaker: OpenBreaker, nowMs: number): boolean {
  const waitMs = breaker.nextProbeAtMs - nowMs;
  return waitMs <= 0 || waitMs > probeWaitMaxMs;
}

function afterClosed(breaker: Extract<Breaker, { state: 'closed' }>, attempt: Attempt): Breaker {
  if (attempt.outcome === 'message-fault') return breaker;
  const isFailure = attempt.outcome === 'destination-fault';
  const window = withAttempt(breaker.window, attempt.endedAtMs, isFailure);
  if (!isFailure) return { state: 'closed', failuresInRow: 0, contacts: [], window };
  const failuresInRow = breaker.failuresInRow + 1;
  const contacts = withContact(breaker.contacts, digestOf(attempt.contactId));
  const isRow = failuresInRow >= failuresInRowMin && contacts.length >= failedContactsMin;
  if (isRow || isHalfFailed(window)) return opened(attempt.endedAtMs);
  return { state: 'closed', failuresInRow, contacts, window };
}

function afterProbe(breaker: OpenBreaker, attempt: Attempt): Breaker {
  if (attempt.outcome !== 'destination-fault')
    return { state: 'half-open', sinceMs: attempt.endedAtMs, concurrency: 1, successes: 0 };
  const waitMs = Math.min(breaker.waitMs * 2, probeWaitMaxMs);
  const failed = { ...breaker, waitMs, nextProbeAtMs: attempt.endedAtMs + waitMs };
  return afterTime(failed, attempt.endedAtMs);
}

function afterHalfOpen(
  breaker: Extract<Breaker, { state: 'half-open' }>,
  attempt: Attempt,
  configured: number,
): Breaker {
  if (attempt.outcome === 'message-fault') return breaker;
  if (attempt.outcome === 'destination-fault') return opened(attempt.endedAtMs);
  const successes = breaker.successes + 1;
  if (successes < successesToDouble) return { ...breaker, successes };
  const concurrency = breaker.concurrency * 2;
  return concurrency >= configured ? CLOSED : { ...breaker, concurrency, successes: 0 };
}

function opened(nowMs: number): Breaker {
  return {
    state: 'open',
    sinceMs: nowMs,
    waitMs: firstProbeMs,
    nextProbeAtMs: nowMs + firstProbeMs,
    probed: [],
  };
}

/** The steps of the last minute, this attempt counted in. A clock that was put back counts in the newest step. */
function withAttempt(
  window: readonly WindowStep[],
  nowMs: number,
  isFailure: boolean,
): readonly WindowStep[] {
  const last = window.at(-1);
  const step = Math.max(Math.floor(nowMs / windowStepMs), last?.step ?? 0);
  const { attempts, failures } = last?.step === step ? last : { attempts: 0, failures: 0 };
  const earlier = last?.step === step ? window.slice(0, -1) : window;
  return [
    ...earlier.filter((each) => each.step > step - windowMs / windowStepMs),
    { step, attempts: attempts + 1, failures: failures + (isFailure ? 1 : 0) },
  ];
}

function isHalfFailed(window: readonly WindowStep[]): boolean {
  const attempts = window.reduce((sum, each) => sum + each.attempts, 0);
  const failures = window.reduce((sum, each) => sum + each.failures, 0);
  return attempts >= windowAttemptsMin && failures * 2 >= attempts;
}

function withContact(contacts: readonly string[], digest: string): readonly string[] {
  if (contacts.length >= failedContactsMin || contacts.includes(digest)) return contacts;
  return [...contacts, digest];
}

function digestOf(contactId: string): string {
  return hash('sha256', contactId, 'hex').slice(0, 16);
}
