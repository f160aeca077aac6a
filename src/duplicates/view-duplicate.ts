import type { HoldingsRow } from '../contacts/holdings.repository';
import { writeDate } from '../rest/read-time';
import type { AutoMergeView } from './auto-merge-judge.service';
import { channelsOfPhone, splitIdentity, type Reason, type SharedValue } from './evidence';
import type { Report } from './evidence.repository';
import type { ResolvedBy, SetRow, SetStatus } from './sets.repository';

/** One piece of evidence, as REST shows it. */
export interface EvidenceView {
  readonly reason: Reason;
  /** On which channel; null where it is about none, or about several. */
  readonly channel: string | null;
  /** What the contacts share; null where neither the report nor the mirror tells. */
  readonly value: string | null;
  readonly contact_ids: readonly string[];
  readonly report_count?: number;
  readonly first_seen_at?: string;
  readonly last_seen_at?: string;
}

/** A set of duplicates, as lists show it. */
export interface DuplicateView {
  readonly id: string;
  readonly status: SetStatus;
  readonly contact_ids: readonly string[];
  readonly contact_count: number;
  readonly former_contact_ids: readonly string[];
  readonly reasons: readonly Reason[];
  readonly channels: readonly string[];
  readonly evidence: readonly EvidenceView[];
  readonly report_count: number;
  readonly first_seen_at: string;
  readonly last_seen_at: string;
  readonly snoozed_until: string | null;
  readonly closed_at: string | null;
  readonly resolved_by: ResolvedBy | null;
  /** What the policy of AUTO_MERGE says of it; null where that is `off`. */
  readonly auto_merge: AutoMergeView | null;
}

export function viewDuplicate(
  row: SetRow,
  evidence: readonly EvidenceView[],
  autoMerge: AutoMergeView | null,
): DuplicateView {
  return {
    id: row.id,
    status: row.status,
    contact_ids: row.contact_ids,
    contact_count: row.contact_count,
    former_contact_ids: row.former_contact_ids,
    reasons: row.reasons,
    channels: row.channels,
    evidence,
    report_count: row.report_count,
    first_seen_at: writeDate(row.first_seen_at),
    last_seen_at: writeDate(row.last_seen_at),
    snoozed_until: row.snoozed_until && writeDate(row.snoozed_until),
    closed_at: row.closed_at && writeDate(row.closed_at),
    resolved_by: row.resolved_by,
    auto_merge: autoMerge,
  };
}

/** A shared value as evidence between its holders. */
export function viewSharedValue(
  { kind, value }: SharedValue,
  contactIds: readonly string[],
  holders: readonly HoldingsRow[],
): EvidenceView {
  if (kind === 'identity') {
    const { channel, identity } = splitIdentity(value);
    return { reason: kind, channel, value: identity, contact_ids: contactIds };
  }
  const channels =
    kind === 'phone'
      ? new Set(holders.flatMap((row) => channelsOfPhone(row.identityKeys, value)))
      : new Set<string>();
  const [channel = null] = channels;
  return { reason: kind, channel: channels.size === 1 ? channel : null, value, contact_ids: contactIds };
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
  shared: readonly EvidenceView[],
): EvidenceView {
  const named = shared.filter(
    ({ contact_ids: ids }) => ids.filter((id) => contactIds.includes(id)).length > 1,
  );
  const known =
    named.find(({ reason, channel }) => reason === 'identity' && channel === report.channel) ??
    named.find(({ reason }) => reason === 'phone');
  return {
    reason: 'reported',
    channel: report.channel,
    value: report.identity ?? known?.value ?? null,
    contact_ids: contactIds,
    report_count: report.reportCount,
    first_seen_at: writeDate(report.firstSeenAt),
    last_seen_at: writeDate(report.lastSeenAt),
  };
}
