import { registerChangesOf, join, type Registers } from '../../../src/audit/commit/mirror.rule';
import { currentReading, projectionsOf } from '../../../src/audit/commit/projections.rule';
import type { Notification } from '../../../src/audit/commit/read-notification.rule';

/** The map of a project, in the order of ids. */
export const MAP = `select id, version, encode(tie_break, 'hex') as tie_break, snapshot::text, display_name, name_keys, projected_by, email, external_id, language,
                    identity_keys, identity_phones, gone, survivor_id, gone_version, encode(gone_tie_break, 'hex') as gone_tie_break
             from contact where project_id = $1 order by id`;
/** The rows that the law of the mirror demands of one project, as `MAP` tells them. */
export function rowsOf(notifications: readonly Notification[]): readonly object[] {
  const state = new Map<string, Registers>();
  for (const effect of notifications.flatMap(registerChangesOf)) {
    const before = state.get(effect.contactId) ?? { says: null, went: null };
    state.set(effect.contactId, join(before, effect));
  }
  return [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, registers]) => rowOf(id, registers));
}

function rowOf(id: string, { says, went }: Registers): object {
  const projections = says && projectionsOf(says.snapshot);
  return {
    id,
    version: says?.version.toString() ?? '-1',
    tie_break: says?.tieBreak ?? '',
    snapshot: says?.snapshot.json ?? '{}',
    display_name: projections?.displayName ?? null,
    name_keys: projections?.nameKeys ?? [],
    projected_by: currentReading,
    email: projections?.email ?? null,
    external_id: projections?.externalId ?? null,
    language: projections?.language ?? null,
    identity_keys: projections?.identityKeys ?? [],
    identity_phones: projections?.identityPhones ?? [],
    gone: went?.gone ?? null,
    survivor_id: went?.survivorId ?? null,
    gone_version: went?.version.toString() ?? null,
    gone_tie_break: went?.tieBreak ?? null,
  };
}
