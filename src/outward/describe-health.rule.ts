import type { Breaker } from './breaker.rule';
import { explainReason, type ReasonCode } from './explain-reason.rule';

/** What is known of a subscription that its health is described by. */
export interface HealthFacts {
  readonly name: string;
  /** Of the subscription: `paused` and `disabled` stand still. */
  readonly state: string;
  readonly stateReason: string | null;
  readonly breaker: Breaker;
  /** Events that it has not come to; counted up to a limit. */
  readonly lagEvents: number;
  readonly parked: number;
  readonly blockedContacts: number;
  /** Of the newest attempt that failed; `null`: none did lately. */
  readonly failure: { readonly reason: ReasonCode; readonly status: number | null; readonly at: Date } | null;
}

/** How a subscription does, in one code, one sentence and one next step. */
export interface HealthText {
  /** `null`: nothing is wrong. */
  readonly reasonCode: ReasonCode | null;
  readonly reason: string;
  readonly nextStep: string;
}

const NOTHING_TO_DO = 'Nothing needs to be done.';

/** Why the service disabled a subscription, for people. */
const WHY_DISABLED: Readonly<Record<string, string>> = {
  gone: 'the destination answered 410: it wants no more events',
  'open-too-long': 'the destination failed for five days',
};

/**
 * Describes how a subscription does, for a person: "Orders CRM: The destination answered 503, an error of its own (since 14:02).
 * 312 deliveries of 290 contacts wait, none is lost."
 */
export function describeHealth(facts: HealthFacts): HealthText {
  const { name, state, stateReason, breaker, lagEvents, parked } = facts;
  const waiting = waitingOf(facts);
  if (state === 'paused')
    return text('paused', `${name} is paused. ${waiting}`, explainReason('paused').nextStep);
  if (state === 'disabled' || breaker.state === 'disabled') {
    const why = stateReason === null ? '' : ` (${WHY_DISABLED[stateReason] ?? stateReason})`;
    return text('disabled', `${name} is disabled${why}. ${waiting}`, explainReason('disabled').nextStep);
  }
  const failing = failureOf(facts);
  if (failing !== null) {
    const { sentence, nextStep, since, code } = failing;
    return text(code, `${name}, since ${since}: ${sentence} ${waiting}`, nextStep);
  }
  const doing =
    lagEvents > 0 ? `${name} is catching up.` : parked > 0 ? `${name} works.` : `${name} is up to date.`;
  return text(null, lagEvents > 0 || parked > 0 ? `${doing} ${waiting}` : doing, NOTHING_TO_DO);
}

/** The last failure, where the breaker is not closed or something waits for it. */
function failureOf({ breaker, parked, failure }: HealthFacts): {
  readonly code: ReasonCode;
  readonly sentence: string;
  readonly nextStep: string;
  readonly since: string;
} | null {
  const isClosed = breaker.state === 'closed';
  if (isClosed && (parked === 0 || failure === null)) return null;
  const code = failure?.reason ?? 'breaker-open';
  const status = failure?.status ?? null;
  const since = 'sinceMs' in breaker ? new Date(breaker.sinceMs) : (failure?.at ?? new Date(0));
  return {
    code,
    ...explainReason(code, status === null ? {} : { status }),
    since: `${since.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
  };
}

function waitingOf({ parked, blockedContacts, lagEvents }: HealthFacts): string {
  const ofContacts =
    parked === 0
      ? ''
      : ` ${count(parked, 'delivery', 'deliveries')} of ${count(blockedContacts, 'contact', 'contacts')}`;
  const ahead =
    lagEvents === 0 ? '' : `${parked === 0 ? ' ' : ' and '}${count(lagEvents, 'event', 'events')} ahead`;
  if (parked === 0 && lagEvents === 0) return 'Nothing waits.';
  return `${`${ofContacts}${ahead}`.trim()} wait; none is lost.`;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

function text(reasonCode: ReasonCode | null, reason: string, nextStep: string): HealthText {
  return { reasonCode, reason, nextStep };
}
