import type { SyncRun } from './sync-runs.repository';

/** How wide the bar is, in characters. */
const barWidth = 24;

/** After how many seconds without a new page the line says so. */
const stillAfterSeconds = 3;

/** What has been seen of a run since it was looked at first. */
export interface Watched {
  readonly seconds: number;
  /** How many contacts the run had met at first. */
  readonly contactsBefore: number;
  /** Since its last new page. */
  readonly stillSeconds: number;
}

/** How far a run is, in one line. */
export function describeProgress(run: SyncRun, { seconds, contactsBefore, stillSeconds }: Watched): string {
  const { tally, contacts_expected: expected } = run;
  if (run.state === 'pending') return 'queued';
  if (run.waiting_until !== null) {
    const at = run.waiting_until.toISOString().slice(11, 19);
    return `${count(tally.contacts)} contacts so far; asks Sinch again at ${at} UTC: ${run.waiting_reason ?? ''}`;
  }
  if (run.phase === 'absences') {
    const of = run.candidates === null ? '' : ` of ${count(run.candidates)}`;
    return `${bar(1)} ${count(tally.contacts)} contacts; no longer at Sinch: ${count(tally.deleted)}${of === '' ? '' : `${of} to check`}`;
  }
  if (stillSeconds >= stillAfterSeconds) {
    return `${count(tally.contacts)} contacts, ${count(run.pages)} pages; no new page for ${Math.floor(stillSeconds)} s: Sinch has not answered yet, or the database is slow`;
  }
  const perSecond = seconds > 0 ? Math.round((tally.contacts - contactsBefore) / seconds) : 0;
  const isKnown = expected !== null && expected > 0 && expected >= tally.contacts;
  const part = isKnown ? `${bar(tally.contacts / expected)} ${percent(tally.contacts / expected)}, ` : '';
  return `${part}${count(tally.contacts)}${isKnown ? ` of about ${count(expected)}` : ''} contacts, ${count(run.pages)} pages, ${count(perSecond)}/s`;
}

/** What a run found, line by line. */
export function describeDrift({ tally, mode }: SyncRun): readonly string[] {
  const fields = Object.entries(tally.fields).sort(([, a], [, b]) => b - a);
  return [
    `  created     ${count(tally.created)}`,
    `  updated     ${count(tally.updated)}`,
    ...fields.map(([field, contacts]) => `    ${field}  ${count(contacts)}`),
    ...(mode === 'reconcile' ? [`  deleted     ${count(tally.deleted)}`] : []),
    `  unchanged   ${count(tally.unchanged)}`,
    `  skipped     ${count(tally.skipped)}  the mirror is already newer`,
    `  conflicting  ${count(tally.conflicting)}  still at Sinch, deleted here: see /anomalies`,
    ...(tally.unusable === 0 ? [] : [`  unusable    ${count(tally.unusable)}  cannot be stored`]),
  ];
}

function bar(part: number): string {
  const full = Math.round(Math.min(1, part) * barWidth);
  return `[${'#'.repeat(full)}${'.'.repeat(barWidth - full)}]`;
}

function percent(part: number): string {
  return `${Math.floor(part * 100)} %`;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}
