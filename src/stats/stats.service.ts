import { Injectable } from '@nestjs/common';
import { FollowersRepository } from '../followers/followers.repository';
import { ParkedEventsRepository } from '../followers/parked-events.repository';
import { OpenDuplicates } from '../contacts/open-duplicates';
import { writeDate, writeTime } from '../json/read-time.rule';
import type { CountKind, Dimension } from './count-contacts.rule';
import { CountsRepository, type Acquired, type Count } from './counts.repository';
import type { PlannedPoint } from './plan-points.rule';
import { FOLLOWER } from './stats-follower';
import type {
  AcquisitionObject,
  AcquisitionSeriesObject,
  OverviewObject,
  StatsFollowerLagObject,
  ValueCountObject,
} from './stats.dto';

/** Most values of a dimension that have a series of their own. */
const seriesMax = 100;
const nsPerMs = 1_000_000n;

/** Over which window contacts are counted, in nanoseconds since the epoch, and by which points of it. */
export interface Window {
  readonly from: bigint;
  /** Excluded. */
  readonly to: bigint;
  readonly points: readonly PlannedPoint[];
}

/** Tells what the follower has counted, and by how much it lags. */
@Injectable()
export class StatsService {
  constructor(
    private readonly counts: CountsRepository,
    private readonly followers: FollowersRepository,
    private readonly parked: ParkedEventsRepository,
    private readonly duplicates: OpenDuplicates,
  ) {}

  async overview(projectId: string): Promise<OverviewObject> {
    const [counts, openDuplicates, follower] = await Promise.all([
      this.counts.find(projectId),
      this.duplicates.countOpen(projectId),
      this.lag(projectId),
    ]);
    const [active, merged, deleted] = ['active', 'merged', 'deleted'].map((status) =>
      countOf(counts, 'status', status),
    ) as [number, number, number]; // one for each of the three
    return {
      contacts: { total: active + merged + deleted, active, merged, deleted },
      by_channel: valuesOf(counts, 'channel'),
      by_language: valuesOf(counts, 'language'),
      merges: countOf(counts, 'merges', ''),
      without_create: countOf(counts, 'without_create', ''),
      open_duplicates: openDuplicates,
      follower,
    };
  }

  /** @param dimension `all`: not grouped */
  async acquisition(
    projectId: string,
    { from, to, points }: Window,
    dimension: Dimension,
  ): Promise<Omit<AcquisitionObject, 'interval' | 'tz' | 'group_by'>> {
    const starts = points.map(({ start }) => BigInt(start) * nsPerMs);
    const [acquired, counts, follower] = await Promise.all([
      this.counts.acquired(projectId, dimension, from, to, starts),
      this.counts.find(projectId),
      this.lag(projectId),
    ]);
    const sums = new Array<number>(points.length).fill(0);
    for (const { points: at, counts: own } of acquired) addTo(sums, at, own);
    return {
      from: writeTime(from),
      to: writeTime(to),
      total: sums.reduce((sum, count) => sum + count, 0),
      without_create: countOf(counts, 'without_create', ''),
      points: points.map(({ start, label }, n) => ({
        start: writeDate(new Date(start)),
        label,
        count: sums[n] ?? 0,
      })),
      series: dimension === 'all' ? null : seriesOf(acquired, points.length),
      follower,
    };
  }

  private async lag(projectId: string): Promise<StatsFollowerLagObject> {
    const [lag, parkedEvents] = await Promise.all([
      this.followers.lag(FOLLOWER),
      this.parked.count(projectId, FOLLOWER),
    ]);
    return { lag_events: lag.events, lag_seconds: lag.seconds, parked_events: parkedEvents };
  }
}

function countOf(counts: readonly Count[], kind: CountKind, value: string): number {
  return counts.find((each) => each.kind === kind && each.value === value)?.count ?? 0;
}

function valuesOf(counts: readonly Count[], kind: CountKind): readonly ValueCountObject[] {
  return counts
    .filter((each) => each.kind === kind)
    .map(({ value, count }) => ({ value: value === '' ? null : value, count }));
}

/** The greatest first; beyond 100 values the rest is one series. */
function seriesOf(acquired: readonly Acquired[], pointsCount: number): readonly AcquisitionSeriesObject[] {
  const sorted = acquired
    .map(({ value, points, counts }) => {
      const series = new Array<number>(pointsCount).fill(0);
      addTo(series, points, counts);
      return { value, total: series.reduce((sum, count) => sum + count, 0), counts: series };
    })
    .sort((one, other) => other.total - one.total || (one.value < other.value ? -1 : 1));
  const shown = sorted.slice(0, seriesMax).map((series): AcquisitionSeriesObject => {
    return series.value === '' ? { ...series, kind: 'none', value: null } : { ...series, kind: 'value' };
  });
  const rest = sorted.slice(seriesMax);
  if (rest.length === 0) return shown;
  const counts = Array.from({ length: pointsCount }, (_, n) =>
    rest.reduce((sum, series) => sum + (series.counts[n] ?? 0), 0),
  );
  const total = counts.reduce((sum, count) => sum + count, 0);
  return [...shown, { kind: 'rest', value: null, total, counts }];
}

function addTo(sums: number[], points: readonly number[], counts: readonly number[]): void {
  for (const [n, point] of points.entries()) sums[point] = (sums[point] ?? 0) + (counts[n] ?? 0);
}
