import { writeDate } from '../json/read-time.rule';
import type { ApiKeyObject } from './api-keys.dto';
import type { KeyRow } from './api-keys.repository';

/** A key as REST and the command line show it, without its secret. */
export function viewKey(row: KeyRow): ApiKeyObject {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    project_ids: row.project_ids,
    created_at: writeDate(row.created_at),
    expires_at: row.expires_at && writeDate(row.expires_at),
    rotated_at: row.rotated_at && writeDate(row.rotated_at),
    revoked_at: row.revoked_at && writeDate(row.revoked_at),
    last_used_at: row.last_used_at && writeDate(row.last_used_at),
  };
}
