import { ApiProperty } from '@nestjs/swagger';
import { OneOfParameter, TextParameter, TimeParameter } from '../rest/parameters';
import { INTERVALS, type Interval } from './plan-points';

const GROUPS = ['channel', 'app_id', 'language'] as const;

/** Most points of one answer. */
export const pointsMax = 2_000;

export class AcquisitionQuery {
  @TimeParameter('Contacts created at this time or later; 30 days before `to` where it is not given.')
  from?: bigint;

  @TimeParameter('Contacts created before this time; now where it is not given.')
  to?: bigint;

  @OneOfParameter(INTERVALS, `What a point stands for; weeks begin on Monday. At most ${pointsMax} points.`, {
    default: 'day',
  })
  interval: Interval = 'day';

  @OneOfParameter(
    GROUPS,
    'Beside the points, a series for each channel or app of the contacts’ first identity, or for each language, as their CREATE told it.',
  )
  group_by?: (typeof GROUPS)[number];

  @TextParameter('The time zone in which days and hours are those of the clock on the wall.', {
    default: 'UTC',
    example: 'Europe/Berlin',
  })
  tz: string = 'UTC';
}

class StatsFollowerLag {
  @ApiProperty({
    type: 'integer',
    description: 'Events that are not counted yet, of all projects; up to 10,000 are told.',
  })
  readonly lag_events: number;
  @ApiProperty({ description: 'For how long the oldest of them has waited.' }) readonly lag_seconds: number;
}

class ContactsByStatus {
  @ApiProperty({ type: 'integer', description: 'Every id that was ever told of.' }) readonly total: number;
  @ApiProperty({ type: 'integer' }) readonly active: number;
  @ApiProperty({ type: 'integer' }) readonly merged: number;
  @ApiProperty({ type: 'integer' }) readonly deleted: number;
}

class ValueCountObject {
  @ApiProperty({ type: String, nullable: true, example: 'SMS', description: 'Null: none.' })
  readonly value: string | null;
  @ApiProperty({ type: 'integer' }) readonly count: number;
}

export class OverviewAnswer {
  @ApiProperty({ type: ContactsByStatus }) readonly contacts: ContactsByStatus;
  @ApiProperty({
    type: [ValueCountObject],
    description:
      'Active contacts by the channels of their identities: one that has several counts under each. The most frequent first.',
  })
  readonly by_channel: readonly ValueCountObject[];
  @ApiProperty({ type: [ValueCountObject], description: 'Active contacts by their language.' })
  readonly by_language: readonly ValueCountObject[];
  @ApiProperty({ type: 'integer', description: 'Pairs, however many events tell of each.' })
  readonly merges: number;
  @ApiProperty({ type: 'integer', description: 'Contacts of which Sinch sent no CREATE.' })
  readonly without_create: number;
  @ApiProperty({ type: 'integer', description: 'Sets that wait for somebody to look at them.' })
  readonly open_duplicates: number;
  @ApiProperty({ type: StatsFollowerLag }) readonly follower: StatsFollowerLag;
}

class AcquisitionPoint {
  @ApiProperty({
    format: 'date-time',
    description: 'When the interval begins; of the first it may be before `from`, which counts nonetheless.',
  })
  readonly start: string;
  @ApiProperty({
    example: '2024-10-27',
    description:
      'The interval in local time: `2024-10-27T02:00+02:00`, `2024-10-27`, `2024-W43` or `2024-10`. Of an hour that comes twice the offset differs.',
  })
  readonly label: string;
  @ApiProperty({ type: 'integer' }) readonly count: number;
}

class AcquisitionSeries {
  @ApiProperty({
    enum: ['value', 'none', 'rest'],
    description: 'A value; those that have none; beyond 100 values all others.',
  })
  readonly kind: string;
  @ApiProperty({ type: String, nullable: true, example: 'SMS' }) readonly value: string | null;
  @ApiProperty({ type: 'integer' }) readonly total: number;
  @ApiProperty({ type: 'array', items: { type: 'integer' }, description: 'In the order of the points.' })
  readonly counts: readonly number[];
}

export class AcquisitionAnswer {
  @ApiProperty({ format: 'date-time' }) readonly from: string;
  @ApiProperty({ format: 'date-time' }) readonly to: string;
  @ApiProperty({ enum: INTERVALS }) readonly interval: Interval;
  @ApiProperty({ example: 'Europe/Berlin' }) readonly tz: string;
  @ApiProperty({ type: String, enum: GROUPS, nullable: true }) readonly group_by: string | null;
  @ApiProperty({ type: 'integer', description: 'Contacts created in the window: the sum of the points.' })
  readonly total: number;
  @ApiProperty({
    type: 'integer',
    description:
      'Contacts of the project, whatever the window, of which Sinch sent no CREATE: told of otherwise, or fetched.',
  })
  readonly without_create: number;
  @ApiProperty({ type: [AcquisitionPoint], description: 'Every interval of the window, those of 0 too.' })
  readonly points: readonly AcquisitionPoint[];
  @ApiProperty({
    type: [AcquisitionSeries],
    nullable: true,
    description: 'With `group_by`: the points by value, the greatest first.',
  })
  readonly series: readonly AcquisitionSeries[] | null;
  @ApiProperty({ type: StatsFollowerLag }) readonly follower: StatsFollowerLag;
}
