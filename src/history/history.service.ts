import { Injectable } from '@nestjs/common';
import { flatMapInTurns } from '../base/in-turns';
import { HistoriesRepository, type HistoryRow, type Surroundings } from '../audit/histories.repository';
import { answerBytesMax, jsonBytes } from '../rest/answer-size';
import { writeDate, writeTime } from '../json/read-time.rule';
import { compareChannels, compareSnapshots } from '../contacts/compare-snapshots.rule';
import { contactUnknown } from '../contacts/contact-merged';
import { ContactsRepository } from '../contacts/contacts.repository';
import { mergeId, type MergePair } from '../contacts/merges/merge-id.rule';
import { MergesService } from '../contacts/merges/merges.service';
import { PayloadReader } from './payload-reader';
import type { HistoryEntryObject } from './history.dto';

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
   * A page of a contact's events in version order, newest first; it ends early where it would exceed the size of an answer.
   *
   * @param includeMerged whether to include the events of its losers
   * @returns the entries, and where the next page begins (null at the end)
   * @throws Problem `not-found` for an unknown id
   */
  async page(
    projectId: string,
    contactId: string,
    includeMerged: boolean,
    before: HistoryPlace | null,
    size: number,
  ): Promise<{ readonly entries: readonly HistoryEntryObject[]; readonly next: HistoryPlace | null }> {
    const losers = includeMerged
      ? ((await this.contacts.ancestors(projectId, [contactId])).get(contactId) ?? [])
      : [];
    const rows = await this.histories.history(projectId, [contactId, ...losers], before, size + 1);
    if (rows.length === 0 && before === null) {
      throw contactUnknown(contactId);
    }
    const entries: HistoryEntryObject[] = [];
    let bytes = 0;
    for (const wanted = Math.min(rows.length, size); entries.length < wanted;) {
      const some = await this.entries(projectId, rows.slice(entries.length, wanted));
      const fit = some.findIndex((each, n) => {
        bytes += jsonBytes(each);
        return entries.length + n > 0 && bytes > answerBytesMax;
      });
      entries.push(...(fit < 0 ? some : some.slice(0, fit)));
      if (fit >= 0 || some.length === 0) break;
    }
    const last = rows.length > entries.length ? rows[entries.length - 1] : undefined;
    return { entries, next: last === undefined ? null : [last.version, last.place] };
  }

  /** The entries of the first rows, so many that not too much has to be read at once, but of one at least. */
  private async entries(
    projectId: string,
    rows: readonly HistoryRow[],
  ): Promise<readonly HistoryEntryObject[]> {
    const surroundings = await this.histories.surroundings(
      projectId,
      rows.map((row) => ({ id: row.id, contactId: row.subject_id })),
    );
    const merges = await this.merges.notes(projectId, rows.slice(0, surroundings.length).flatMap(pairOf));
    const first: FoundEntry[] = [];
    for (const [n, around] of surroundings.entries()) {
      const row = rows[n];
      const [pair] = row === undefined ? [] : pairOf(row);
      const merge = pair && merges.get(mergeId(pair.loserId, pair.survivorId));
      // of the first merges alone so much was read; of the first row surely
      if (row === undefined || (pair !== undefined && merge === undefined)) break;
      first.push({ row, around, merge });
    }
    const payloads = new PayloadReader();
    return flatMapInTurns(first, ({ row, around, merge }) => [
      { ...entry(row, around, payloads), ...(merge && { merge }) },
    ]);
  }
}

/** An event, and what is known of it. */
interface FoundEntry {
  readonly row: HistoryRow;
  readonly around: Surroundings;
  readonly merge: HistoryEntryObject['merge'];
}

/** The pair of a merge; none for other events. */
function pairOf(row: HistoryRow): readonly MergePair[] {
  return row.loser_id === null ? [] : [{ loserId: row.loser_id, survivorId: row.contact_id }];
}

function entry(
  row: HistoryRow,
  { contactId, payload, previousPayload, late }: Surroundings,
  payloads: PayloadReader,
): HistoryEntryObject {
  const after = payloads.fieldsOf(payload, contactId);
  const before = previousPayload && payloads.fieldsOf(previousPayload, contactId);
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
