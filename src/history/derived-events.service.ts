import { Injectable } from '@nestjs/common';
import type { AuditEventRow } from '../audit/audit.repository';
import { HistoriesRepository, type Surroundings, type ToldPrecedents } from '../audit/histories.repository';
import { TellingsRepository, type MergeRedirects, type StateBefore } from '../audit/tellings.repository';
import { flatMapInTurns } from '../base/in-turns';
import { canonicalJson, type JsonObject } from '../json/canonical.rule';
import { deriveEvents, TOLD_TYPES, type Standing, type ToldContent } from './derive-events.rule';
import type { DerivedEvent } from './derived-event.rule';
import { contactOf } from './judge-event.rule';
import { PayloadReader } from './payload-reader';
import { ReferenceBook } from './reference-book';

/** Of how many contacts with many events all events are looked at in one step. */
const busyContactsMax = 10;

/** An event that is reported, and what surrounds it. */
interface ToldRow {
  readonly row: AuditEventRow;
  readonly around: Surroundings & ToldPrecedents;
}

/** Derives outward events from events of the journal. */
@Injectable()
export class DerivedEventsService {
  constructor(
    private readonly histories: HistoriesRepository,
    private readonly tellings: TellingsRepository,
  ) {}

  /**
   * Derives the outward events of events of the journal: element n has those of row n, none where it is not reported.
   *
   * The same events give the same outward events at any time and in any pages, since only events before each one in journal order are
   * read for it. So every transaction that may have written some must have ended: rows come from `AuditRepository.feed`.
   *
   * @param rows of one project, at most some hundreds
   * @returns of the first rows, as many as can be read in one step: at least of one
   */
  async derive(
    projectId: string,
    rows: readonly AuditEventRow[],
  ): Promise<readonly (readonly DerivedEvent[])[]> {
    const told = rows.filter(({ type }) => TOLD_TYPES.has(type));
    if (told.length === 0) return rows.map(() => []);
    const derived = await this.deriveTold(projectId, told);
    const byId = new Map(derived.map(({ id, events }) => [id, events]));
    const unread = rows.findIndex(({ id, type }) => TOLD_TYPES.has(type) && !byId.has(id));
    return rows.slice(0, unread < 0 ? rows.length : unread).map(({ id }) => byId.get(id) ?? []);
  }

  private async deriveTold(
    projectId: string,
    rows: readonly AuditEventRow[],
  ): Promise<readonly { readonly id: string; readonly events: readonly DerivedEvent[] }[]> {
    const surroundings = await this.histories.surroundingsAsTold(
      projectId,
      rows.map(({ id }) => id),
    );
    const surrounded = surroundings.flatMap((around, n) => {
      const row = rows[n];
      return row === undefined ? [] : [{ row, around }];
    });
    const judged = await this.judgeLateness(projectId, surrounded);
    const { told: stated, states } = await this.readStates(projectId, judged);
    const { told: redirected, redirects } = await this.readRedirects(projectId, stated);
    const { told, references } = await this.readReferences(projectId, redirected);
    const reader = new ToldReader(new StatesAndRedirects(states, redirects), references);
    return flatMapInTurns([...told.entries()], ([n, { row, around }]) => {
      const { content, standing } = reader.read(n, row, around);
      return [{ id: row.id, events: deriveEvents(projectId, row, content, standing) }];
    });
  }

  /** Settles which events are late, where the events that are newer next do not show it. */
  private async judgeLateness(projectId: string, told: readonly ToldRow[]): Promise<readonly ToldRow[]> {
    const unknown = told.filter(({ around }) => around.isLateUnknown);
    if (unknown.length === 0) return told;
    const contacts = new Set<string>();
    const end = told.findIndex(({ row, around }) => {
      if (around.isLateUnknown) contacts.add(row.contact_id);
      return contacts.size > busyContactsMax;
    });
    const read = end < 0 ? told : told.slice(0, end);
    const asked = read.filter(({ around }) => around.isLateUnknown).map(({ row }) => row);
    const late = await this.tellings.lateOf(
      projectId,
      asked.map(({ id }) => id),
      [...new Set(asked.map((row) => row.contact_id))],
    );
    return read.map(({ row, around }) => ({
      row,
      around: { ...around, late: around.late || late.has(row.id) },
    }));
  }

  /** Of losers of merges, and of what late events are about, what they were. */
  private async readStates(
    projectId: string,
    told: readonly ToldRow[],
  ): Promise<{ readonly told: readonly ToldRow[]; readonly states: readonly StateBefore[] }> {
    const asked = told.flatMap(({ row: { id: eventId, type, ...row }, around }, n) => [
      ...(type === 'CONTACT_MERGE' ? [{ row: n, eventId, contactId: contactOf({ type, ...row }) }] : []),
      ...(needsNewest(type, around) ? [{ row: n, eventId, contactId: row.contact_id }] : []),
    ]);
    if (asked.length === 0) return { told, states: [] };
    const states = await this.tellings.states(projectId, asked);
    const unread = asked[states.length];
    return { told: unread === undefined ? told : told.slice(0, unread.row), states };
  }

