import { ABSENT } from '../audit/audit-event.rule';
import type { AuditEventRow } from '../audit/audit.repository';
import type { Precedents } from '../audit/histories.repository';
import { compareChannels, differencesOf } from '../contacts/compare-snapshots.rule';
import { mergeId } from '../contacts/merges/merge-id.rule';
import type { ContactChangeObject } from './history.dto';
import { contactOf, effectOf, identitiesOfMerge, type EventContent } from './judge-event.rule';

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

/** Tells what an event changed. */
export function viewChange(
  row: AuditEventRow,
  content: EventContent,
  precedents: Precedents,
  view: ChangesView,
): ChangeWithoutContacts {
  const type = typeOf(row, precedents.isCreated);
  const { late, stated, before } = content;
  const says = type === 'deleted' ? null : stated;
  const { isNews, isEnd } = effectOf(row, late, precedents);
  const after = isNews ? says : null;
  const differences = after === null ? [] : differencesOf(before, after);
  const channels = after === null ? { added: [], removed: [] } : compareChannels(before, after);
  return {
    sequence: `${row.era}.${row.tx}.${row.id}`,
    event_id: row.id,
    type,
    contact_id: contactOf(row),
    ...(type === 'merged' && {
      survivor_id: row.contact_id,
      merge_id: mergeId(contactOf(row), row.contact_id),
      identities: identitiesOfMerge(content),
    }),
    version: row.version,
    applied: isNews || isEnd,
    late,
    source: row.source,
    changed: [...new Set(differences.map(({ field }) => field))],
    changed_metadata: differences.flatMap(({ key }) => key ?? []),
    channels_added: channels.added,
    channels_removed: channels.removed,
    ...(view === 'full' && { before, after: says }),
  };
}

function typeOf(row: AuditEventRow, isCreated: boolean): ChangeType {
  if (row.type === 'CONTACT_CREATE') return isCreated ? 'updated' : 'created';
  return CHANGE_TYPES.find((each) => EVENTS_OF[each].some((event) => event === row.type)) ?? 'updated';
}
