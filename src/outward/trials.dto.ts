import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { FlagParameter } from '../rest/parameters';
import { EVENT_TYPES, type EventType } from './event-types.rule';
import { dryRunExamplesMax, excerptBytesMax, scannedEventsMax } from './subscription.rule';

export class CreationQuery {
  @FlagParameter(
    `Only checks the subscription, and tries its filter on the last ${scannedEventsMax} events of the audit log. Nothing is created or sent.`,
    { default: false },
  )
  validate_only: boolean = false;
}

/** What a subscription would have been sent. */
export class DryRunObject {
  @ApiProperty({ type: 'integer', description: 'How many events of the audit log were looked at.' })
  readonly scanned: number;
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { 'contact.updated': 12 },
    description: 'How many outward events of each type the filter lets pass.',
  })
  readonly matched: Readonly<Record<string, number>>;
  @ApiProperty({
    type: 'array',
    items: { type: 'object', additionalProperties: true },
    maxItems: dryRunExamplesMax,
    description: 'The bodies of the newest of them, the newest first.',
  })
  readonly examples: readonly object[];
}

export class TestBody {
  @IsOptional()
  @IsIn(EVENT_TYPES)
  @ApiPropertyOptional({
    enum: EVENT_TYPES,
    default: 'contact.updated',
    description: 'The type of the example, whether or not the filter lets it pass.',
  })
  readonly type?: EventType;
}

/** How the destination answered an example. */
export class TestResultObject {
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'The HTTP status; null: there was no answer.',
  })
  readonly status: number | null;
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'status-5xx',
    description: 'Why it was not delivered; null: it was.',
  })
  readonly error: string | null;
  @ApiProperty({ type: 'integer', description: 'How long it took, in ms.' }) readonly duration_ms: number;
  @ApiProperty({
    type: String,
    nullable: true,
    description: `The first ${excerptBytesMax} bytes of the answer; null: there was none.`,
  })
  readonly excerpt: string | null;
}