  private async readRedirects(
    projectId: string,
    told: readonly ToldRow[],
  ): Promise<{ readonly told: readonly ToldRow[]; readonly redirects: readonly MergeRedirects[] }> {
    const merges = told.flatMap(({ row }, n) =>
      row.type === 'CONTACT_MERGE' ? [{ row: n, eventId: row.id }] : [],
    );
    if (merges.length === 0) return { told, redirects: [] };
    const redirects = await this.tellings.redirects(projectId, merges);
    const unread = merges[redirects.length];
    return { told: unread === undefined ? told : told.slice(0, unread.row), redirects };
  }

  private async readReferences(
    projectId: string,
    told: readonly ToldRow[],
  ): Promise<{ readonly told: readonly ToldRow[]; readonly references: ReferenceBook }> {
    const contacts = [...new Set(told.flatMap(({ row }) => contactsOf(row)))];
    const { changes, unread } = await this.tellings.referenceChanges(projectId, contacts);
    const end = unread === null ? -1 : told.findIndex(({ row }) => contactsOf(row).includes(unread));
    // of the first event, what was read of its contacts is reported
    return {
      told: end < 0 ? told : told.slice(0, Math.max(end, 1)),
      references: new ReferenceBook(changes),
    };
  }
}

/** Whether what the contact was before an event is needed to report it, though something newer came before. */
function needsNewest(type: string, { late }: Surroundings): boolean {
  return late && (type === 'CONTACT_CREATE' || type === 'CONTACT_DELETE' || type === 'CONTACT_MERGE');
}

/** The contacts whose references are reported with an event: its own and, of a merge, the loser. */
function contactsOf(row: AuditEventRow): readonly string[] {
  if (row.type === 'CONTACT_MERGE') return [row.contact_id, contactOf(row)];
  return row.type.startsWith('reference.') ? [] : [row.contact_id];
}

/** What was read beside the surroundings, by the number of the event. */
class StatesAndRedirects {
  private readonly byContact: ReadonlyMap<string, StateBefore>;
  private readonly byRow: ReadonlyMap<number, MergeRedirects>;

  constructor(states: readonly StateBefore[], redirects: readonly MergeRedirects[]) {
    this.byContact = new Map(states.map((each) => [`${each.row} ${each.contactId}`, each]));
    this.byRow = new Map(redirects.map((each) => [each.row, each]));
  }

  stateOf(row: number, contactId: string): StateBefore | null {
    return this.byContact.get(`${row} ${contactId}`) ?? null;
  }

  redirectsOf(row: number, contactId: string): Standing['redirects'] {
    return this.byRow.get(row) ?? { from: [], to: contactId };
  }
}

/** Reads what events say and what had happened before, from what was found in the journal. */
class ToldReader {
  private readonly payloads = new PayloadReader();

  constructor(
    private readonly found: StatesAndRedirects,
    private readonly references: ReferenceBook,
  ) {}

  read(
    n: number,
    row: AuditEventRow,
    { payload, previousPayload, ...around }: Surroundings & ToldPrecedents,
  ): { readonly content: ToldContent; readonly standing: Standing } {
    const { contact_id: id } = row;
    const isMerge = row.type === 'CONTACT_MERGE';
    const loserId = contactOf(row);
    const newest = isMerge || around.late ? this.found.stateOf(n, id) : null;
    const loser = isMerge ? this.found.stateOf(n, loserId) : null;
    return {
      content: {
        late: around.late,
        stated: this.fieldsOf(payload, id),
        loser: isMerge ? this.fieldsOf(payload, loserId) : null,
        before: this.fieldsOf(previousPayload, id),
        newest:
          newest?.version === undefined || newest.version === null
            ? null
            : { fields: this.fieldsOf(newest.payload, id), version: BigInt(newest.version) },
        loserBefore: loser === null || loser.isGone ? null : this.fieldsOf(loser.payload, loserId),
        reference: row.type.startsWith('reference.') ? readName(payload) : null,
      },
      standing: {
        ...around,
        redirects: this.found.redirectsOf(n, id),
        references: this.references.of(id, row),
        loserReferences: isMerge ? this.references.of(loserId, row) : {},
      },
    };
  }

  /** As REST shows it: without what Postgres cannot hold as text. */
  private fieldsOf(payload: Buffer | null, contactId: string): JsonObject | null {
    const fields = payload && this.payloads.fieldsOf(payload, contactId);
    if (payload === null || fields === null || !payload.includes('\\u')) return fields;
    return JSON.parse(canonicalJson(fields)) as JsonObject; // an object, by canonicalJson
  }
}

/** The name of a reference, as its event says it (`ReferencesService`). */
function readName(payload: Buffer): JsonObject {
  const { system, external_id } = JSON.parse(payload.toString()) as { readonly [name: string]: string }; // ours
  return { system, external_id };
}
