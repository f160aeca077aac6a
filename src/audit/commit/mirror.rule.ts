import { isAction } from '../audit-event.rule';
import { isDecision, type Content, type Notification, type Snapshot } from './read-notification.rule';

/**
 * The law of the mirror, as pure functions. `commit.repository.ts` states the same law in SQL; the property tests hold the
 * two to each other.
 *
 * Each contact has two registers: what Sinch *says* of it (newest wins) and where it *went* (final, but for a finding that
 * something newer contradicts). Both are joins of total orders, so events may come in any order, any number of times, in any
 * batches, and end in the same state.
 */
export interface Registers {
  readonly says: Says | null;
  readonly went: Went | null;
}

/** Orders events of one contact: nanoseconds since the epoch, then the tie-break. */
export interface Position {
  readonly version: bigint;
  /** Rank byte and fingerprint, in hex: settles equal versions alike on every replica. */
  readonly tieBreak: string;
}

export interface Says extends Position {
  readonly snapshot: Snapshot;
}

export interface Went extends Position {
  /** `absent` is a finding that a newer snapshot outlives; the others are final. */
  readonly gone: 'absent' | 'deleted' | 'merged';
  /** The contact that answers instead; null but for `merged`. */
  readonly survivorId: string | null;
}

/** What one event writes to one contact. */
export interface RegisterChange extends Registers {
  readonly contactId: string;
}

/** Settles equal versions: the greater rank is believed. */
const RANK = {
  fetched: 0,
  ofDeleted: 1,
  ofLoser: 2,
  CONTACT_CREATE: 3,
  CONTACT_UPDATE: 4,
  ofSurvivor: 5,
  ofDuplicates: 6,
  ofDecision: 7,
} as const;

/** The rank of an event among the events of the contact under which the journal files it. */
function rankOf(trigger: Content['trigger']): number {
  if (isAction(trigger)) return RANK.ofDecision;
  switch (trigger) {
    case 'CONTACT_CREATE':
    case 'CONTACT_UPDATE':
      return RANK[trigger];
    case 'CONTACT_DELETE':
      return RANK.ofDeleted;
    case 'CONTACT_MERGE':
      return RANK.ofSurvivor;
    case 'CONTACT_IDENTITIES_DUPLICATION':
      return RANK.ofDuplicates;
    case 'contact.absent':
      return RANK.fetched;
  }
}

/** Where an event stands among the events of the contact under which the journal files it. */
export function positionOf({ version, fingerprint, content, shape }: Notification): Position {
  const rank = shape === 'fetched' ? RANK.fetched : rankOf(content.trigger);
  return { version, tieBreak: tieBreak(rank, fingerprint) };
}

/** Where a merge stands among the events of its loser. */
export function loserPositionOf({ version, fingerprint }: Notification): Position {
  return { version, tieBreak: tieBreak(RANK.ofLoser, fingerprint) };
}

function tieBreak(rank: number, fingerprint: string): string {
  return `0${rank}${fingerprint}`;
}

/** What an event writes, contact by contact: nothing for duplications and decisions, two contacts for a merge. */
export function registerChangesOf(notification: Notification): readonly RegisterChange[] {
  const { content } = notification;
  if (isDecision(content)) return [];
  const position = positionOf(notification);
  switch (content.trigger) {
    case 'CONTACT_CREATE':
    case 'CONTACT_UPDATE':
      return [
        { contactId: content.contact.id, says: { ...position, snapshot: content.contact }, went: null },
      ];
    case 'CONTACT_DELETE':
      return [
        {
          contactId: content.contactId,
          says: content.contact && { ...position, snapshot: content.contact },
          went: { ...position, gone: 'deleted', survivorId: null },
        },
      ];
    case 'CONTACT_MERGE': {
      const { survivor, loserId, loser } = content;
      const last = loserPositionOf(notification);
      return [
        { contactId: survivor.id, says: { ...position, snapshot: survivor }, went: null },
        {
          contactId: loserId,
          says: loser && { ...last, snapshot: loser },
          went: { ...last, gone: 'merged', survivorId: survivor.id },
        },
      ];
    }
    case 'contact.absent':
      return [
        {
          contactId: content.contactId,
          says: null,
          went: { ...position, gone: 'absent', survivorId: null },
        },
      ];
    case 'CONTACT_IDENTITIES_DUPLICATION':
      return [];
  }
}

/** Joins what two sets of events left of one contact: commutative, associative, idempotent. */
export function join(a: Registers, b: Registers): Registers {
  const says = newest(a.says, b.says);
  const went = final(a.went, b.went);
  // an absence that is outlived need not be kept: what outlived it, or something newer still, stays
  const isOutlived = went?.gone === 'absent' && says !== null && comparePositions(says, went) > 0;
  return { says, went: isOutlived ? null : went };
}

/** The contact under which the journal files an event (of a merge the survivor, of a duplication the smallest member), then the others. */
export function contactIdsOf(content: Content): readonly [string, ...string[]] {
  if (isDecision(content)) return content.contactIds;
  switch (content.trigger) {
    case 'CONTACT_CREATE':
    case 'CONTACT_UPDATE':
      return [content.contact.id];
    case 'CONTACT_DELETE':
    case 'contact.absent':
      return [content.contactId];
    case 'CONTACT_MERGE':
      return [content.survivor.id, content.loserId];
    case 'CONTACT_IDENTITIES_DUPLICATION': {
      const [smallest = '', ...others] = [
        ...new Set(content.entries.flatMap((entry) => entry.contactIds)),
      ].sort();
      return [smallest, ...others];
    }
  }
}

/** The newest snapshot is shown; equal versions are settled by rank (a merge's result over an update over a create), then content. */
function newest(a: Says | null, b: Says | null): Says | null {
  if (a === null || b === null) return a ?? b;
  return comparePositions(a, b) >= 0 ? a : b;
}

/**
 * A gone contact never comes back: merged beats deleted, which beats absent; of one reason the earliest event is believed, but
 * of absences the latest, which is the one to outlive.
 */
function final(a: Went | null, b: Went | null): Went | null {
  if (a === null || b === null) return a ?? b;
  if (a.gone !== b.gone) return a.gone > b.gone ? a : b; // as in SQL: 'merged' > 'deleted' > 'absent'
  const isEarlier = comparePositions(a, b) <= 0;
  return isEarlier === (a.gone === 'absent') ? b : a;
}

/** Negative, zero or positive as `a` stands before, at or after `b`. */
export function comparePositions(a: Position, b: Position): number {
  if (a.version !== b.version) return a.version < b.version ? -1 : 1;
  return a.tieBreak < b.tieBreak ? -1 : a.tieBreak > b.tieBreak ? 1 : 0;
}
