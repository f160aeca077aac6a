import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { ABSENT, type Source } from '../audit/audit-event';
import { AuditRepository, NO_FILTER, type AuditEventRow, type Cursor } from '../audit/audit.repository';
import { HistoriesRepository, type Surroundings } from '../audit/histories.repository';
import { pause } from '../pause';
import { CommitQueue } from './commit-queue';
import { compareSnapshots } from './compare-snapshots';
import { ContactsService } from './contacts.service';
import { mergeId } from './merge-id';
import { snapshotIn } from './read-notification';
import { reconcileMerge, type MergedIdentities } from './reconcile-merge';
import type { ContactView } from './view-contact';

/** Most events that one request reads in search of those that its filter asks for. */
const scannedMax = 2_000;
/** How often the journal is looked at while an empty answer is held, in ms: another replica may have written. */
const pollMs = 500;
/** Most requests that are held at once; further ones are answered at once. */
const heldMax = 500;

export const CHANGE_TYPES = ['created', 'updated', 'deleted', 'merged'] as const;
export type ChangeType = (typeof CHANGE_TYPES)[number];

const EVENTS_OF = {
  created: ['CONTACT_CREATE'],
  updated: ['CONTACT_UPDATE'],
  deleted: ['CONTACT_DELETE', ABSENT],
  merged: ['CONTACT_MERGE'],
} as const satisfies Record<ChangeType, readonly string[]>;

/** One committed event, told to those who sync. */
export interface ChangeView {
  /** Its place in commit order: three numbers, to be compared one after the other. */
  readonly sequence: string;
  readonly event_id: string;
  readonly type: ChangeType;
  /** The contact that it is about; of a merge the loser. */
  readonly contact_id: string;
  readonly survivor_id?: string;
  readonly merge_id?: string;
  /** Of a merge: what became of the identities, as far as was known when it was received. */
  readonly identities?: MergedIdentities;
  readonly version: string;
  /** False when nothing that the mirror shows was changed by it. */
  readonly applied: boolean;
  /** Received after a newer one. */
  readonly late: boolean;
  readonly source: Source;
  /** The fields that it changed: of the contact or, of a merge, of the survivor. */
  readonly changed: readonly string[];
  /** The contact as it is now. */
  readonly contact: ContactView | null;
  /** Of a merge: the survivor as it is now. */
  readonly survivor?: ContactView | null;
}

export interface ChangesFilter {
  readonly types: readonly ChangeType[] | null;
  /** Fields of which at least one must have changed. */
  readonly changed: readonly string[] | null;
}

/** The feed: every committed event that tells about a contact, in commit order, at least once. */
@Injectable()
export class ChangesService implements BeforeApplicationShutdown {
  private readonly closing = new AbortController();
  private held = 0;

  constructor(
    private readonly audit: AuditRepository,
    private readonly histories: HistoriesRepository,
    private readonly contacts: ContactsService,
    private readonly queue: CommitQueue,
  ) {}

  /** Where the feed ends now. A consumer takes it, lists everything, then follows: nothing is missed. */
  async latest(projectId: string): Promise<Cursor> {
    return this.audit.horizon(projectId);
  }

  /**
   * The changes after a place, and the place after them.
   *
   * @param waitMs how long an empty answer is held for something to come
   */
  async page(
    projectId: string,
    filter: ChangesFilter,
    after: Cursor,
    size: number,
    waitMs: number,
  ): Promise<{ readonly changes: readonly ChangeView[]; readonly next: Cursor }> {
    const deadline = Date.now() + waitMs;
    let page = await this.scan(projectId, filter, after, size);
    if (page.changes.length > 0 || waitMs === 0 || this.held >= heldMax) return page;
    this.held += 1;
    try {
      while (page.changes.length === 0 && Date.now() < deadline && !this.closing.signal.aborted) {
        await this.nextCommit(Math.min(pollMs, deadline - Date.now()));
        page = await this.scan(projectId, filter, page.next, size);
      }
    } finally {
      this.held -= 1;
    }
    return page;
  }

  /** Those who wait are answered at once: the server closes when the last answer is out. */
  beforeApplicationShutdown(): void {
    this.closing.abort();
  }

