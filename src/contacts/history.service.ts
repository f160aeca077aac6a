import { Injectable } from '@nestjs/common';
import type { Source } from '../audit/audit-event';
import { HistoriesRepository, type HistoryRow, type Surroundings } from '../audit/histories.repository';
import { writeDate, writeTime } from '../rest/read-time';
import { compareChannels, compareSnapshots, type Change } from './compare-snapshots';
import { contactUnknown } from './contact-merged';
import { ContactsRepository } from './contacts.repository';
import { mergeId, type MergePair } from './merge-id';
import { MergesService, type MergeNote } from './merges.service';
import { snapshotIn } from './read-notification';

/** One event in the life of a contact, or of one that was merged into it. */
export interface HistoryEntry {
  readonly event_id: string;
  readonly type: string;
  readonly contact_id: string;
  readonly accepted_at: string;
  readonly received_at: string;
  readonly version: string;
  readonly source: Source;
  /** Received after a newer one. */
  readonly late: boolean;
  readonly changes: readonly Change[];
  readonly channels_added: readonly string[];
  readonly channels_removed: readonly string[];
  /** Of a merge: what it did, as is known now. */
  readonly merge?: MergeNote;
}

/** The version and the tie-break (hex) at which a page of history ended. */
export type HistoryPlace = readonly [version: string, tieBreak: string];

/** Tells what happened to a contact, computed from the journal: late events fall into their right place. */
@Injectable()
export class HistoryService {
  constructor(
    private readonly contacts: ContactsRepository,
    private readonly histories: HistoriesRepository,
    private readonly merges: MergesService,
  ) {}

  /**
   * A page of a contact's events in version order, newest first.
   *
   * @param includeMerged whether the events of its losers are told too
   * @returns the entries, and where the next page begins (null at the end)
   * @throws Problem `not-found` for an id of which nothing was ever heard
   */
  async page(
    projectId: string,
    contactId: string,
    includeMerged: boolean,
    before: HistoryPlace | null,
    size: number,
  ): Promise<{ readonly entries: readonly HistoryEntry[]; readonly next: HistoryPlace | null }> {
    const losers = includeMerged
      ? ((await this.contacts.ancestors(projectId, [contactId])).get(contactId) ?? [])
      : [];
    const rows = await this.histories.history(projectId, [contactId, ...losers], before, size + 1);
    if (rows.length === 0 && before === null) {
      throw contactUnknown(contactId);
    }
    const shown = rows.slice(0, size);
    const [surroundings, merges] = await Promise.all([
      this.histories.surroundings(
        projectId,
        shown.map((row) => ({ id: row.id, contactId: row.subject_id })),
        'in-version-order',
      ),
      this.merges.notes(projectId, shown.flatMap(pairOf)),
    ]);
    const last = rows.length > size ? shown.at(-1) : undefined;
    return {
      entries: shown.flatMap((row, at) => {
        const around = surroundings[at];
        const [pair] = pairOf(row);
        const merge = pair && merges.get(mergeId(pair.loserId, pair.survivorId));
        return around === undefined ? [] : [{ ...entry(row, around), ...(merge && { merge }) }];
      }),
      next: last === undefined ? null : [last.version, last.place],
    };
  }
}

/** The pair of a merge; none for other events. */
function pairOf(row: HistoryRow): readonly MergePair[] {
  const [loserId] = row.related_contact_ids;
  return row.type === 'CONTACT_MERGE' && loserId !== undefined
    ? [{ loserId, survivorId: row.contact_id }]
    : [];
}

function entry(row: HistoryRow, { contactId, payload, previousPayload, late }: Surroundings): HistoryEntry {
  const after = snapshotIn(payload, contactId)?.fields ?? null;
  const before = previousPayload && (snapshotIn(previousPayload, contactId)?.fields ?? null);
  const channels = after === null ? { added: [], removed: [] } : compareChannels(before, after);
  return {
    event_id: row.id,
    type: row.type,
    contact_id: contactId,
    accepted_at: writeTime(BigInt(row.version)),
    received_at: writeDate(row.received_at),
    version: row.version,
    source: row.source,
    late,
    // an event without a snapshot (a duplication, a documented delete) says nothing of the fields
    changes: after === null ? [] : compareSnapshots(before, after),
    channels_added: channels.added,
    channels_removed: channels.removed,
  };
}
