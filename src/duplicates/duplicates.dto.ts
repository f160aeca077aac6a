import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { ContactObject } from '../contacts/contacts.dto';
import type { Json } from '../json/canonical.rule';
import {
  IntegerParameter,
  OneOfParameter,
  PageQuery,
  TextParameter,
  TimeParameter,
} from '../rest/parameters';
import { normaliseChannel } from '../normalise/normalise-identity.rule';
import { REASONS, type Reason } from '../matching/evidence.rule';
import { OBSTACLES, type Obstacle } from './auto-merge/judge-auto-merge.rule';
import { ResolvedByObject, TallyObject } from '../matching/sets.dto';
import { SET_STATUSES, type SetStatus } from '../matching/sets.repository';
import type { ComparedField } from './compare-members.rule';
import { SURVIVOR_REASONS, type SurvivorReason } from './suggest-survivor.rule';

/** Longest reason of a decision or a merge, in characters. */
export const reasonLengthMax = 1_000;
const sizeMax = 1_000_000;
/** Most pieces of evidence that are shown of one set. */
export const evidenceShownMax = 100;

/** `truncated`: evidence leads to more contacts than are followed, or a member has more identities than are evidence. */
const DUPLICATE_WARNINGS = ['truncated'] as const;
type DuplicateWarning = (typeof DUPLICATE_WARNINGS)[number];

export class DuplicatesQuery extends PageQuery {
  @OneOfParameter(
    SET_STATUSES,
    'The status of the sets. `unknown-members`: Sinch reported contacts that the mirror does not know, so a backfill may be missing; such a set opens once they are known.',
    { default: 'open' },
  )
  status: SetStatus = 'open';

  @OneOfParameter(REASONS, 'Only sets with this reason, alone or together with others.')
  reason?: Reason;

  @TextParameter('Only sets with evidence on this channel (case-insensitive).', { example: 'SMS' })
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? normaliseChannel(value) : value))
  channel?: string;

  @TextParameter('Only sets that contain or contained this contact.')
  contact_id?: string;

  @IntegerParameter({ min: 2, max: sizeMax }, 'Only sets with at least this many contacts.')
  min_size?: number;
}

export class SummaryQuery {
  @TimeParameter('Counts only sets that were opened or closed at this time or later. Absent: all sets.')
  since?: bigint;
}

/** Sinch's own parameters. */
export class ConflictsQuery extends PageQuery {}

export class DecisionBody {
  @ApiPropertyOptional({
    description: 'The reason of the decision, stored in its audit event.',
    maxLength: reasonLengthMax,
    example: 'Checked with the customer',
  })
  @IsOptional()
  @IsString()
  @MaxLength(reasonLengthMax)
  readonly reason?: string;
}

export class SnoozeBody extends DecisionBody {
  @ApiProperty({
    format: 'date-time',
    description: 'Until when the set is hidden: an RFC 3339 time in the future, within a year.',
  })
  @IsString()
  readonly until: string;
}

/** One piece of evidence. */
export class EvidenceObject {
  @ApiProperty({ enum: REASONS }) readonly reason: Reason;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The channel of the evidence; null: none, or several.',
  })
  readonly channel: string | null;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The app, on channels whose identities belong to an app; null: a contact names none.',
  })
  readonly app_id: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'What the contacts share.' })
  readonly value: string | null;
  @ApiProperty({ type: [String] }) readonly contact_ids: readonly string[];
  @ApiPropertyOptional({ type: 'integer', description: 'How often Sinch reported it.' })
  readonly report_count?: number;
  @ApiPropertyOptional({ format: 'date-time' }) readonly first_seen_at?: string;
  @ApiPropertyOptional({ format: 'date-time' }) readonly last_seen_at?: string;
}

/** What the policy of AUTO_MERGE says of one set. */
export class AutoMergeObject {
  @ApiProperty({ description: 'Whether the set is merged automatically or, with `suggest`, would be.' })
  readonly fits: boolean;
  @ApiProperty({
    enum: OBSTACLES,
    isArray: true,
    description:
      'What blocks an automatic merge. `unconfirmed`: only reports of Sinch connect the contacts; the others are described in docs/decisions/0022.',
  })
  readonly against: readonly Obstacle[];
}

