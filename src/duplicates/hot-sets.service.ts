import { Injectable } from '@nestjs/common';
import { HoldingsRepository } from '../contacts/holdings.repository';
import type { Queryable } from '../database/queryable';
import { channelsOf } from './cause';
import type { SharedValue } from './evidence';
import { EvidenceRepository } from './evidence.repository';
import type { Occasion } from './occasion';
import { SetsRepository, type SetContent } from './sets.repository';
import { isHot, type ChangedValue } from './shared-values.service';

/** Most holders of a hot value that its set shows, and that are counted. */
const hotShownMax = 50;
const hotCountedMax = 1_000;

/** Keeps the sets of values that too many contacts hold. */
@Injectable()
export class HotSetsService {
  constructor(
    private readonly holdings: HoldingsRepository,
    private readonly evidence: EvidenceRepository,
    private readonly sets: SetsRepository,
  ) {}

  /** A value that more than 20 contacts hold makes one set of its own; when fewer hold it, the set closes. */
  async refresh(
    session: Queryable,
    projectId: string,
    changed: readonly ChangedValue[],
    { at, closedBy }: Occasion,
  ): Promise<void> {
    const hot = changed.filter(({ before, after }) => isHot(before) || isHot(after));
    if (hot.length === 0) return;
    const kept = await this.sets.hot(
      session,
      projectId,
      hot.map(({ shared }) => shared.digest),
    );
    for (const { shared, before, after } of hot) {
      const set = kept.get(shared.digest);
      if (!isHot(after)) {
        // a dismissed one too is over: should the value become hot again, somebody has to look again
        if (set !== undefined) await this.sets.resolve(session, set.id, closedBy([...before]));
        continue;
      }
      const content = await this.hotContent(session, projectId, shared);
      if (set === undefined) await this.sets.add(session, projectId, [content], shared.digest, at);
      else if (set.status !== 'dismissed') await this.sets.change(session, set.id, content, at);
    }
  }

  private async hotContent(session: Queryable, projectId: string, shared: SharedValue): Promise<SetContent> {
    const { digest } = shared;
    const holders = await this.evidence.holdersOf(projectId, [{ digest, size: hotShownMax }], session);
    const contactIds = holders.get(digest) ?? [];
    const holdings = shared.kind === 'phone' ? await this.holdings.find(projectId, contactIds, session) : [];
    return {
      contactIds,
      contactCount: await this.evidence.countHolders(session, projectId, digest, hotCountedMax),
      reasons: ['hot'],
      channels: channelsOf({ kind: shared.kind, shared }, holdings),
      reportCount: 0,
    };
  }
}
