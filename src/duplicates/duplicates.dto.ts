import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { Contact } from '../contacts/contacts.dto';
import {
  IntegerParameter,
  OneOfParameter,
  PageQuery,
  TextParameter,
  TimeParameter,
} from '../rest/parameters';
import { REASONS, type Reason } from './evidence';
import { OBSTACLES, type Obstacle } from './judge-auto-merge';
import { SET_STATUSES, type SetStatus } from './sets.repository';

/** Longest reason that a decision may give, in characters. */
const reasonLengthMax = 1_000;
const sizeMax = 1_000_000;

export class DuplicatesQuery extends PageQuery {
  @OneOfParameter(SET_STATUSES, 'What became of the sets.', { default: 'open' })
  status: SetStatus = 'open';

  @OneOfParameter(REASONS, 'Only sets for this reason, be there others or not.')
  reason?: Reason;

  @TextParameter('Only sets with evidence on this channel.', { example: 'SMS' })
  channel?: string;

  @TextParameter('Only sets that this contact is in, or was.')
  contact_id?: string;

  @IntegerParameter({ min: 2, max: sizeMax }, 'Only sets of so many contacts or more.')
  min_size?: number;
}

export class SummaryQuery {
  @TimeParameter('Counts what was opened and closed at this time or later; absent: ever.')
  since?: bigint;
}

/** Sinch's own parameters. */
export class ConflictsQuery extends PageQuery {}

export class DecisionBody {
  @ApiPropertyOptional({ description: 'Kept with the audit event.', maxLength: reasonLengthMax })
  @IsOptional()
  @IsString()
  @MaxLength(reasonLengthMax)
  readonly reason?: string;
}

export class SnoozeBody extends DecisionBody {
  @ApiProperty({ format: 'date-time', description: 'Until when: an RFC 3339 time ahead, within a year.' })
  @IsString()
  readonly until: string;
}

class Evidence {
  @ApiProperty({ enum: REASONS }) readonly reason: Reason;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Null where it is about none, or about several.',
  })
  readonly channel: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'What the contacts share.' })
  readonly value: string | null;
  @ApiProperty({ type: [String] }) readonly contact_ids: readonly string[];
  @ApiPropertyOptional({ type: 'integer', description: 'How often Sinch reported it.' })
  readonly report_count?: number;
  @ApiPropertyOptional({ format: 'date-time' }) readonly first_seen_at?: string;
  @ApiPropertyOptional({ format: 'date-time' }) readonly last_seen_at?: string;
}

class ResolvedByObject {
  @ApiProperty({
    example: 'CONTACT_MERGE',
    description: 'The type of the event; `combined` with another set; `scan`, which no longer found it.',
  })
  readonly type: string;
  @ApiPropertyOptional() readonly event_id?: string;
  @ApiPropertyOptional({ description: 'The set that took the contacts over.' })
  readonly duplicate_id?: string;
}

class AutoMergeObject {
  @ApiProperty({ description: 'Whether it is merged by rule or, with `suggest`, would be.' })
  readonly fits: boolean;
  @ApiProperty({ enum: OBSTACLES, isArray: true, description: 'What stands against it.' })
  readonly against: readonly Obstacle[];
}

/** Contacts that may be one and the same. */
export class Duplicate {
  @ApiProperty({ example: '12' }) readonly id: string;
  @ApiProperty({ enum: SET_STATUSES }) readonly status: SetStatus;
  @ApiProperty({ type: [String], description: 'Of a hot set the first 50; of a closed one the last.' })
  readonly contact_ids: readonly string[];
  @ApiProperty({ type: 'integer', description: 'Of a hot set counted up to 1,000.' })
  readonly contact_count: number;
  @ApiProperty({ type: [String], description: 'Those who were members once.' })
  readonly former_contact_ids: readonly string[];
  @ApiProperty({ enum: REASONS, isArray: true }) readonly reasons: readonly Reason[];
  @ApiProperty({ type: [String] }) readonly channels: readonly string[];
  @ApiProperty({ type: [Evidence] }) readonly evidence: readonly Evidence[];
  @ApiProperty({ type: 'integer', description: 'How often Sinch reported members of it together.' })
  readonly report_count: number;
  @ApiProperty({ format: 'date-time' }) readonly first_seen_at: string;
  @ApiProperty({ format: 'date-time' }) readonly last_seen_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly snoozed_until: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly closed_at: string | null;
  @ApiProperty({ type: ResolvedByObject, nullable: true }) readonly resolved_by: ResolvedByObject | null;
  @ApiProperty({
    type: AutoMergeObject,
    nullable: true,
    description: 'What AUTO_MERGE says of it; null where that is `off`.',
  })
  readonly auto_merge: AutoMergeObject | null;
}

