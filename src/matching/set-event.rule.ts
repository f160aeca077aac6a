import type { DomainEvent, DomainEventType } from '../audit/domain-event.rule';
import type { Reason } from './evidence.rule';

/** Most contacts that an event of a set names, and that order it. */
export const namedContactsMax = 1_000;

/** A set as its events show it. */
export interface SetState {
  readonly status: 'open' | 'snoozed' | 'dismissed' | 'resolved' | 'unknown-members';
  readonly contactIds: readonly string[];
  readonly reasons: readonly Reason[];
  /** By what it was closed, as REST shows it; null unless it is resolved. */
  readonly resolvedBy: {
    readonly type: string;
    readonly event_id?: string;
    readonly duplicate_id?: string;
  } | null;
}

/**
 * The event that reports to subscriptions what became of a set; null where they would see no difference.
 *
 * Each event has the whole state, so the last one of a set says what it is. A set that was never open has none. Contacts that left
 * a set order its event too: they were in the one before.
 *
 * @param before null where the set is new
 */
export function eventOfSet(
  projectId: string,
  id: string,
  before: SetState | null,
  after: SetState,
): DomainEvent | null {
  const type = typeOf(before, after);
  if (type === null) return null;
  const keys = new Set([...after.contactIds, ...(hasEvents(before) ? before.contactIds : [])]);
  return {
    projectId,
    type,
    subject: id,
    keys: [...keys].slice(0, namedContactsMax),
    data: {
      duplicate_id: id,
      contact_ids: after.contactIds.slice(0, namedContactsMax),
      reasons: after.reasons,
      resolved_by: after.resolvedBy && { ...after.resolvedBy },
    },
  };
}

function typeOf(before: SetState | null, after: SetState): DomainEventType | null {
  if (!hasEvents(before)) return after.status === 'open' ? 'duplicate.opened' : null;
  if (before.status !== after.status) {
    if (after.status === 'resolved') return 'duplicate.resolved';
    if (after.status === 'dismissed') return 'duplicate.dismissed';
    if (after.status === 'open') return 'duplicate.reopened';
  }
  const isSame = isEqual(before.contactIds, after.contactIds) && isEqual(before.reasons, after.reasons);
  return isSame ? null : 'duplicate.changed';
}

/** Whether a set has had an event. */
function hasEvents(state: SetState | null): state is SetState {
  return state !== null && state.status !== 'unknown-members';
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, n) => each === b[n]);
}
