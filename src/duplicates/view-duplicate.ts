import { writeDate } from '../json/read-time.rule';
import type { AutoMergeObject, DismissalObject, DuplicateObject, EvidenceObject } from './duplicates.dto';
import { splitIdentity, type SharedValue } from '../matching/evidence.rule';
import type { Report } from '../matching/evidence.repository';
import type { SetRow } from '../matching/sets.repository';

/** The evidence of a set, as far as it is shown. */
export interface ShownEvidence {
  readonly first: readonly EvidenceObject[];
  /** How much there is in all. */
  readonly count: number;
}

/** A set as lists show it. */
export function viewDuplicate(
  row: SetRow,
  evidence: ShownEvidence,
  autoMerge: AutoMergeObject | null,
  dismissals: readonly DismissalObject[],
): DuplicateObject {
  return {
    id: row.id,
    status: row.status,
    contact_ids: row.contact_ids,
    contact_count: row.contact_count,
    former_contact_ids: row.former_contact_ids,
    reasons: row.reasons,
    channels: row.channels,
    evidence: evidence.first,
    evidence_count: evidence.count,
    report_count: row.report_count,
    first_seen_at: writeDate(row.first_seen_at),
    last_seen_at: writeDate(row.last_seen_at),
    snoozed_until: row.snoozed_until && writeDate(row.snoozed_until),
    closed_at: row.closed_at && writeDate(row.closed_at),
    resolved_by: row.resolved_by,
    auto_merge: autoMerge,
    warnings: row.is_truncated ? ['truncated'] : [],
    dismissals,
  };
}

/** A shared value as evidence between its holders. @param channels the channels on which they have it */
export function viewSharedValue(
  { kind, value }: SharedValue,
  contactIds: readonly string[],
  channels: readonly string[],
): EvidenceObject {
  if (kind === 'identity') {
    const { channel, identity, appId } = splitIdentity(value);
    return { reason: kind, channel, app_id: appId, value: identity, contact_ids: contactIds };
  }
  const [channel = null, ...others] = channels;
  return {
    reason: kind,
    channel: others.length === 0 ? channel : null,
    app_id: null,
    value,
    contact_ids: contactIds,
  };
}

/**
 * A report of Sinch's as evidence. The real callback names only channel and contacts: the value is what the mirror knows them
 * to share on that channel.
 *
 * @param shared the evidence of shared values between the same contacts
 */
export function viewReport(
  report: Report,
  contactIds: readonly string[],
  shared: readonly EvidenceObject[],
): EvidenceObject {
  const reported = new Set(contactIds);
  const isNamed = ({ contact_ids: ids }: EvidenceObject): boolean =>
    ids.filter((id) => reported.has(id)).length > 1;
  const known =
    shared.find((each) => each.reason === 'identity' && each.channel === report.channel && isNamed(each)) ??
    shared.find((each) => each.reason === 'phone' && isNamed(each));
  return {
    reason: 'reported',
    channel: report.channel,
    app_id: known?.app_id ?? null,
    value: report.identity ?? known?.value ?? null,
    contact_ids: contactIds,
    report_count: report.reportCount,
    first_seen_at: writeDate(report.firstSeenAt),
    last_seen_at: writeDate(report.lastSeenAt),
  };
}