class ComparedValue {
  @ApiProperty() readonly contact_id: string;
  @ApiProperty({ anyOf: [{}], description: 'Any JSON; null where there is none.' }) readonly value: unknown;
}

class ComparedFieldObject {
  @ApiProperty({ example: 'email' }) readonly field: string;
  @ApiProperty() readonly differs: boolean;
  @ApiProperty({ type: [ComparedValue] }) readonly values: readonly ComparedValue[];
}

class SuggestedSurvivor {
  @ApiProperty() readonly contact_id: string;
  @ApiProperty({
    enum: ['external-id', 'most-identities', 'oldest', 'smallest-id'],
    isArray: true,
    description: 'What told it from others, the deciding one last.',
  })
  readonly reasons: readonly string[];
}

export class WholeDuplicateObject extends Duplicate {
  @ApiProperty({ type: [Contact] }) readonly members: readonly Contact[];
  @ApiProperty({ type: [ComparedFieldObject], description: 'Fields that differ come first.' })
  readonly comparison: readonly ComparedFieldObject[];
  @ApiProperty({ type: SuggestedSurvivor, nullable: true })
  readonly suggested_survivor: SuggestedSurvivor | null;
}

export class DuplicatesPage {
  @ApiProperty({ type: [Duplicate] }) readonly duplicates: readonly Duplicate[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}

class TallyObject {
  @ApiProperty({ type: 'integer' }) readonly total: number;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  readonly by_reason: Readonly<Record<string, number>>;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  readonly by_channel: Readonly<Record<string, number>>;
}

class FollowerLag {
  @ApiProperty({
    type: 'integer',
    description: 'Events that are not looked at yet, of all projects; counted up to 10,000.',
  })
  readonly lag_events: number;
  @ApiProperty({ description: 'For how long the oldest of them has waited.' }) readonly lag_seconds: number;
}

export class ScanObject {
  @ApiProperty() readonly project_id: string;
  @ApiProperty({ enum: ['running', 'finished'] }) readonly state: 'running' | 'finished';
  @ApiProperty({ format: 'date-time' }) readonly requested_at: string;
  @ApiProperty() readonly requested_by: string;
  @ApiProperty({ type: 'integer', nullable: true, description: 'Null before it begins.' })
  readonly partitions_count: number | null;
  @ApiProperty({ type: 'integer' }) readonly partitions_done: number;
  @ApiProperty({ type: 'integer', description: 'Contacts examined: those that may be like another.' })
  readonly contacts_examined: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly finished_at: string | null;
}

export class AutoMergeStateObject {
  @ApiProperty({
    enum: ['off', 'suggesting', 'acting', 'stopped'],
    description: '`stopped`: by itself, after three failures in a row, until it is resumed.',
  })
  readonly state: 'off' | 'suggesting' | 'acting' | 'stopped';
  @ApiProperty({ type: 'integer', description: 'By rule, in 24 hours; counted up to `daily_max`.' })
  readonly merged_last_day: number;
  @ApiProperty({ type: 'integer' }) readonly daily_max: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly stopped_at: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'What failed last.' })
  readonly stopped_by: string | null;
}

export class SummaryAnswer {
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly since: string | null;
  @ApiProperty({ type: TallyObject }) readonly opened: TallyObject;
  @ApiProperty({ type: TallyObject, description: 'Dismissed or resolved.' }) readonly closed: TallyObject;
  @ApiProperty({ type: TallyObject, description: 'Open now.' }) readonly open: TallyObject;
  @ApiProperty({ type: FollowerLag }) readonly follower: FollowerLag;
  @ApiProperty({ type: ScanObject, nullable: true, description: 'The last scan.' })
  readonly scan: ScanObject | null;
  @ApiProperty({ type: AutoMergeStateObject }) readonly auto_merge: AutoMergeStateObject;
}

class ConflictObject {
  @ApiProperty({ example: '15551234567' }) readonly identity: string;
  @ApiProperty({ type: [String], example: ['SMS'] }) readonly channels: readonly string[];
  @ApiProperty({ type: [String] }) readonly contact_ids: readonly string[];
}

export class ConflictsPage {
  @ApiProperty({ type: [ConflictObject] }) readonly conflicts: readonly ConflictObject[];
  @ApiProperty({ description: 'Empty on the last page; a page may be shorter than asked for.' })
  readonly next_page_token: string;
}
