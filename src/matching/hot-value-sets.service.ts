import { Injectable } from '@nestjs/common';
import { ContactValuesRepository } from './contact-values.repository';
import type { Queryable } from '../database/queryable';
import { flatMapInTurns, inTurns } from '../base/in-turns';
import { channelsAmong, phonesByContact } from './evidence-channels';
import { isEvidence, type SharedValue } from './evidence.rule';
import { EvidenceRepository } from './evidence.repository';
import type { Examination } from './examine-options';
import {
  SetsRepository,
  type NewSet,
  type SetChange,
  type SetContent,
  type SetEnding,
} from './sets.repository';
import { isHot, type ChangedValue } from './shared-values.service';

/** Most holders of a hot value that its set shows, and that are counted. */
const hotShownMax = 50;
const hotCountedMax = 1_000;

/** Keeps the sets of values that too many contacts hold. */
@Injectable()
export class HotValueSetsService {
  constructor(
    private readonly contactValues: ContactValuesRepository,
    private readonly evidence: EvidenceRepository,
    private readonly sets: SetsRepository,
  ) {}

  /** A value that more than 20 contacts hold makes one set of its own; when fewer hold it, the set closes. */
  async refresh(
    session: Queryable,
    projectId: string,
    changed: readonly ChangedValue[],
    { at, closedBy, changes: noted }: Examination,
  ): Promise<void> {
    const hot = changed.filter(({ before, after }) => isHot(before) || isHot(after));
    if (hot.length === 0) return;
    const kept = await this.sets.hot(
      session,
      projectId,
      hot.map(({ shared }) => shared.digest),
    );
    const endings: SetEnding[] = [];
    const shown: SharedValue[] = [];
    for (const { shared, before, after } of hot) {
      const set = kept.get(shared.digest);
      if (isHot(after) && isEvidence(shared)) {
        if (set?.status !== 'dismissed') shown.push(shared);
      } else if (set !== undefined) {
        // a dismissed one too is over: should the value become hot again, somebody has to look again
        endings.push({ row: set, by: closedBy([...before]) });
      }
    }
    const made: NewSet[] = [];
    const changes: SetChange[] = [];
    const contents = await this.contentsOf(session, projectId, shown);
    for (const content of contents) {
      const row = kept.get(content.hotDigest);
      if (row === undefined) made.push(content);
      else changes.push({ row, content, seenAt: at });
    }
    await this.sets.resolve(session, endings, noted);
    await this.sets.add(session, projectId, made, at, noted);
    await this.sets.change(session, changes, noted);
  }

  private async contentsOf(
    session: Queryable,
    projectId: string,
    shown: readonly SharedValue[],
  ): Promise<readonly (SetContent & { readonly hotDigest: string })[]> {
    if (shown.length === 0) return [];
    const digests = shown.map(({ digest }) => digest);
    const sought = digests.map((digest) => ({ digest, size: hotShownMax }));
    const holders = await this.evidence.holdersOf(projectId, sought, session);
    const counts = await this.evidence.countHolders(session, projectId, digests, hotCountedMax);
    const ofPhones = shown.flatMap(({ kind, digest }) =>
      kind === 'phone' ? (holders.get(digest) ?? []) : [],
    );
    const values =
      ofPhones.length === 0 ? [] : await this.contactValues.find(projectId, [...new Set(ofPhones)], session);
    const phones = await inTurns(phonesByContact(values));
    return flatMapInTurns(shown, (shared) => {
      const contactIds = holders.get(shared.digest) ?? [];
      const channels = channelsAmong(shared, contactIds, phones);
      const contactCount = counts.get(shared.digest) ?? 0;
      return [{ ...HOT, contactIds, contactCount, channels, hotDigest: shared.digest }];
    });
  }
}

/** What all sets of hot values have in common. */
const HOT: Pick<SetContent, 'status' | 'isTruncated' | 'reasons' | 'reportCount'> = {
  status: 'open',
  isTruncated: false,
  reasons: ['hot'],
  reportCount: 0,
};
