import { groupInSteps } from '../base/in-turns';
import type { ContactValuesRow } from '../matching/contact-values.repository';
import { channelsAmong, phonesByContact } from '../matching/evidence-channels';
import type { HeldValue, Report } from '../matching/evidence.repository';
import { isEvidence, namesSomeApp, type SharedValue } from '../matching/evidence.rule';
import type { SetRow } from '../matching/sets.repository';
import { fitting } from '../rest/answer-size';
import { evidenceShownMax, type EvidenceObject } from './duplicates.dto';
import { viewReport, viewSharedValue, type ShownEvidence } from './view-duplicate';

/** Most bytes that the evidence of one set has as JSON. */
const evidenceBytesMax = 1024 * 1024;

export const NO_EVIDENCE: ShownEvidence = { first: [], count: 0 };

/** What is known of the members of sets. */
export interface MembersEvidence {
  /** Of the members of sets that are not hot. */
  readonly values: readonly HeldValue[];
  /** The values of hot sets, as their members hold them. */
  readonly hotValues: readonly HeldValue[];
  readonly reports: readonly Report[];
  readonly contactValues: readonly ContactValuesRow[];
  /** The contact that answers for an id. */
  readonly nameOf: (id: string) => string;
}

/** A report, and the members of a set that it names. */
interface NamedReport {
  readonly report: Report;
  readonly contactIds: readonly string[];
}

/** The evidence of each set, in the order of sets. Each value and report is read once, and once for each set that it is of; yields after each. */
export function* evidenceOfAll(
  rows: readonly SetRow[],
  { values, hotValues, reports, contactValues, nameOf }: MembersEvidence,
): Generator<void, readonly ShownEvidence[], void> {
  const valuesOf = yield* groupInSteps(values, ({ contactId }) => contactId);
  const holdersOf = yield* groupInSteps(hotValues, ({ digest }) => digest);
  const phones = yield* phonesByContact(contactValues);
  const reportsOf = yield* reportsByContact(reports, nameOf);
  const shown: ShownEvidence[] = [];
  for (const row of rows) {
    const members = new Set(row.contact_ids);
    const held =
      row.hot_digest === null
        ? row.contact_ids.flatMap((id) => valuesOf.get(id) ?? [])
        : (holdersOf.get(row.hot_digest) ?? []).filter(({ contactId }) => members.has(contactId));
    const shared: EvidenceObject[] = [];
    for (const [value, contactIds] of yield* sharedAmong(held)) {
      // the channels of a hot set are those of its value
      const isHot = row.hot_digest !== null;
      const view = viewSharedValue(
        value,
        contactIds,
        isHot ? row.channels : channelsAmong(value, contactIds, phones),
      );
      shared.push(isHot ? { ...view, reason: 'hot' } : view);
      yield;
    }
    const own = row.hot_digest === null ? yield* reportsAmong(row.contact_ids, reportsOf) : [];
    const first: EvidenceObject[] = [];
    for (const { report, contactIds } of own.slice(0, evidenceShownMax)) {
      first.push(viewReport(report, contactIds, shared));
      yield;
    }
    first.push(...shared.slice(0, evidenceShownMax - first.length));
    shown.push({
      first: fitting(first, undefined, evidenceBytesMax),
      count: own.length + shared.length,
    });
  }
  return shown;
}

/** The values that several hold, with those who do, in the order of kinds and values. */
function* sharedAmong(
  held: readonly HeldValue[],
): Generator<void, readonly (readonly [SharedValue, readonly string[]])[], void> {
  const shared: (readonly [SharedValue, readonly string[]])[] = [];
  for (const holding of (yield* groupInSteps(held, ({ digest }) => digest)).values()) {
    yield;
    // where one of them names no app, that is what they share
    const value = holding.find((each) => !namesSomeApp(each));
    if (holding.length < 2 || value === undefined || !isEvidence(value)) continue;
    shared.push([value, holding.map(({ contactId }) => contactId).sort()]);
  }
  return shared.sort(([a], [b]) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

function nameOf({ kind, value }: SharedValue): string {
  return `${kind} ${value}`;
}

/** The reports that name each contact, in the order of reports; yields after each. */
function* reportsByContact(
  reports: readonly Report[],
  nameOf: MembersEvidence['nameOf'],
): Generator<void, ReadonlyMap<string, readonly Report[]>, void> {
  const byContact = new Map<string, Report[]>();
  for (const report of reports) {
    for (const id of new Set(report.contactIds.map(nameOf))) {
      const own = byContact.get(id);
      if (own === undefined) byContact.set(id, [report]);
      else own.push(report);
    }
    yield;
  }
  return byContact;
}

/** The reports that name several of some contacts, each with those of them, in the order of digests; yields after each. */
function* reportsAmong(
  ids: readonly string[],
  reportsOf: ReadonlyMap<string, readonly Report[]>,
): Generator<void, readonly NamedReport[], void> {
  const named = new Map<Report, string[]>();
  for (const id of ids) {
    for (const report of reportsOf.get(id) ?? []) {
      const own = named.get(report);
      if (own === undefined) named.set(report, [id]);
      else own.push(id);
    }
    yield;
  }
  return [...named]
    .flatMap(([report, contactIds]) =>
      contactIds.length > 1 ? [{ report, contactIds: contactIds.sort() }] : [],
    )
    .sort((a, b) => (a.report.digest < b.report.digest ? -1 : 1));
}
