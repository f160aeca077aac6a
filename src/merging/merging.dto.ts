import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';
import { SinchContactObject } from '../contacts/contacts.dto';
import { FieldConflictObject, MergeObject, MergeIdentitiesObject } from '../contacts/merges/merges.dto';
import { BLOCKS, WARNINGS, type Block, type Warning } from '../contacts/merges/plan-merge.rule';
import { reasonLengthMax, WholeDuplicateObject } from '../duplicates/duplicates.dto';
import { FlagParameter } from '../rest/parameters';

export class MergeQuery {
  @FlagParameter('Only shows what the merge would do, and changes nothing.', { default: false })
  validate_only = false;
}

/** How a merge may be asked for, whichever contacts it is about. */
export class MergeWishes {
  @ApiPropertyOptional({
    default: false,
    description:
      'Merges also contacts with different external ids, and contacts that were dismissed as duplicates.',
  })
  @IsOptional()
  @IsBoolean()
  readonly force: boolean = false;

  @ApiPropertyOptional({
    description: 'Kept with the audit event.',
    maxLength: reasonLengthMax,
    example: 'Checked with the customer',
  })
  @IsOptional()
  @IsString()
  @MaxLength(reasonLengthMax)
  readonly reason?: string;
}

export class MergeBody extends MergeWishes {
  @ApiProperty({ example: '01H3333333', description: 'The contact that remains.' })
  @IsString()
  @IsNotEmpty()
  readonly survivor_id: string;

  @ApiProperty({
    example: '01H4444444',
    description: 'The contact that is merged into the survivor and then no longer exists.',
  })
  @IsString()
  @IsNotEmpty()
  readonly loser_id: string;
}

export class SetMergeBody extends MergeWishes {
  @ApiPropertyOptional({ description: 'The contact that remains; absent: the suggested survivor.' })
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  readonly survivor_id?: string;
}

/** A set after its contacts were merged. */
export class MergedDuplicateObject extends WholeDuplicateObject {
  @ApiProperty({
    type: [MergeObject],
    description:
      'The merges that this request made, including attempts before a crash. If all contacts of the set were merged before, those earlier merges, at most 50.',
  })
  readonly merges: readonly MergeObject[];
}

class MergeBlockObject {
  @ApiProperty({
    enum: BLOCKS,
    description: '`force` lifts `different-external-ids` and `dismissed-as-duplicates`.',
  })
  readonly code: Block;
  @ApiProperty() readonly message: string;
  @ApiProperty() readonly contact_id: string;
}

class MergeWarningObject {
  @ApiProperty({ enum: WARNINGS }) readonly code: Warning;
  @ApiProperty() readonly message: string;
}

/** What a merge would do, by what the mirror knows of the two. */
export class MergePreviewObject {
  @ApiProperty() readonly allowed: boolean;
  @ApiProperty({ type: [MergeBlockObject] }) readonly blocked: readonly MergeBlockObject[];
  @ApiProperty({ type: [MergeWarningObject] }) readonly warnings: readonly MergeWarningObject[];
  @ApiProperty({
    type: SinchContactObject,
    nullable: true,
    description: 'The survivor as it would be at Sinch; null if the merge is not possible.',
  })
  readonly result: object | null;
  @ApiProperty({ type: MergeIdentitiesObject }) readonly identities: MergeIdentitiesObject;
  @ApiProperty({
    type: [FieldConflictObject],
    description: 'Fields in which both have a value, and metadata keys of the loser that would be lost.',
  })
  readonly conflicts: readonly FieldConflictObject[];
}
