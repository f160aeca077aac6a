import { ABSENT } from '../audit/audit-event.rule';
import { compareIdentities } from '../contacts/compare-identities.rule';
import { differencesOf, type Difference } from '../contacts/compare-snapshots.rule';
import { mergeId } from '../contacts/merges/merge-id.rule';
import { sinchContact } from '../contacts/sinch-contact.rule';
import type { Json, JsonObject } from '../json/canonical.rule';
import { pointTo } from '../json/pointer.rule';
import type { DerivedEvent } from './derived-event.rule';
import {
  contactOf,
  effectOf,
  identitiesOfMerge,
  type EventContent,
  type JournalEvent,
} from './judge-event.rule';

/** The types of the journal whose events are sent to other systems. */
export const TOLD_TYPES: ReadonlySet<string> = new Set([
  'CONTACT_CREATE',
  'CONTACT_UPDATE',
  'CONTACT_DELETE',
  'CONTACT_MERGE',
  ABSENT,
  'reference.set',
  'reference.removed',
]);

/** What other systems call a contact: their ids of it, by system. */
export type References = Readonly<Record<string, readonly string[]>>;

/** A contact as its newest event describes it. */
export interface NewestSnapshot {
  /** Null: it was found absent. */
  readonly fields: JsonObject | null;
  /** Nanoseconds since the epoch. */
  readonly version: bigint;
}

/** What an event says, and what events before it in journal order had said. */
export interface ToldContent extends EventContent {
  /** What the contact was that the event is filed under; null where there was nothing, or it was absent. */
  readonly before: JsonObject | null;
  /** Of a late event: what the contact was that it is filed under; null of others. */
  readonly newest: NewestSnapshot | null;
  /** Of a merge: what the loser was; null where there was nothing, or it was absent, deleted or merged. */
  readonly loserBefore: JsonObject | null;
  /** Of a reference: its name, as the event says it. */
  readonly reference: JsonObject | null;
}

/** What had happened before an event, in journal order. */
export interface Standing {
  /** The contact that the event is filed under was deleted, or had lost a merge. */
  readonly isGone: boolean;
  /** Of a merge: another one of its loser is believed. */
  readonly isOutranked: boolean;
  /** The contact was absent. */
  readonly wasAbsent: boolean;
  /** Of a creation: Sinch's webhook had reported one of the contact. */
  readonly wasReported: boolean;
  /** Of a merge: into whom the loser was merged, as believed until then. */
  readonly believedSurvivor: string | null;
  /** Of a merge: the loser and those that had been merged into it, and where they lead. */
  readonly redirects: { readonly from: readonly string[]; readonly to: string };
  /** Of the contact that the event is filed under. */
  readonly references: References;
  /** Of a merge: of the loser. */
  readonly loserReferences: References;
}

/** Places of the events about the survivor of a merge are moved by so many. */
const survivorPlace = 4;

/**
 * Derives from an event of the journal what is sent to other systems: none, one or several outward events, in the order of their places.
 *
 * What changed what the mirror shows is sent: news that differs, first deletions and absences, merges that are believed. A pair that
 * several events report as merged is sent once. Late news is not sent, nor is news of contacts that were deleted or merged.
 *
 * `contact.created` is the first creation that Sinch's *webhook* reported, late or not, with the newest snapshot of its place: an
 * update, a merge or a fetch of ours may have come first. It is not sent for a contact that was deleted, merged or found absent by then:
 * that was sent already. Every other creation is sent as an update. So what the mirror fetched (backfill, reconcile, a look before a
 * merge) never looks like news: a contact first seen by it is `contact.updated` with `before: null`, which those receive that want these
 * sources. A creation that is newer than what was known also reports the identities and metadata that it changed; where nothing was
 * known, `contact.created` is sent alone.
 */
export function deriveEvents(
  projectId: string,
  row: JournalEvent,
  content: ToldContent,
  standing: Standing,
): readonly DerivedEvent[] {
  const event = eventsOf(projectId, row);
  switch (row.type) {
    case 'CONTACT_CREATE':
    case 'CONTACT_UPDATE':
      return newsEvents(event, row, content, standing);
    case 'CONTACT_DELETE':
    case ABSENT:
      return endEvents(event, row, content, standing);
    case 'CONTACT_MERGE':
      return mergeEvents(event, row, content, standing);
    case 'reference.set':
    case 'reference.removed':
      return [
        event({
          type: row.type,
          place: 0,
          subject: row.contact_id,
          data: { contact_id: row.contact_id, ...content.reference },
        }),
      ];
    default:
      return [];
  }
}

/** What the events of one row of the journal differ in. */
type Own = Pick<DerivedEvent, 'type' | 'place' | 'subject' | 'data'> &
  Partial<Pick<DerivedEvent, 'keys' | 'version' | 'before' | 'after' | 'identities'>>;

type MakeEvent = (own: Own) => DerivedEvent;

function eventsOf(projectId: string, row: JournalEvent): MakeEvent {
  const common = {
    projectId,
    sequence: [String(row.era), row.tx, row.id] as const,
    source: row.source,
    version: BigInt(row.version),
    receivedAt: row.received_at,
    mergeId: row.type === 'CONTACT_MERGE' ? mergeId(contactOf(row), row.contact_id) : null,
    before: null,
    after: null,
    identities: null,
  };
  return (own) => ({ ...common, keys: [own.subject], ...own });
}

