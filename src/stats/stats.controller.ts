import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../access/scope';
import { invalidRequest } from '../rest/read-dto';
import { localClock } from './local-clock';
import { planPoints } from './plan-points';
import { AcquisitionAnswer, AcquisitionQuery, OverviewAnswer, pointsMax } from './stats.dto';
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
  @ApiOkResponse({ type: OverviewAnswer })
  async overview(@Param('project_id') projectId: string): Promise<OverviewAnswer> {
    return this.stats.overview(projectId);
  }

  /** When contacts were created: each once, at the `accepted_time` of the earliest CREATE that Sinch sent of it. */
  @Get('acquisition')
  @ApiOkResponse({ type: AcquisitionAnswer })
  async acquisition(
    @Param('project_id') projectId: string,
    @Query() query: AcquisitionQuery,
  ): Promise<AcquisitionAnswer> {
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
  const to = given.to ?? now;
  const from = given.from ?? (to > windowDefaultNs ? to - windowDefaultNs : 0n);
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

function fault(name: string, code: string, message: string): Error {
  return invalidRequest([{ pointer: `/query/${name}`, code, message }]);
}
