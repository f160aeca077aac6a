import { ApiProperty } from '@nestjs/swagger';
import { OneOfParameter, TextParameter, TimeOrDateParameter } from '../rest/parameters';
import { INTERVALS, type Interval } from './plan-points.rule';

const GROUPS = ['channel', 'app_id', 'language'] as const;

/** Most points of one answer. */
export const pointsMax = 2_000;

export class AcquisitionQuery {
  @TimeOrDateParameter(
    'Contacts created at this time or later; a date means midnight in `tz`. Default: 30 days before `to`.',
  )
  from?: bigint | number;

  @TimeOrDateParameter('Contacts created before this time; a date means midnight in `tz`. Default: now.')
  to?: bigint | number;

  @OneOfParameter(INTERVALS, `The interval of a point; weeks begin on Monday. At most ${pointsMax} points.`, {
    default: 'day',
  })
  interval: Interval = 'day';

  @OneOfParameter(
    GROUPS,
    'Adds a series for each channel or app of the contacts’ first identity, or for each language, as in their CONTACT_CREATE.',
  )
  group_by?: (typeof GROUPS)[number];

  @TextParameter('The time zone of the intervals, by its IANA name.', {
    default: 'UTC',
    example: 'Europe/Berlin',
  })
  tz: string = 'UTC';
}

export class StatsFollowerLagObject {
  @ApiProperty({
    type: 'integer',
    description: 'How many events of all projects are not counted yet; at most 10,000 is shown.',
  })
  readonly lag_events: number;
  @ApiProperty({ description: 'For how many seconds the oldest of these events has waited.' })
  readonly lag_seconds: number;
  @ApiProperty({
    type: 'integer',
    description:
      'How many events of this project the follower could not handle and parked. They are not in the lag. `GET /v1/parked-events` lists them.',
  })
  readonly parked_events: number;
}

class ContactsByStatusObject {
  @ApiProperty({ type: 'integer', description: 'How many contacts the mirror knows, whatever their status.' })
  readonly total: number;
  @ApiProperty({ type: 'integer' }) readonly active: number;
  @ApiProperty({ type: 'integer' }) readonly merged: number;
  @ApiProperty({ type: 'integer' }) readonly deleted: number;
}

export class ValueCountObject {
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'SMS',
    description: 'The value; null: the contacts that have none.',
  })
  readonly value: string | null;
  @ApiProperty({ type: 'integer' }) readonly count: number;
}

export class OverviewObject {
  @ApiProperty({ type: ContactsByStatusObject }) readonly contacts: ContactsByStatusObject;
  @ApiProperty({
    type: [ValueCountObject],
    description:
      'Active contacts by the channels of their identities, most frequent first. A contact with several channels counts under each.',
  })
  readonly by_channel: readonly ValueCountObject[];
  @ApiProperty({ type: [ValueCountObject], description: 'Active contacts by language, most frequent first.' })
  readonly by_language: readonly ValueCountObject[];
  @ApiProperty({
    type: 'integer',
    description: 'How many merges there were. Several events about the same pair of contacts count once.',
  })
  readonly merges: number;
  @ApiProperty({ type: 'integer', description: 'How many contacts have no CONTACT_CREATE from Sinch.' })
  readonly without_create: number;
  @ApiProperty({ type: 'integer', description: 'How many sets of duplicates are open.' })
  readonly open_duplicates: number;
  @ApiProperty({ type: StatsFollowerLagObject }) readonly follower: StatsFollowerLagObject;
}

class AcquisitionPointObject {
  @ApiProperty({
    format: 'date-time',
    description:
      'When the interval begins. The first interval may begin before `from`; only contacts since `from` are counted.',
  })
  readonly start: string;
  @ApiProperty({
    example: '2024-10-27',
    description:
      'The interval in local time: `2024-10-27T02:00+02:00`, `2024-10-27`, `2024-W43` or `2024-10`. An hour that occurs twice appears twice, with different offsets.',
  })
  readonly label: string;
  @ApiProperty({ type: 'integer' }) readonly count: number;
}

/** The contacts of one value, point by point. */
export class AcquisitionSeriesObject {
  @ApiProperty({
    enum: ['value', 'none', 'rest'],
    description:
      '`value`: one value; `none`: contacts without a value; `rest`: all further values, after the first 100.',
  })
  readonly kind: 'value' | 'none' | 'rest';
  @ApiProperty({ type: String, nullable: true, example: 'SMS' }) readonly value: string | null;
  @ApiProperty({ type: 'integer' }) readonly total: number;
  @ApiProperty({
    type: 'array',
    items: { type: 'integer' },
    description: 'How many contacts were created in each interval, in the order of the points.',
  })
  readonly counts: readonly number[];
}

export class AcquisitionObject {
  @ApiProperty({ format: 'date-time' }) readonly from: string;
  @ApiProperty({ format: 'date-time' }) readonly to: string;
  @ApiProperty({ enum: INTERVALS }) readonly interval: Interval;
  @ApiProperty({ example: 'Europe/Berlin' }) readonly tz: string;
  @ApiProperty({ type: String, enum: GROUPS, nullable: true }) readonly group_by: string | null;
  @ApiProperty({
    type: 'integer',
    description: 'How many contacts were created in the window: the sum of the points.',
  })
  readonly total: number;
  @ApiProperty({
    type: 'integer',
    description:
      'How many contacts of the project, whatever the window, have no CONTACT_CREATE from Sinch. They are in no point.',
  })
  readonly without_create: number;
  @ApiProperty({
    type: [AcquisitionPointObject],
    description: 'Every interval of the window, also those without contacts.',
  })
  readonly points: readonly AcquisitionPointObject[];
  @ApiProperty({
    type: [AcquisitionSeriesObject],
    nullable: true,
    description: 'With `group_by`: one series for each value, largest first. Null without it.',
  })
  readonly series: readonly AcquisitionSeriesObject[] | null;
  @ApiProperty({ type: StatsFollowerLagObject }) readonly follower: StatsFollowerLagObject;
}
