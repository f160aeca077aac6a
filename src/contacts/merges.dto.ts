import { ApiProperty } from '@nestjs/swagger';
import { SOURCES, type Source } from '../audit/audit-event';
import { OneOfParameter, PageQuery, TextParameter, TimeParameter } from '../rest/parameters';
import { MergeInBrief, SinchContact } from './contacts.dto';

export class MergesQuery extends PageQuery {
  @TextParameter('Only merges of this contact, on either side.')
  contact_id?: string;

  @TextParameter('Only merges into this contact.')
  survivor_id?: string;

  @TextParameter('Only merges of this contact into another.')
  loser_id?: string;

  @OneOfParameter(SOURCES, 'Only merges that came this way.')
  source?: Source;

  @TimeParameter('Only merges that Sinch accepted at this time or later.')
  after?: bigint;

  @TimeParameter('Only merges that Sinch accepted before this time.')
  before?: bigint;
}

export class FieldConflict {
  @ApiProperty({ example: 'metadata.tier', description: 'A field, or a key of metadata that is JSON.' })
  readonly field: string;
  @ApiProperty({ anyOf: [{}], description: 'Any JSON.' }) readonly survivor: unknown;
  @ApiProperty({ anyOf: [{}], description: 'Any JSON; lost by the merge.' }) readonly loser: unknown;
}

/** A merge is one pair, loser and survivor, told of by the first of its events. */
export class Merge extends MergeInBrief {
  @ApiProperty({ format: 'date-time', description: 'When Sinch accepted it.' }) readonly accepted_at: string;
  @ApiProperty({ description: 'The same in nanoseconds since the epoch.', example: '1718460000123000000' })
  readonly version: string;
  @ApiProperty({ enum: SOURCES }) readonly source: Source;
  @ApiProperty({ type: String, nullable: true, description: 'Who asked for it; null for what Sinch sent.' })
  readonly actor: string | null;
  @ApiProperty({
    type: [String],
    example: ['email'],
    description: 'Fields that the survivor had empty and has from the loser.',
  })
  readonly fields_filled: readonly string[];
  @ApiProperty({ type: [FieldConflict], description: 'Fields in which both had a value.' })
  readonly conflicts: readonly FieldConflict[];
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The metadata of both, by METADATA_CONSOLIDATION.',
  })
  readonly consolidated_metadata: string | null;
}

export class WholeMerge extends Merge {
  @ApiProperty({ type: SinchContact, nullable: true, description: 'Null where nothing is known of it.' })
  readonly survivor_before: object | null;
  @ApiProperty({ type: SinchContact, nullable: true, description: 'As the merge tells it.' })
  readonly survivor_after: object | null;
  @ApiProperty({ type: SinchContact, nullable: true, description: 'Null where nothing is known of it.' })
  readonly loser_last: object | null;
}

export class MergesPage {
  @ApiProperty({ type: [Merge] }) readonly merges: readonly Merge[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}
