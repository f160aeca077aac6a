import type { Cursor } from '../audit/cursor.rule';
import type { Source } from '../audit/audit-event.rule';
import type { Json, JsonObject } from '../json/canonical.rule';

/** Types of the outward events that are derived from events of the journal. */
export const DERIVED_TYPES = [
  'contact.created',
  'contact.updated',
  'contact.channel_added',
  'contact.channel_removed',
  'contact.metadata_changed',
  'contact.deleted',
  'contact.merged',
  'reference.set',
  'reference.removed',
] as const;
export type DerivedType = (typeof DERIVED_TYPES)[number];

/**
 * One outward event that an event of the journal is sent as.
 *
 * All of it follows from rows of the journal at or before the event's own place, so it is the same whenever and wherever it is
 * derived.
 */
export interface DerivedEvent {
  readonly type: DerivedType;
  /** Which of the outward events of its event it is: 0 to 3, of a merge 4 to 7 those about the survivor. */
  readonly place: number;
  readonly projectId: string;
  /** Of the event of the journal: era, tx, id. */
  readonly sequence: Cursor;
  /** The contact that it is about: of a merge the loser. */
  readonly subject: string;
  /** The contacts whose events are sent one after the other: of a merge both. */
  readonly keys: readonly string[];
  readonly source: Source;
  /** `accepted_time` in nanoseconds since the epoch; of `contact.created` that of the newest snapshot at its place. */
  readonly version: bigint;
  readonly receivedAt: Date;
  /** Of a merge. */
  readonly mergeId: string | null;
  /** The subject before the event, as Sinch's Contact; `null`: there was nothing. */
  readonly before: JsonObject | null;
  /** The subject after it; `null`: it was deleted or merged, or the event says nothing of it. */
  readonly after: JsonObject | null;
  /** Of `channel_added` and `channel_removed` the identities that were gained or lost; `null` of all others. */
  readonly identities: readonly Json[] | null;
  /** `data` of a full body. */
  readonly data: JsonObject;
}