  /** Reads on until a page is full, the journal is read, or the limit of one request is reached. */
  private async scan(
    projectId: string,
    filter: ChangesFilter,
    after: Cursor,
    size: number,
  ): Promise<{ readonly changes: readonly ChangeView[]; readonly next: Cursor }> {
    const types = (filter.types ?? CHANGE_TYPES).flatMap((type) => EVENTS_OF[type]);
    const changes: ChangeView[] = [];
    let next = after;
    for (let scanned = 0; scanned < scannedMax && changes.length < size;) {
      const wanted = size - changes.length;
      const rows = await this.audit.feed(projectId, { ...NO_FILTER, types }, next, wanted);
      const last = rows.at(-1);
      if (last === undefined) break;
      changes.push(...(await this.tell(projectId, rows)).filter((change) => passes(change, filter)));
      next = [String(last.era), last.tx, last.id];
      scanned += rows.length;
      if (rows.length < wanted) break;
    }
    return { changes, next };
  }

  private async tell(projectId: string, rows: readonly AuditEventRow[]): Promise<readonly ChangeView[]> {
    const occurrences = rows.map((row) => ({ id: row.id, contactId: row.contact_id }));
    const ids = [...new Set(rows.flatMap((row) => [row.contact_id, ...row.related_contact_ids]))];
    const [surroundings, departures, views] = await Promise.all([
      this.histories.surroundings(projectId, occurrences, 'as-received'),
      this.histories.departures(projectId, ids),
      this.contacts.views(projectId, ids),
    ]);
    return rows.flatMap((row, at) => {
      const around = surroundings[at];
      return around === undefined ? [] : [viewChange(row, around, departures, views)];
    });
  }

  private async nextCommit(timeoutMs: number): Promise<void> {
    const nudge = new AbortController();
    const stop = this.queue.onCommit(() => {
      nudge.abort();
    });
    const signal = AbortSignal.any([nudge.signal, this.closing.signal]);
    await pause(timeoutMs, signal);
    stop();
  }
}

function passes(change: ChangeView, filter: ChangesFilter): boolean {
  return filter.changed === null || filter.changed.some((field) => change.changed.includes(field));
}

function viewChange(
  row: AuditEventRow,
  { payload, previousPayload, late }: Surroundings,
  departures: readonly AuditEventRow[],
  views: ReadonlyMap<string, ContactView>,
): ChangeView {
  const type = CHANGE_TYPES.find((each) => EVENTS_OF[each].some((event) => event === row.type)) ?? 'updated';
  const [loserId = ''] = row.related_contact_ids;
  const contactId = type === 'merged' ? loserId : row.contact_id;
  const earlier = departures.filter((departure) => BigInt(departure.id) < BigInt(row.id));
  const saysNew =
    type !== 'deleted' && !late && !earlier.some((departure) => isOf(departure, row.contact_id));
  const told = type === 'deleted' ? null : (snapshotIn(payload, row.contact_id)?.fields ?? null);
  const after = saysNew ? told : null;
  const before = previousPayload && (snapshotIn(previousPayload, row.contact_id)?.fields ?? null);
  const changed =
    after === null ? [] : compareSnapshots(before, after).map(({ path }) => path.split('.')[0] ?? path);
  const wentNew =
    (type === 'deleted' &&
      // what Sinch told since contradicts an absence, not a deletion
      !(late && row.type === ABSENT) &&
      !earlier.some((departure) => isOf(departure, contactId))) ||
    (type === 'merged' &&
      !earlier.some((departure) => isOf(departure, contactId) && outranks(departure, row)));
  return {
    sequence: `${row.era}.${row.tx}.${row.id}`,
    event_id: row.id,
    type,
    contact_id: contactId,
    ...(type === 'merged' && {
      survivor_id: row.contact_id,
      merge_id: mergeId(loserId, row.contact_id),
      identities: reconcileMerge(before, snapshotIn(payload, loserId)?.fields ?? null, told ?? {}).identities,
    }),
    version: row.version,
    applied: saysNew || wentNew,
    late,
    source: row.source,
    changed: [...new Set(changed)],
    contact: views.get(contactId) ?? null,
    ...(type === 'merged' && { survivor: views.get(row.contact_id) ?? null }),
  };
}

/** Whether by this event a contact went: its own deletion, or a merge that it lost. */
function isOf(departure: AuditEventRow, contactId: string): boolean {
  return departure.type === 'CONTACT_MERGE'
    ? departure.related_contact_ids.includes(contactId)
    : departure.contact_id === contactId;
}

/** Whether a departure keeps a merge from deciding where its loser went: of two merges the earlier one is believed. */
function outranks(departure: AuditEventRow, merge: AuditEventRow): boolean {
  if (departure.type !== 'CONTACT_MERGE') return false;
  const [a, b] = [BigInt(departure.version), BigInt(merge.version)];
  return a === b ? departure.fingerprint < merge.fingerprint : a < b;
}
