import { ABSENT } from '../audit/audit-event.rule';
import type { AuditEventRow } from '../audit/audit.repository';
import type { Precedents } from '../audit/histories.repository';
import type { JsonObject } from '../json/canonical.rule';
import { compareChannels, compareSnapshots } from '../contacts/compare-snapshots.rule';
import { mergeId } from '../contacts/merges/merge-id.rule';
import { reconcileMerge } from '../contacts/merges/reconcile-merge.rule';
import type { ContactChangeObject } from './history.dto';

export const CHANGE_TYPES = ['created', 'updated', 'deleted', 'merged'] as const;
export type ChangeType = (typeof CHANGE_TYPES)[number];

/** The types of the journal among which the events of each type of change are; a second creation is an update. */
export const EVENTS_OF = {
  created: ['CONTACT_CREATE'],
  updated: ['CONTACT_UPDATE', 'CONTACT_CREATE'],
  deleted: ['CONTACT_DELETE', ABSENT],
  merged: ['CONTACT_MERGE'],
} as const satisfies Record<ChangeType, readonly string[]>;

/** How much of each event the feed shows. */
export const CHANGE_VIEWS = ['basic', 'full'] as const;
export type ChangesView = (typeof CHANGE_VIEWS)[number];

/** An event and what is known of it, as the feed tells it but for the contacts. */
export type ChangeWithoutContacts = Omit<ContactChangeObject, 'contact' | 'survivor'>;

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

/** Tells what an event changed. */
export function viewChange(
  row: AuditEventRow,
  { late, stated, loser, before }: EventContent,
  { isGone, isOutranked, isCreated }: Precedents,
  view: ChangesView,
): ChangeWithoutContacts {
  const type = typeOf(row, isCreated);
  const [loserId = ''] = row.related_contact_ids;
  const says = type === 'deleted' ? null : stated;
  const saysNew = type !== 'deleted' && !late && !isGone;
  const after = saysNew ? says : null;
  const changes = after === null ? [] : compareSnapshots(before, after);
  const channels = after === null ? { added: [], removed: [] } : compareChannels(before, after);
  const wentNew =
    // what Sinch reported since contradicts an absence, not a deletion
    (type === 'deleted' && !(late && row.type === ABSENT) && !isGone) || (type === 'merged' && !isOutranked);
  return {
    sequence: `${row.era}.${row.tx}.${row.id}`,
    event_id: row.id,
    type,
    contact_id: contactOf(row),
    ...(type === 'merged' && {
      survivor_id: row.contact_id,
      merge_id: mergeId(loserId, row.contact_id),
      identities: reconcileMerge(before, loser, stated ?? {}).identities,
    }),
    version: row.version,
    applied: saysNew || wentNew,
    late,
    source: row.source,
    changed: [...new Set(changes.map(({ path }) => path.split('.')[0] ?? path))],
    changed_metadata: changes.flatMap(({ path }) =>
      path.startsWith(METADATA) ? [path.slice(METADATA.length)] : [],
    ),
    channels_added: channels.added,
    channels_removed: channels.removed,
    ...(view === 'full' && { before, after: says }),
  };
}
const METADATA = 'metadata.';

/** The contact that an event is about: of a merge the loser. */
export function contactOf(row: AuditEventRow): string {
  return row.type === 'CONTACT_MERGE' ? (row.related_contact_ids[0] ?? '') : row.contact_id;
}

function typeOf(row: AuditEventRow, isCreated: boolean): ChangeType {
  if (row.type === 'CONTACT_CREATE') return isCreated ? 'updated' : 'created';
  return CHANGE_TYPES.find((each) => EVENTS_OF[each].some((event) => event === row.type)) ?? 'updated';
}
