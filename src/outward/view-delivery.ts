import { writeDate } from '../json/read-time.rule';
import type { DeliveryAttemptObject, DeliveryObject, DeliveryState } from './deliveries.dto';
import type { AttemptRow, DeliveryRow, SubscriptionPlace } from './deliveries.repository';
import type { EventType } from './event-types.rule';
import { explainReason, type ReasonCode } from './explain-reason.rule';

/** What is shown of a delivery before it is explained. */
interface Standing {
  readonly event_id: string;
  readonly type: EventType;
  readonly subject: string;
  readonly sequence: string | null;
  readonly state: DeliveryState;
  readonly reason: ReasonCode | null;
  /** Of the last answer. */
  readonly status?: number | null;
  readonly blocked_by?: string | null;
  readonly filter_path?: string | null;
  readonly next_attempt_at?: string | null;
}

/** Shows a delivery with its reason as a sentence, and what to do about it. */
export function viewStanding(standing: Standing, attempts: readonly AttemptRow[]): DeliveryObject {
  const { reason, status = null, blocked_by: blockedBy = null, filter_path: filterPath = null } = standing;
  const explained =
    reason === null
      ? null
      : explainReason(reason, {
          ...(status !== null && { status }),
          ...(blockedBy !== null && { eventId: blockedBy }),
          ...(filterPath !== null && { filterPath }),
        });
  return {
    event_id: standing.event_id,
    type: standing.type,
    subject: standing.subject,
    sequence: standing.sequence,
    state: standing.state,
    reason,
    reason_text: explained?.sentence ?? null,
    next_step: explained?.nextStep ?? null,
    blocked_by: blockedBy,
    filter_path: filterPath,
    next_attempt_at: standing.next_attempt_at ?? null,
    attempts: attempts.map(viewAttempt),
  };
}

/** Shows a delivery that has a row. */
export function viewRow(
  row: DeliveryRow,
  sequence: string | null,
  place: SubscriptionPlace,
  attempts: readonly AttemptRow[],
): DeliveryObject {
  const { event_id, type, subject, state, status, blocked_by } = row;
  const held = standstillOf(place);
  return viewStanding(
    {
      event_id,
      type,
      subject,
      sequence,
      state,
      reason: state === 'waiting' ? reasonToWait(row, held) : row.reason,
      status,
      blocked_by,
      // timers stand still meanwhile
      next_attempt_at:
        state === 'waiting' && row.next_at !== null && blocked_by === null && held === null
          ? writeDate(row.next_at)
          : null,
    },
    attempts,
  );
}

/** Why a subscription sends nothing, or only probes; null where it sends. */
export function standstillOf({ state, breaker }: SubscriptionPlace): ReasonCode | null {
  if (state === 'paused') return 'paused';
  if (state === 'disabled' || breaker.state === 'disabled') return 'disabled';
  return breaker.state === 'open' ? 'breaker-open' : null;
}

/** What stands before it counts more than what it once failed with; its own failure more than a standstill. */
function reasonToWait(row: DeliveryRow, held: ReasonCode | null): ReasonCode | null {
  if (row.is_under_way) return 'under-way';
  if (row.blocked_by !== null) return 'waiting-behind';
  // nothing is before it any more, and it was not tried yet
  if (row.reason === 'waiting-behind' || row.reason === 'under-way' || row.reason === 'breaker-open')
    return held;
  return row.reason;
}

function viewAttempt({ at, status, reason, duration_ms, excerpt }: AttemptRow): DeliveryAttemptObject {
  return { at: writeDate(at), status, error: reason, duration_ms, excerpt };
}
