import { ApiProperty } from '@nestjs/swagger';
import { SOURCES, type Source } from '../../audit/audit-event.rule';
import { OneOfParameter, PageQuery, TextParameter, TimeParameter } from '../../rest/parameters';
import { ChannelIdentityObject, SinchContactObject } from '../contacts.dto';

export class MergesQuery extends PageQuery {
  @TextParameter('Only merges of this contact, on either side.')
  contact_id?: string;

  @TextParameter('Only merges into this contact.')
  survivor_id?: string;

  @TextParameter('Only merges of this contact into another.')
  loser_id?: string;

  @OneOfParameter(SOURCES, 'Only merges from this source.')
  source?: Source;

  @TimeParameter('Only merges that Sinch accepted at this time or later.')
  after?: bigint;

  @TimeParameter('Only merges that Sinch accepted before this time.')
  before?: bigint;
}

export class MergeIdentitiesObject {
  @ApiProperty({
    type: [ChannelIdentityObject],
    description: 'Identities of the loser that the survivor took over.',
  })
  readonly moved: readonly object[];
  @ApiProperty({ type: [ChannelIdentityObject], description: 'Identities that the survivor already had.' })
  readonly kept: readonly object[];
  @ApiProperty({
    type: [ChannelIdentityObject],
    description:
      'Identities of the loser that no contact has after the merge. Sinch moves an identity only if the survivor has none on its channel.',
  })
  readonly dropped: readonly object[];
}

/** A merge as it is shown wherever it is met. */
export class MergeInBriefObject {
  @ApiProperty({
    description: 'Identifies the pair of contacts; further events about the same merge have the same id.',
  })
  readonly id: string;
  @ApiProperty({ example: '01H3333333' }) readonly survivor_id: string;
  @ApiProperty({ example: '01H4444444' }) readonly loser_id: string;
  @ApiProperty({ type: MergeIdentitiesObject }) readonly identities: MergeIdentitiesObject;
}

export class FieldConflictObject {
  @ApiProperty({
    example: 'metadata.tier',
    description: 'The name of a field, or `metadata.` and a key if the metadata is a JSON object.',
  })
  readonly field: string;
  @ApiProperty({
    anyOf: [{}],
    description:
      'The value of the survivor, which was kept; any JSON. Null for a metadata key that only the loser had.',
  })
  readonly survivor: unknown;
  @ApiProperty({ anyOf: [{}], description: 'The value of the loser, which was lost; any JSON.' })
  readonly loser: unknown;
}

/** A merge is one pair, loser and survivor, described by the first of its events. */
export class MergeObject extends MergeInBriefObject {
  @ApiProperty({ format: 'date-time', description: 'When Sinch accepted the merge.' })
  readonly accepted_at: string;
  @ApiProperty({
    description: '`accepted_at` in nanoseconds since 1970, as a decimal string. Compare as integers.',
    example: '1718460000123000000',
  })
  readonly version: string;
  @ApiProperty({ enum: SOURCES }) readonly source: Source;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Who requested the merge; null for events from Sinch.',
  })
  readonly actor: string | null;
  @ApiProperty({
    type: [String],
    example: ['email'],
    description: 'Fields that were empty in the survivor and that it took from the loser.',
  })
  readonly fields_filled: readonly string[];
  @ApiProperty({
    type: [FieldConflictObject],
    description:
      'Fields in which both contacts had different values, and metadata keys of the loser that were lost.',
  })
  readonly conflicts: readonly FieldConflictObject[];
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The metadata of both contacts combined as METADATA_CONSOLIDATION says; null: none.',
  })
  readonly consolidated_metadata: string | null;
}

export class WholeMergeObject extends MergeObject {
  @ApiProperty({
    type: SinchContactObject,
    nullable: true,
    description: 'The survivor before the merge; null: not known.',
  })
  readonly survivor_before: object | null;
  @ApiProperty({
    type: SinchContactObject,
    nullable: true,
    description: 'The survivor after the merge, as in the merge event.',
  })
  readonly survivor_after: object | null;
  @ApiProperty({
    type: SinchContactObject,
    nullable: true,
    description: 'The last known state of the loser; null: not known.',
  })
  readonly loser_last: object | null;
}

export class MergesPage {
  @ApiProperty({ type: [MergeObject] }) readonly merges: readonly MergeObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}
