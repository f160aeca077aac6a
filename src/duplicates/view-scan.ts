import { writeDate } from '../json/read-time.rule';
import type { ScanObject } from './duplicates.dto';
import type { ScanRow } from './scans.repository';

export function viewScan(scan: ScanRow): ScanObject {
  return {
    project_id: scan.project_id,
    state: scan.finished_at === null ? 'running' : 'finished',
    requested_at: writeDate(scan.requested_at),
    requested_by: scan.requested_by,
    partitions_count: scan.partitions_count,
    partitions_done: scan.partitions_done,
    contacts_examined: Number(scan.contacts_count),
    contacts_skipped: scan.contacts_skipped,
    finished_at: scan.finished_at && writeDate(scan.finished_at),
  };
}
