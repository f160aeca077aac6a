import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Max,
  Min,
} from 'class-validator';
import { AnyCase, PageQuery } from '../rest/parameters';
import {
  REPLAYED_STATES,
  type ReplayedState,
  replayContactsMax,
  replayTypesMax,
  RUN_KINDS,
  type RunKind,
  runRateMaxPerSecond,
  RUN_STATES,
  type RunState,
} from './run-request';

export class RunsQuery extends PageQuery {}

/** What runs of both kinds may be given. */
class PacedBody {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: runRateMaxPerSecond,
    description:
      'How many deliveries of the run may begin in a second. By default as many as of the subscription.',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(runRateMaxPerSecond)
  readonly rate_per_second?: number;
}

export class ReplayBody extends PacedBody {
  @ApiProperty({
    format: 'date-time',
    example: '2026-11-30T08:00:00Z',
    description: 'Events received, or deliveries given up, at this time or later.',
  })
  @IsString()
  readonly after: string;

  @ApiProperty({
    format: 'date-time',
    example: '2026-11-30T12:00:00Z',
    description:
      'Events received, or deliveries given up, before this time. One in the future counts as now.',
  })
  @IsString()
  readonly before: string;

  @ApiPropertyOptional({
    type: [String],
    maxItems: replayTypesMax,
    example: ['contact.*'],
    description: 'Only events of these types. By default all.',
  })
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(replayTypesMax)
  @IsString({ each: true })
  readonly types?: readonly string[];

  @ApiPropertyOptional({
    type: [String],
    maxItems: replayContactsMax,
    description: 'Only events of these contacts. By default all.',
  })
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayMaxSize(replayContactsMax)
  @IsString({ each: true })
  readonly contact_ids?: readonly string[];

  @ApiPropertyOptional({
    enum: REPLAYED_STATES,
    default: 'dead',
    description: '`dead`: what was given up. `all`: every event that the filter lets pass.',
  })
  @IsOptional()
  @AnyCase(REPLAYED_STATES)
  @IsIn(REPLAYED_STATES)
  readonly state?: ReplayedState;

  @ApiPropertyOptional({ default: false, description: 'Whether it only counts, and nothing is sent.' })
  @IsOptional()
  @IsBoolean()
  readonly dry_run?: boolean;
}

const SNAPSHOT_STATUSES = ['active'] as const;

export class SnapshotBody extends PacedBody {
  @ApiPropertyOptional({
    enum: SNAPSHOT_STATUSES,
    default: 'active',
    description: 'Which contacts are sent: those that are neither merged nor deleted.',
  })
  @IsOptional()
  @AnyCase(SNAPSHOT_STATUSES)
  @IsIn(SNAPSHOT_STATUSES)
  readonly status?: (typeof SNAPSHOT_STATUSES)[number];
}

/** A replay or a snapshot of a subscription. */
export class RunObject {
  @ApiProperty({
    type: String,
    nullable: true,
    example: '7',
    description: 'The id of the run; null: a dry run.',
  })
  readonly id: string | null;
  @ApiProperty({ enum: RUN_KINDS, description: 'What kind of run it is.' })
  readonly kind: RunKind;
  @ApiProperty({
    enum: [...RUN_STATES, 'counted'],
    description: '`counted`: a dry run, which sends nothing.',
  })
  readonly state: RunState | 'counted';
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description:
      'How many events, contacts or given up deliveries the run reads, whatever the filter lets pass; null: not counted.',
  })
  readonly total: number | null;
  @ApiProperty({ type: 'integer', description: 'How many of them it has read so far.' })
  readonly done: number;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description: 'What was asked for, with the defaults of what was not.',
  })
  readonly request: Readonly<Record<string, unknown>>;
  @ApiProperty({ description: 'Who asked for the run.' })
  readonly requested_by: string;
  @ApiProperty({ format: 'date-time', description: 'When the run was asked for.' })
  readonly requested_at: string;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the run ended; null: it has not.',
  })
  readonly finished_at: string | null;
}

export class RunsPage {
  @ApiProperty({ type: [RunObject], description: 'The runs of this page.' })
  readonly runs: readonly RunObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}
