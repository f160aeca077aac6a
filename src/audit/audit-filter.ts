import { writeTime } from '../rest/read-time';
import type { AuditEventsExportQuery } from './audit.dto';
import type { AuditFilter } from './audit.repository';
import type { HistoriesRepository } from './histories.repository';

/** What a list or an export of events is narrowed to; with `include_merged` the contact's losers are looked up. */
export async function auditFilter(
  histories: HistoriesRepository,
  projectId: string,
  query: Omit<AuditEventsExportQuery, 'format' | 'after'>,
): Promise<AuditFilter> {
  const { contact_id: contactId, received_after: after, received_before: before } = query;
  const losers =
    contactId !== undefined && query.include_merged ? await histories.losersOf(projectId, contactId) : [];
  return {
    types: query.type ?? null,
    contactIds: contactId === undefined ? null : [contactId, ...losers],
    source: query.source ?? null,
    actor: query.actor ?? null,
    receivedAfter: after === undefined ? null : writeTime(after),
    receivedBefore: before === undefined ? null : writeTime(before),
    acceptedAfter: query.accepted_after ?? null,
    acceptedBefore: query.accepted_before ?? null,
  };
}
