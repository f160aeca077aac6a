import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../access/scope';
import { invalidRequest } from '../rest/read-dto';
import { localClock, type LocalClock } from './local-clock.rule';
import { planPoints } from './plan-points.rule';
import { AcquisitionObject, AcquisitionQuery, OverviewObject, pointsMax } from './stats.dto';
import { StatsService, type Window } from './stats.service';

const nsPerMs = 1_000_000n;
/** 30 days. */
const windowDefaultNs = 2_592_000_000_000_000n;

/** How many contacts there are, and when they came. */
@ApiTags('stats')
@Scope('contacts:read')
@Controller('v1/projects/:project_id/stats')
export class StatsController {
  constructor(private readonly stats: StatsService) {}

  /** How many contacts there are of each kind, as far as the follower has counted. */
  @Get('overview')
  @ApiOkResponse({ type: OverviewObject })
  async overview(@Param('project_id') projectId: string): Promise<OverviewObject> {
    return this.stats.overview(projectId);
  }

  /** When contacts were created: each once, at the `accepted_time` of the earliest CREATE that Sinch sent of it. */
  @Get('acquisition')
  @ApiOkResponse({ type: AcquisitionObject })
  async acquisition(
    @Param('project_id') projectId: string,
    @Query() query: AcquisitionQuery,
  ): Promise<AcquisitionObject> {
    const window = readWindow(query, BigInt(Date.now()) * nsPerMs);
    const acquisition = await this.stats.acquisition(projectId, window, query.group_by ?? 'all');
    const { interval, tz, group_by: groupBy = null } = query;
    return { interval, tz, group_by: groupBy, ...acquisition };
  }
}

/**
 * @param now nanoseconds since the epoch
 * @throws Problem `invalid-request`
 */
function readWindow({ interval, tz, ...given }: AcquisitionQuery, now: bigint): Window {
  const clock = localClock(tz);
  if (clock === null)
    throw fault('tz', 'time-zone', 'must be a time zone of the IANA database such as Europe/Berlin');
  const to = momentOf(given.to ?? now, clock);
  const from = momentOf(given.from ?? (to > windowDefaultNs ? to - windowDefaultNs : 0n), clock);
  if (from >= to)
    throw fault('from', 'window', `must be before to${given.to === undefined ? ', which is now' : ''}`);
  const points = planPoints(
    clock,
    Number(from / nsPerMs),
    Number((to + nsPerMs - 1n) / nsPerMs),
    interval,
    pointsMax,
  );
  if (points !== null) return { from, to, points };
  throw fault(
    'interval',
    'too-many-points',
    `of one ${interval} makes more than ${pointsMax} points between from and to: take a longer interval or a shorter window`,
  );
}

/** In nanoseconds since the epoch, of a time or of a date's midnight. A zone ahead of UTC has the first midnight before it. */
function momentOf(given: bigint | number, clock: LocalClock): bigint {
  if (typeof given === 'bigint') return given;
  return BigInt(Math.max(0, clock.firstAt(given))) * nsPerMs;
}

function fault(name: string, code: string, message: string): Error {
  return invalidRequest([{ pointer: `/query/${name}`, code, message }]);
}
