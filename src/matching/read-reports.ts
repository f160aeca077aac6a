import { hash } from 'node:crypto';
import { storable } from '../json/canonical.rule';
import { cut } from '../audit/commit/projections.rule';
import type { DuplicateEntry } from '../audit/commit/read-notification.rule';
import type { Report } from './evidence.repository';

/** The reports of a duplication event: one an entry that names two contacts or more. */
export function readReports(entries: readonly DuplicateEntry[], seenAt: Date): readonly Report[] {
  return entries.flatMap((entry) => {
    const [channel, identity] = [text(entry.channel), text(entry.identity)];
    const ids = [...new Set(entry.contactIds)].sort();
    if (ids.length < 2) return [];
    const digest = hash('sha256', JSON.stringify([channel, identity, ids]), 'hex');
    return [
      { digest, channel, identity, contactIds: ids, reportCount: 1, firstSeenAt: seenAt, lastSeenAt: seenAt },
    ];
  });
}

/** As Postgres can hold it. */
function text(value: string | null): string | null {
  return value === null ? null : cut(storable(value));
}

/** Adds up reports of the same: each digest is left once. */
export function sumReports(reports: readonly Report[]): readonly Report[] {
  const sums = new Map<string, Report>();
  for (const report of reports) {
    const sum = sums.get(report.digest);
    sums.set(
      report.digest,
      sum === undefined
        ? report
        : {
            ...sum,
            reportCount: sum.reportCount + report.reportCount,
            firstSeenAt: report.firstSeenAt < sum.firstSeenAt ? report.firstSeenAt : sum.firstSeenAt,
            lastSeenAt: report.lastSeenAt > sum.lastSeenAt ? report.lastSeenAt : sum.lastSeenAt,
          },
    );
  }
  return [...sums.values()];
}
