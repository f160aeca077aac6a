import { Injectable } from '@nestjs/common';
import { ContactValuesRepository, type ContactValuesRow } from './contact-values.repository';
import type { Queryable } from '../database/queryable';
import { inTurns } from '../base/in-turns';
import { channelsOf, phoneChannelsOf, type Evidence } from './evidence-channels';
import { connectInSteps, type Component } from './connect-contacts.rule';
import { REASONS, type Reason } from './evidence.rule';
import { reachedMax } from './evidence.repository';
import { matchSets, type Matching } from './match-sets.rule';
import { ConnectedEvidenceService, type ConnectedEvidence } from './connected-evidence.service';
import type { Examination } from './examine-options';
import { SetsRepository, type SetContent, type SetRow } from './sets.repository';

/** Keeps the sets that are components of contacts. */
@Injectable()
export class ComponentSetsService {
  constructor(
    private readonly connectedEvidence: ConnectedEvidenceService,
    private readonly contactValues: ContactValuesRepository,
    private readonly sets: SetsRepository,
  ) {}

  /** Compares the components around some contacts with the sets that are kept of them. */
  async refresh(
    session: Queryable,
    projectId: string,
    contactIds: readonly string[],
    examination: Examination,
  ): Promise<void> {
    for await (const around of this.connectedEvidence.find(session, projectId, contactIds))
      await this.write(session, projectId, around, examination);
  }

  private async write(
    session: Queryable,
    projectId: string,
    around: ConnectedEvidence,
    { at, closedBy, changes: noted }: Examination,
  ): Promise<void> {
    if (around.groups.length === 0 && around.sets.length === 0) return;
    const matching = await this.match(session, projectId, around);
    const changes = matching.continued.flatMap(
      ({ kept: { row, contactIds: keptIds }, found: { content } }) => {
        // what was not followed to its end is no reason to take a contact out of its set
        const next = around.isTruncated ? withContacts(content, keptIds) : content;
        if (isUnchanged(row, next)) return [];
        return [{ row, content: next, seenAt: isSighting(row, next) ? at : null }];
      },
    );
    const made = matching.made.map(({ content }) => ({ ...content, hotDigest: null }));
    const endings = matching.ended.flatMap(({ kept: { row }, into }) => {
      if (into === null && around.isTruncated) return [];
      const by = into === null ? closedBy(row.contact_ids) : { type: 'combined', duplicate_id: into };
      return [{ row, by }];
    });
    await this.sets.change(session, changes, noted);
    await this.sets.add(session, projectId, made, at, noted);
    await this.sets.resolve(session, endings, noted);
  }

  /**
   * Components with the kept sets as which they continue.
   *
   * A set with unknown members continues as such as long as some are unknown, then as the set that its contacts make.
   */
  private async match(
    session: Queryable,
    projectId: string,
    { groups, groupsWithUnknown, dismissals, sets, endOf, isTruncated }: ConnectedEvidence,
  ): Promise<Matching<Kept, Found>> {
    const isUnknown = (id: string): boolean => endOf(id)?.isKnown === false;
    const components = await inTurns(connectInSteps(groups, dismissals));
    const withUnknown = (await inTurns(connectInSteps(groupsWithUnknown, dismissals))).filter((component) =>
      component.contactIds.some(isUnknown),
    );
    const find = async (
      some: readonly Component<Evidence>[],
      status: SetContent['status'],
    ): Promise<readonly Found[]> => {
      const contents = await this.contentsOf(session, projectId, some);
      const members = contents.flatMap(({ contactIds }) => contactIds);
      const cut = await this.contactValues.cutAmong(session, projectId, [...new Set(members)]);
      return contents.map((content) => ({
        contactIds: content.contactIds,
        content: {
          ...content,
          status,
          isTruncated: isTruncated || content.contactIds.some((id) => cut.has(id)),
        },
      }));
    };
    const kept = sets.map((row) => keptSet(row, endOf));
    const unknown = matchSets(
      kept.filter(({ row }) => row.status === 'unknown-members'),
      await find(withUnknown, 'unknown-members'),
    );
    const known = matchSets(
      [
        ...kept.filter(({ row }) => row.status !== 'unknown-members'),
        ...unknown.ended.map((each) => each.kept),
      ].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1)),
      await find(components, 'open'),
    );
    return {
      continued: [...unknown.continued, ...known.continued],
      made: [...unknown.made, ...known.made],
      ended: known.ended,
    };
  }

  private async contentsOf(
    session: Queryable,
    projectId: string,
    components: readonly Component<Evidence>[],
  ): Promise<readonly Omit<SetContent, 'status' | 'isTruncated'>[]> {
    const members = components.flatMap(({ contactIds, evidence }) =>
      evidence.some(({ kind }) => kind === 'phone') ? contactIds : [],
    );
    const contactValues =
      members.length === 0 ? [] : await this.contactValues.find(projectId, [...new Set(members)], session);
    const byId = new Map(contactValues.map((row) => [row.id, row]));
    return inTurns(summarise(components, byId));
  }
}