function newsEvents(
  event: MakeEvent,
  row: JournalEvent,
  content: ToldContent,
  standing: Standing,
): readonly DerivedEvent[] {
  const created = createdEvents(event, row, content, standing);
  const { isNews } = effectOf(row, content.late, standing);
  if (!isNews || content.stated === null) return created;
  const news = { id: row.contact_id, ...content, after: content.stated };
  if (created.length === 0) return updateEvents(event, news, standing.references, 0);
  const parts = content.before === null ? [] : updateEvents(event, news, standing.references, 0);
  return [...created, ...parts.filter(({ type }) => type !== 'contact.updated')];
}

function createdEvents(
  event: MakeEvent,
  row: JournalEvent,
  { late, stated, newest }: ToldContent,
  { isGone, wasReported, references }: Standing,
): readonly DerivedEvent[] {
  const isFirst = row.type === 'CONTACT_CREATE' && row.source === 'webhook' && !wasReported && !isGone;
  const known = late ? newest : { fields: stated, version: BigInt(row.version) };
  if (!isFirst || known === null || known.fields === null) return [];
  const subject = row.contact_id;
  const after = sinchContact(subject, known.fields);
  return [
    event({
      type: 'contact.created',
      place: 0,
      subject,
      version: known.version,
      after,
      data: { contact_id: subject, after, references },
    }),
  ];
}

/** What an event newly says of a contact. */
interface News {
  readonly id: string;
  readonly before: JsonObject | null;
  readonly after: JsonObject;
}

/** An update, and what it did to identities and metadata; none where nothing differs. */
function updateEvents(
  event: MakeEvent,
  { id, before: had, after: has }: News,
  references: References,
  firstPlace: number,
): readonly DerivedEvent[] {
  const [before, after] = [had && sinchContact(id, had), sinchContact(id, has)];
  const compared = before ?? sinchContact(id, {});
  const differences = differencesOf(compared, after);
  if (before !== null && differences.length === 0) return [];
  const part = (
    type: Own['type'],
    place: number,
    own: JsonObject,
    identities?: readonly Json[],
  ): DerivedEvent =>
    event({
      type,
      place: firstPlace + place,
      subject: id,
      before,
      after,
      ...(identities && { identities }),
      data: { contact_id: id, ...own, after, references },
    });
  const { added, removed } = compareIdentities(compared, after);
  const changes = differences
    .filter(({ field }) => field === 'metadata')
    .map((each) => ({ pointer: pointerOf(each), before: each.before, after: each.after }));
  return [
    part('contact.updated', 0, { before, changed: differences.map(pointerOf).sort() }),
    ...(added.length > 0 ? [part('contact.channel_added', 1, { identities: added }, added)] : []),
    ...(removed.length > 0 ? [part('contact.channel_removed', 2, { identities: removed }, removed)] : []),
    ...(changes.length > 0 ? [part('contact.metadata_changed', 3, { changes })] : []),
  ];
}

function pointerOf({ field, key }: Difference): string {
  const pointer = pointTo('', field);
  return key === null ? pointer : pointTo(pointer, key);
}

/** A deletion, or an absence of what was there. */
function endEvents(
  event: MakeEvent,
  row: JournalEvent,
  { late, before: previous, newest }: ToldContent,
  standing: Standing,
): readonly DerivedEvent[] {
  const { isEnd } = effectOf(row, late, standing);
  if (!isEnd || (row.type === ABSENT && standing.wasAbsent)) return [];
  const subject = row.contact_id;
  const known = late ? (newest?.fields ?? null) : previous;
  const before = known && sinchContact(subject, known);
  const reason = row.type === ABSENT ? 'absent' : 'deleted';
  const data = { contact_id: subject, reason, before, references: standing.references };
  return [event({ type: 'contact.deleted', place: 0, subject, before, data })];
}

function mergeEvents(
  event: MakeEvent,
  row: JournalEvent,
  content: ToldContent,
  standing: Standing,
): readonly DerivedEvent[] {
  const { isNews, isEnd } = effectOf(row, content.late, standing);
  const { stated, before } = content;
  const survivor = row.contact_id;
  const merged =
    isEnd && standing.believedSurvivor !== survivor ? [mergedEvent(event, row, content, standing)] : [];
  if (!isNews || stated === null) return merged;
  const news = { id: survivor, before, after: stated };
  return [...merged, ...updateEvents(event, news, standing.references, survivorPlace)];
}

/** The survivor is shown as it was before and after by journal order: a late merge changes nothing of it. */
function mergedEvent(
  event: MakeEvent,
  row: JournalEvent,
  content: ToldContent,
  { isGone, redirects, references, loserReferences }: Standing,
): DerivedEvent {
  const [loser, survivor] = [contactOf(row), row.contact_id];
  const { late, newest, loserBefore } = content;
  const shown = (id: string, fields: JsonObject | null): JsonObject | null =>
    fields && sinchContact(id, fields);
  const before = shown(loser, loserBefore);
  const known = late ? (newest?.fields ?? null) : null;
  const { moved, kept, dropped } = identitiesOfMerge({ ...content, loser: content.loser ?? loserBefore });
  return event({
    type: 'contact.merged',
    place: 0,
    subject: loser,
    keys: [loser, survivor],
    before,
    data: {
      contact_id: loser,
      survivor_id: survivor,
      merge_id: mergeId(loser, survivor),
      loser_before: before,
      survivor_before: isGone ? null : shown(survivor, late ? known : content.before),
      survivor_after: isGone ? null : shown(survivor, late ? known : content.stated),
      identities: { moved, kept, dropped },
      redirects: redirects.from.map((from) => ({ from, to: redirects.to })),
      references: { loser: loserReferences, survivor: references },
    },
  });
}
