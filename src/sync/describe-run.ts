import type { SyncRun } from './sync-runs.repository';

/** How wide the bar is, in characters. */
const barWidth = 24;

/**
 * How far a run is, in one line.
 *
 * @param seconds since it was looked at first
 * @param contactsBefore how many contacts it had met by then
 */
export function describeProgress(run: SyncRun, seconds: number, contactsBefore: number): string {
  const { tally, contacts_expected: expected } = run;
  if (run.state === 'pending') return 'waits for its turn';
  if (run.phase === 'absences') {
    const of = run.candidates === null ? '' : ` of ${count(run.candidates)}`;
    return `${bar(1)} ${count(tally.contacts)} contacts; absent: ${count(tally.deleted)}${of}`;
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
    `  created    ${count(tally.created)}`,
    `  updated    ${count(tally.updated)}`,
    ...fields.map(([field, contacts]) => `    ${field}  ${count(contacts)}`),
    ...(mode === 'reconcile' ? [`  deleted    ${count(tally.deleted)}`] : []),
    `  unchanged  ${count(tally.unchanged)}`,
    `  spared     ${count(tally.spared)}  something newer was heard of them`,
    `  buried     ${count(tally.buried)}  Sinch has them, though it told that they are gone: see /anomalies`,
    ...(tally.unusable === 0 ? [] : [`  unusable   ${count(tally.unusable)}  they cannot be kept`]),
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