/** A kept set, and the contacts that answer for its members. */
interface Kept {
  readonly id: string;
  readonly row: SetRow;
  readonly contactIds: readonly string[];
}

function keptSet(row: SetRow, endOf: ConnectedEvidence['endOf']): Kept {
  const ends = row.contact_ids.flatMap((id) => {
    const end = endOf(id);
    return end !== null && (end.isKnown || row.status === 'unknown-members') ? [end.id] : [];
  });
  return { id: row.id, row, contactIds: [...new Set(ends)] };
}

interface Found {
  readonly contactIds: readonly string[];
  readonly content: SetContent;
}

/** What components are as sets. */
function* summarise(
  components: readonly Component<Evidence>[],
  contactValues: ReadonlyMap<string, ContactValuesRow>,
): Generator<void, readonly Omit<SetContent, 'status' | 'isTruncated'>[], void> {
  const contents: Omit<SetContent, 'status' | 'isTruncated'>[] = [];
  for (const { contactIds, evidence } of components) {
    const reasons = new Set<Reason>(evidence.map(({ kind }) => kind));
    const phoneChannels = yield* phoneChannelsOf(contactIds.flatMap((id) => contactValues.get(id) ?? []));
    const channels = new Set<string>();
    let reportCount = 0;
    for (const each of evidence) {
      for (const channel of channelsOf(each, phoneChannels)) channels.add(channel);
      if (each.kind === 'reported') reportCount += each.report.reportCount;
      yield;
    }
    contents.push({
      contactIds,
      contactCount: contactIds.length,
      reasons: REASONS.filter((reason) => reasons.has(reason)),
      channels: [...channels].sort(),
      reportCount,
    });
  }
  return contents;
}

/** With the contacts that a set had before, up to the bound. */
function withContacts(content: SetContent, before: readonly string[]): SetContent {
  const contactIds = [...new Set([...content.contactIds, ...before])].sort().slice(0, reachedMax);
  return { ...content, contactIds, contactCount: contactIds.length };
}

function isUnchanged(row: SetRow, content: SetContent): boolean {
  return (
    (row.status === 'unknown-members') === (content.status === 'unknown-members') &&
    row.is_truncated === content.isTruncated &&
    isEqual(row.contact_ids, content.contactIds) &&
    isEqual(row.reasons, content.reasons) &&
    isEqual(row.channels, content.channels) &&
    row.report_count === content.reportCount
  );
}

/** Whether the evidence has grown: a contact, a reason or a report more, or its contacts are known now. */
function isSighting(row: SetRow, content: SetContent): boolean {
  const had = new Set(row.contact_ids);
  return (
    (row.status === 'unknown-members' && content.status === 'open') ||
    content.reportCount > row.report_count ||
    content.contactIds.some((id) => !had.has(id)) ||
    content.reasons.some((reason) => !row.reasons.includes(reason))
  );
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, n) => each === b[n]);
}
