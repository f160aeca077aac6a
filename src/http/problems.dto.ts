import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { PROBLEMS, type ProblemCode, type ProblemKind } from '../rest/problems/problem';

/** What one error code means. */
export class ProblemKindObject implements ProblemKind {
  @ApiProperty({ format: 'uri-reference', example: '/problems/not-found', description: 'Where this is.' })
  readonly type: string;
  @ApiProperty({ enum: Object.keys(PROBLEMS), example: 'not-found', description: 'The `code` of a problem.' })
  readonly code: ProblemCode;
  @ApiProperty({ type: 'integer', example: 404, description: 'The HTTP status of the answer.' })
  readonly status: number;
  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'integer' },
    description: 'Other HTTP statuses that the answer may have.',
  })
  readonly other_statuses?: readonly number[];
  @ApiProperty({ description: 'What is wrong, in a few words.' }) readonly title: string;
  @ApiProperty({ description: 'When the service answers so.' }) readonly reason: string;
  @ApiProperty({ description: 'What to do about it.' }) readonly remedy: string;
}

export class ProblemKindsObject {
  @ApiProperty({ type: [ProblemKindObject], description: 'Every error code.' })
  readonly problems: readonly ProblemKindObject[];
}
