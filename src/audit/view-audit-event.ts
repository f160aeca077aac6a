import { writeDate, writeTime } from '../json/read-time.rule';
import type { AuditEventObject } from './audit.dto';
import type { AuditEventRow } from './audit.repository';

/** Shows an event as REST answers it, without its bytes. */
export function viewAuditEvent(projectId: string, row: AuditEventRow): AuditEventObject {
  return {
    id: row.id,
    type: row.type,
    project_id: projectId,
    contact_id: row.contact_id,
    related_contact_ids: row.related_contact_ids,
    app_id: row.app_id,
    accepted_at: writeTime(BigInt(row.version)),
    version: row.version,
    received_at: writeDate(row.received_at),
    source: row.source,
    actor: row.actor,
    fingerprint: row.fingerprint,
  };
}
