import { Injectable } from '@nestjs/common';
import { FollowersRepository } from '../followers/followers.repository';
import { ParkedEventsRepository } from '../followers/parked-events.repository';
import { SetsRepository } from '../matching/sets.repository';
import { AutoMergeStateService } from './auto-merge/auto-merge-state.service';
import type { SummaryAnswer } from './duplicates.dto';
import { FOLLOWER } from './follower-name';
import { ScansRepository } from './scans.repository';
import { viewScan } from './view-scan';

/** Sums the queue of duplicates up: what came, what went, and how far the follower, a scan and merging by rule are. */
@Injectable()
export class SummaryService {
  constructor(
    private readonly sets: SetsRepository,
    private readonly scans: ScansRepository,
    private readonly followers: FollowersRepository,
    private readonly parked: ParkedEventsRepository,
    private readonly autoMerges: AutoMergeStateService,
  ) {}

  /** @param since of sets that were opened and closed; null: ever */
  async find(projectId: string, since: string | null): Promise<SummaryAnswer> {
    const [opened, closed, open, unknownMembers, lag, parkedEvents, scan, autoMerge] = await Promise.all([
      this.sets.tally(projectId, 'opened', since),
      this.sets.tally(projectId, 'closed', since),
      this.sets.tally(projectId, 'open', null),
      this.sets.tally(projectId, 'unknown-members', null),
      this.followers.lag(FOLLOWER),
      this.parked.count(projectId, FOLLOWER),
      this.scans.find(projectId),
      this.autoMerges.find(projectId),
    ]);
    const follower = {
      lag_events: lag.events,
      lag_seconds: lag.seconds,
      parked_events: parkedEvents,
    };
    return {
      since,
      opened,
      closed,
      open,
      unknown_members: unknownMembers,
      follower,
      scan: scan && viewScan(scan),
      auto_merge: autoMerge,
    };
  }
}
