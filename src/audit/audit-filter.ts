import { writeTime } from '../json/read-time.rule';
import type { AuditEventsExportQuery } from './audit.dto';
import type { AuditFilter, AuditRepository } from './audit.repository';
import type { HistoriesRepository } from './histories.repository';

/** What a list or an export of events is narrowed to; with `include_merged` the contact's losers are looked up, and an actor by its name or key. */
export async function auditFilter(
  audit: AuditRepository,
  histories: HistoriesRepository,
  projectId: string,
  query: Omit<AuditEventsExportQuery, 'after' | 'bom' | 'format' | 'markers'>,
): Promise<AuditFilter> {
  const { contact_id: contactId, received_after: after, received_before: before } = query;
  const actors = query.actor === undefined ? null : await audit.actors(projectId, query.actor);
  const losers =
    contactId !== undefined && query.include_merged ? await histories.losersOf(projectId, contactId) : [];
  return {
    types: query.type ?? null,
    contactIds: contactId === undefined ? null : [contactId, ...losers],
    source: query.source ?? null,
    actors,
    receivedAfter: after === undefined ? null : writeTime(after),
    receivedBefore: before === undefined ? null : writeTime(before),
    acceptedAfter: query.accepted_after ?? null,
    acceptedBefore: query.accepted_before ?? null,
  };
}
