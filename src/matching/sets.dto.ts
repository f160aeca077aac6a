import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** By what a set was closed: an event, another set that took its contacts over, or a scan that no longer found it. */
export class ResolvedByObject {
  @ApiProperty({
    example: 'CONTACT_MERGE',
    description:
      'What closed the set: the type of an event; `combined`, if the set became part of another; or `scan`, if a scan no longer found it.',
  })
  readonly type: string;
  @ApiPropertyOptional() readonly event_id?: string;
  @ApiPropertyOptional({ description: 'The set that took the contacts over.' })
  readonly duplicate_id?: string;
}

/** How many sets, in all and by what. A set counts under each of its reasons and channels. */
export class TallyObject {
  @ApiProperty({ type: 'integer' }) readonly total: number;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  readonly by_reason: Readonly<Record<string, number>>;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'integer' } })
  readonly by_channel: Readonly<Record<string, number>>;
}