/** A decision that contacts are not duplicates of each other. */
export class DismissalObject {
  @ApiProperty({
    type: [String],
    description: 'The ids of the contacts when the set was dismissed; some may have been merged since.',
  })
  readonly contact_ids: readonly string[];
  @ApiProperty() readonly dismissed_by: string;
  @ApiProperty({ format: 'date-time' }) readonly dismissed_at: string;
  @ApiProperty({ type: String, nullable: true, description: 'The reason that was given; null: none.' })
  readonly reason: string | null;
}

/** Contacts that may be one and the same. */
export class DuplicateObject {
  @ApiProperty({ example: '12' }) readonly id: string;
  @ApiProperty({ enum: SET_STATUSES }) readonly status: SetStatus;
  @ApiProperty({
    type: [String],
    description:
      'The members. Of a hot set only the first 50; of a closed set those that it had last; with `unknown-members` also ids that the mirror does not know.',
  })
  readonly contact_ids: readonly string[];
  @ApiProperty({
    type: 'integer',
    description: 'How many members the set has; for a hot set counted up to 1,000.',
  })
  readonly contact_count: number;
  @ApiProperty({ type: [String], description: 'Ids of contacts that were members earlier.' })
  readonly former_contact_ids: readonly string[];
  @ApiProperty({ enum: REASONS, isArray: true }) readonly reasons: readonly Reason[];
  @ApiProperty({ type: [String] }) readonly channels: readonly string[];
  @ApiProperty({
    type: [EvidenceObject],
    description: `The evidence that connects the members: the first ${evidenceShownMax}, up to 1 MiB; reports of Sinch first.`,
  })
  readonly evidence: readonly EvidenceObject[];
  @ApiProperty({
    type: 'integer',
    description:
      'How much evidence there is, shown or not; of very large sets counted among the first members, up to 50,000 members and identities.',
  })
  readonly evidence_count: number;
  @ApiProperty({ type: 'integer', description: 'How often Sinch reported members of the set together.' })
  readonly report_count: number;
  @ApiProperty({ format: 'date-time' }) readonly first_seen_at: string;
  @ApiProperty({ format: 'date-time' }) readonly last_seen_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly snoozed_until: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly closed_at: string | null;
  @ApiProperty({
    enum: DUPLICATE_WARNINGS,
    isArray: true,
    description:
      '`truncated`: evidence leads to more contacts than the mirror follows (10,000 contacts, reports and sets), or a member has more than 1,000 identities and phone numbers: only the first 1,000 are evidence. The set may lack contacts.',
  })
  readonly warnings: readonly DuplicateWarning[];
  @ApiProperty({ type: ResolvedByObject, nullable: true }) readonly resolved_by: ResolvedByObject | null;
  @ApiProperty({
    type: AutoMergeObject,
    nullable: true,
    description: 'How AUTO_MERGE judges the set; null if that is `off`.',
  })
  readonly auto_merge: AutoMergeObject | null;
  @ApiProperty({
    type: [DismissalObject],
    description:
      'Decisions that contacts of the set are not duplicates of each other. Merging them needs `force`; a rule never does it.',
  })
  readonly dismissals: readonly DismissalObject[];
}

class ComparedValueObject {
  @ApiProperty() readonly contact_id: string;
  @ApiProperty({ anyOf: [{}], description: 'The value, any JSON; null: none.' }) readonly value: Json;
}

/** One field of all members, side by side. */
export class ComparedFieldObject implements ComparedField {
  @ApiProperty({ example: 'email' }) readonly field: string;
  @ApiProperty() readonly differs: boolean;
  @ApiProperty({ type: [ComparedValueObject] }) readonly values: readonly ComparedValueObject[];
}

export class SuggestedSurvivorObject {
  @ApiProperty() readonly contact_id: string;
  @ApiProperty({
    enum: SURVIVOR_REASONS,
    isArray: true,
    description:
      'Why this contact is preferred to another one of the set; the deciding reason is last. Placeholders such as `Unknown` do not count.',
  })
  readonly reasons: readonly SurvivorReason[];
}

