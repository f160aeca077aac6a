import { Injectable } from '@nestjs/common';
import { Config } from '../config';
import { HoldingsRepository } from '../contacts/holdings.repository';
import { DismissalsService } from './dismissals.service';
import { judgeAutoMerge, type Obstacle } from './judge-auto-merge';
import type { SetRow } from './sets.repository';

/** What the policy of AUTO_MERGE says of one set. */
export interface AutoMergeView {
  /** Whether it is merged by rule, or would be. */
  readonly fits: boolean;
  readonly against: readonly Obstacle[];
}

/** Judges sets by the policy of AUTO_MERGE. */
@Injectable()
export class AutoMergeJudgeService {
  constructor(
    private readonly config: Config,
    private readonly holdings: HoldingsRepository,
    private readonly dismissals: DismissalsService,
  ) {}

  /** In the order of the rows, in a constant number of queries; nulls where the policy is `off`. */
  async judge(projectId: string, rows: readonly SetRow[]): Promise<readonly (AutoMergeView | null)[]> {
    const { policy, quietSeconds } = this.config.autoMerge;
    if (policy === 'off' || rows.length === 0) return rows.map(() => null);
    const groups = rows.map((row) => row.contact_ids);
    const [members, dismissed] = await Promise.all([
      this.holdings.find(projectId, [...new Set(groups.flat())]),
      this.dismissals.standAmid(projectId, groups),
    ]);
    const externalIds = new Map(members.map((member) => [member.id, member.externalId]));
    const now = new Date();
    return rows.map((row, at) => {
      const set = {
        isOpen: row.status === 'open',
        isHot: row.hot_digest !== null,
        contactCount: row.contact_count,
        lastSeenAt: row.last_seen_at,
        externalIds: row.contact_ids.flatMap((id) => externalIds.get(id) ?? []),
        isDismissed: dismissed[at] === true,
      };
      const against = judgeAutoMerge(set, quietSeconds, now);
      return { fits: against.length === 0, against };
    });
  }
}
