import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';
import { MergeIdentities, SinchContact } from '../contacts/contacts.dto';
import { FieldConflict, Merge } from '../contacts/merges.dto';
import { BLOCKS, WARNINGS, type Block, type Warning } from '../contacts/plan-merge';
import { WholeDuplicateObject } from '../duplicates/duplicates.dto';
import { FlagParameter } from '../rest/parameters';

/** Longest reason of a merge, in characters. */
const reasonLengthMax = 1_000;

export class MergeQuery {
  @FlagParameter('Only tells what the merge would do, and changes nothing.', { default: false })
  validate_only = false;
}

/** How a merge may be asked for, whichever contacts it is about. */
export class MergeWishes {
  @ApiPropertyOptional({ default: false, description: 'Also contacts with different external ids.' })
  @IsOptional()
  @IsBoolean()
  readonly force: boolean = false;

  @ApiPropertyOptional({ description: 'Kept with the audit event.', maxLength: reasonLengthMax })
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

  @ApiProperty({ example: '01H4444444', description: 'The contact that is merged into it, and goes.' })
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
export class MergedDuplicate extends WholeDuplicateObject {
  @ApiProperty({ type: [Merge], description: 'What this request has merged.' })
  readonly merges: readonly Merge[];
}

class MergeBlock {
  @ApiProperty({ enum: BLOCKS, description: '`different-external-ids` gives way to `force`.' })
  readonly code: Block;
  @ApiProperty() readonly message: string;
  @ApiProperty() readonly contact_id: string;
}

class MergeWarning {
  @ApiProperty({ enum: WARNINGS }) readonly code: Warning;
  @ApiProperty() readonly message: string;
}

/** What a merge would do, by what the mirror knows of the two. */
export class MergePreview {
  @ApiProperty() readonly allowed: boolean;
  @ApiProperty({ type: [MergeBlock] }) readonly blocked: readonly MergeBlock[];
  @ApiProperty({ type: [MergeWarning] }) readonly warnings: readonly MergeWarning[];
  @ApiProperty({
    type: SinchContact,
    nullable: true,
    description: 'The survivor as Sinch would have it; null where there can be none.',
  })
  readonly result: object | null;
  @ApiProperty({ type: MergeIdentities }) readonly identities: MergeIdentities;
  @ApiProperty({ type: [FieldConflict], description: 'Fields in which both have a value.' })
  readonly conflicts: readonly FieldConflict[];
}