/** A set with all that somebody needs who decides about it. */
export class WholeDuplicateObject extends DuplicateObject {
  @ApiProperty({
    type: [ContactObject],
    description: 'The members in the order of `contact_ids`; if they exceed 4 MiB, only the first ones.',
  })
  readonly members: readonly ContactObject[];
  @ApiProperty({
    type: 'integer',
    description:
      'How many members did not fit into `members`; `comparison` and `suggested_survivor` do not consider them. Get them with `contacts:batchGet`.',
  })
  readonly members_left_out: number;
  @ApiProperty({
    type: [ComparedFieldObject],
    description: 'The fields of the members, those that differ first.',
  })
  readonly comparison: readonly ComparedFieldObject[];
  @ApiProperty({ type: SuggestedSurvivorObject, nullable: true })
  readonly suggested_survivor: SuggestedSurvivorObject | null;
}

export class DuplicatesPage {
  @ApiProperty({ type: [DuplicateObject] }) readonly duplicates: readonly DuplicateObject[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}

class FollowerLagObject {
  @ApiProperty({
    type: 'integer',
    description: 'How many events of all projects the follower has not handled yet; counted up to 10,000.',
  })
  readonly lag_events: number;
  @ApiProperty({ description: 'For how many seconds the oldest of these events has waited.' })
  readonly lag_seconds: number;
  @ApiProperty({
    type: 'integer',
    description:
      'Events of this project that the follower could not handle and parked: they are not in its lag. `GET /v1/parked-events` lists them.',
  })
  readonly parked_events: number;
}

export class ScanObject {
  @ApiProperty() readonly project_id: string;
  @ApiProperty({ enum: ['running', 'finished'] }) readonly state: 'running' | 'finished';
  @ApiProperty({ format: 'date-time' }) readonly requested_at: string;
  @ApiProperty() readonly requested_by: string;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'How many parts the scan has; null before it begins.',
  })
  readonly partitions_count: number | null;
  @ApiProperty({ type: 'integer' }) readonly partitions_done: number;
  @ApiProperty({
    type: 'integer',
    description: 'How many contacts were examined: those that may share a value with another.',
  })
  readonly contacts_examined: number;
  @ApiProperty({ type: 'integer', description: 'How many contacts could not be examined; the log says why.' })
  readonly contacts_skipped: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly finished_at: string | null;
}

/** How far merging by rule is, and whether it continues. */
export class AutoMergeStateObject {
  @ApiProperty({
    enum: ['off', 'suggesting', 'acting', 'stopped'],
    description:
      '`stopped`: automatic merging stopped itself after three failures in a row, until it is resumed.',
  })
  readonly state: 'off' | 'suggesting' | 'acting' | 'stopped';
  @ApiProperty({
    type: 'integer',
    description: 'Automatic merges in the last 24 hours; counted up to `daily_max`.',
  })
  readonly merged_last_day: number;
  @ApiProperty({ type: 'integer' }) readonly daily_max: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly stopped_at: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'What failed last.' })
  readonly stopped_by: string | null;
}

export class SummaryAnswer {
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly since: string | null;
  @ApiProperty({ type: TallyObject }) readonly opened: TallyObject;
  @ApiProperty({ type: TallyObject, description: 'Sets that were dismissed or resolved since then.' })
  readonly closed: TallyObject;
  @ApiProperty({ type: TallyObject, description: 'Sets that are open now.' }) readonly open: TallyObject;
  @ApiProperty({
    type: TallyObject,
    description:
      'Sets that Sinch reported with contacts that the mirror does not know: run a backfill. `GET /duplicates?status=unknown-members` lists them.',
  })
  readonly unknown_members: TallyObject;
  @ApiProperty({ type: FollowerLagObject }) readonly follower: FollowerLagObject;
  @ApiProperty({ type: ScanObject, nullable: true, description: 'The last scan.' })
  readonly scan: ScanObject | null;
  @ApiProperty({ type: AutoMergeStateObject }) readonly auto_merge: AutoMergeStateObject;
}

/** One phone number on which contacts meet, in Sinch's shape. */
export class ConflictObject {
  @ApiProperty({ example: '15551234567' }) readonly identity: string;
  @ApiProperty({ type: [String], example: ['SMS'] }) readonly channels: readonly string[];
  @ApiProperty({ type: [String] }) readonly contact_ids: readonly string[];
}

export class ConflictsPage {
  @ApiProperty({ type: [ConflictObject] }) readonly conflicts: readonly ConflictObject[];
  @ApiProperty({ description: 'Empty on the last page; a page may be shorter than asked for.' })
  readonly next_page_token: string;
}
