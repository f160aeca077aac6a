import { Injectable } from '@nestjs/common';
import { flatMapInTurns } from '../base/in-turns';
import {
  AuditRepository,
  NO_FILTER,
  placeOf,
  type AuditEventRow,
  type FeedPlace,
} from '../audit/audit.repository';
import { eventLost } from '../audit/event-lost';
import { HistoriesRepository } from '../audit/histories.repository';
import { answerBytesMax } from '../rest/answer-size';
import type { ReadTurn } from '../access/read-slots';
import { ContactsService } from '../contacts/contacts.service';
import { FeedWatch } from './feed-watch.service';
import { contactOf } from './judge-event.rule';
import { PayloadReader } from './payload-reader';
import {
  CHANGE_TYPES,
  EVENTS_OF,
  viewChange,
  type ChangesView,
  type ChangeType,
  type ChangeWithoutContacts,
} from './view-change';

/** Most events that one request reads in search of those that its filter asks for. */
const scannedMax = 2_000;

export interface ChangesFilter {
  readonly types: readonly ChangeType[] | null;
  /** Fields; at least one must have changed. */
  readonly changed: readonly string[] | null;
  readonly view: ChangesView;
}

/** A page of the feed, each change as JSON (`ContactChangeObject`), and the place after it. */
export interface ChangesPage {
  readonly changes: readonly string[];
  readonly next: FeedPlace;
}

/** The feed: every committed event that tells about a contact, in commit order, at least once. */
@Injectable()
export class ChangesService {
  constructor(
    private readonly audit: AuditRepository,
    private readonly histories: HistoriesRepository,
    private readonly contacts: ContactsService,
    private readonly feedWatch: FeedWatch,
  ) {}

  /** Where the feed ends now. A consumer takes it, lists everything, then follows: nothing is missed. */
  async latest(projectId: string): Promise<FeedPlace> {
    return this.audit.latest(projectId);
  }

  /**
   * The changes after a place, and the place after them.
   *
   * @param holder who asks: of one only so many requests are held
   * @param waitMs how long an empty answer is held for something to come
   * @param turn of the request; given back while it is held
   * @throws Problem `page-token-mismatch` where the journal does not have the event of the place; `rate-limited` and
   *   `unavailable` where as many requests are held as may be
   */
  async page(
    projectId: string,
    filter: ChangesFilter,
    after: FeedPlace,
    size: number,
    holder: string,
    waitMs: number,
    turn: ReadTurn,
  ): Promise<ChangesPage> {
    const deadline = performance.now() + waitMs;
    const scan = (from: FeedPlace): Promise<ChangesPage> => this.scan(projectId, filter, from, size);
    const [isThere, first] = await Promise.all([this.audit.has(projectId, after), scan(after)]);
    if (!isThere) throw eventLost('page_token');
    if (first.changes.length > 0 || waitMs === 0) return first;
    const watch = await this.feedWatch.open(projectId, holder);
    try {
      // something may have come before the watch began
      let page = await scan(first.next);
      while (
        page.changes.length === 0 &&
        (await turn.without(() => watch.goesOn(deadline - performance.now())))
      )
        page = await scan(page.next);
      return page;
    } finally {
      watch.close();
    }
  }

  /** Reads on until a page is full, the journal is read, or the limit of one request is reached. */
  private async scan(
    projectId: string,
    filter: ChangesFilter,
    after: FeedPlace,
    size: number,
  ): Promise<ChangesPage> {
    const types = [...new Set((filter.types ?? CHANGE_TYPES).flatMap((type) => EVENTS_OF[type]))];
    const changes: string[] = [];
    let next = after;
    for (let [scanned, bytes] = [0, 0]; scanned < scannedMax && changes.length < size;) {
      // as many each time, since each number has a statement of its own
      const rows = await this.audit.feed(projectId, { ...NO_FILTER, types }, next, size);
      for (let viewed = 0; viewed < rows.length;) {
        const some = await this.viewFirst(projectId, rows.slice(viewed), filter);
        if (some.length === 0) return { changes, next };
        for (const { place, change } of some) {
          if (change !== null) {
            bytes += Buffer.byteLength(change);
            if (changes.length > 0 && bytes > answerBytesMax) return { changes, next };
            changes.push(change);
          }
          next = place;
          if (changes.length === size) return { changes, next };
        }
        viewed += some.length;
      }
      scanned += rows.length;
      if (rows.length < size) break;
    }
    return { changes, next };
  }

  /** Describes the first events: as many as can be read in one step, but at least one. */
  private async viewFirst(
    projectId: string,
    rows: readonly AuditEventRow[],
    filter: ChangesFilter,
  ): Promise<readonly ViewedEvent[]> {
    const surroundings = await this.histories.surroundingsAsReceived(
      projectId,
      rows.map(({ id }) => id),
    );
    const payloads = new PayloadReader();
    const found = surroundings.flatMap((around, n) => {
      const row = rows[n];
      return row === undefined ? [] : [{ row, around }];
    });
    const viewed = await flatMapInTurns(found, ({ row, around }) => {
      const { payload, previousPayload, late, ...precedents } = around;
      const content = {
        late,
        stated: payloads.fieldsOf(payload, row.contact_id),
        loser: payloads.fieldsOf(payload, contactOf(row)),
        before: previousPayload && payloads.fieldsOf(previousPayload, row.contact_id),
      };
      const change = viewChange(row, content, precedents, filter.view);
      return [{ row, change: passes(change, filter) ? change : null }];
    });
    const ids = viewed.flatMap(({ row, change }) => (change === null ? [] : contactsOf(row)));
    const views: ChangedContacts =
      ids.length === 0 ? new Map() : await this.contacts.texts(projectId, [...new Set(ids)]);
    // the contacts of the first change are always read
    const unread = viewed.findIndex(
      ({ row, change }) => change !== null && contactsOf(row).some((id) => views.get(id) === null),
    );
    return viewed.slice(0, unread < 0 ? viewed.length : Math.max(unread, 1)).map(({ row, change }) => ({
      place: placeOf(row),
      change: change && withContacts(row, change, views),
    }));
  }
}

/** The contacts of changes, as JSON. */
type ChangedContacts = Awaited<ReturnType<ContactsService['texts']>>;

/** An event of the feed, and the JSON of the change that it is shown as; null where the filter does not ask for it. */
interface ViewedEvent {
  readonly place: FeedPlace;
  readonly change: string | null;
}

function passes(change: ChangeWithoutContacts, { types, changed }: ChangesFilter): boolean {
  return (
    (types === null || types.includes(change.type)) &&
    (changed === null || changed.some((field) => change.changed.includes(field)))
  );
}

/** The contacts that are shown with an event: its own and, of a merge, the survivor. */
function contactsOf(row: AuditEventRow): readonly string[] {
  return [...new Set([contactOf(row), row.contact_id])];
}

/** The JSON of a change: that of the contacts is put in as it is. */
function withContacts(row: AuditEventRow, change: ChangeWithoutContacts, views: ChangedContacts): string {
  const textOf = (id: string): string => views.get(id)?.view ?? 'null';
  const survivor = change.type === 'merged' ? `,"survivor":${textOf(row.contact_id)}` : '';
  return `${JSON.stringify(change).slice(0, -1)},"contact":${textOf(contactOf(row))}${survivor}}`;
}
