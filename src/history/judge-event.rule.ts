import { ABSENT, type Source } from '../audit/audit-event.rule';
import { reconcileMerge, type MergedIdentities } from '../contacts/merges/reconcile-merge.rule';
import type { JsonObject } from '../json/canonical.rule';

/** An event of the journal, as far as it is reported. Postgres gives bigint and xid8 as decimal digits. */
export interface JournalEvent {
  readonly id: string;
  readonly era: number;
  readonly tx: string;
  readonly type: string;
  readonly contact_id: string;
  readonly related_contact_ids: readonly string[];
  readonly version: string;
  readonly received_at: Date;
  readonly source: Source;
}

/** What an event of the journal says, read from its payload and from that of the event before it. */
export interface EventContent {
  readonly late: boolean;
  /** What the event says of the contact that it is filed under; null where it says nothing. */
  readonly stated: JsonObject | null;
  /** Of a merge: what it says of the loser. */
  readonly loser: JsonObject | null;
  /** What the contact that the event is filed under was before. */
  readonly before: JsonObject | null;
}

/** What an event did to what the mirror shows. */
export interface Effect {
  /** It is the newest that tells what the contact is that it is filed under. */
  readonly isNews: boolean;
  /** The contact that it is about was deleted, merged or absent since. */
  readonly isEnd: boolean;
}

/** Judges an event by what had happened when it was received. */
export function effectOf(
  { type }: Pick<JournalEvent, 'type'>,
  late: boolean,
  { isGone, isOutranked }: { readonly isGone: boolean; readonly isOutranked: boolean },
): Effect {
  if (type === 'CONTACT_DELETE' || type === ABSENT)
    // what Sinch reported since contradicts an absence, not a deletion
    return { isNews: false, isEnd: !(late && type === ABSENT) && !isGone };
  return { isNews: !late && !isGone, isEnd: type === 'CONTACT_MERGE' && !isOutranked };
}

/** The contact that an event is about: of a merge the loser. */
export function contactOf(row: Pick<JournalEvent, 'type' | 'contact_id' | 'related_contact_ids'>): string {
  return row.type === 'CONTACT_MERGE' ? (row.related_contact_ids[0] ?? '') : row.contact_id;
}

/** What became of the identities in a merge, as known when it was received. */
export function identitiesOfMerge({ before, loser, stated }: Omit<EventContent, 'late'>): MergedIdentities {
  return reconcileMerge(before, loser, stated ?? {}).identities;
}
