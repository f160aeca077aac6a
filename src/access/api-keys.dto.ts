import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { PageQuery, TextParameter } from '../rest/parameters';
import { graceSecondsMax, nameLengthMax, projectIdsMax } from './read-grant.rule';
import { SCOPES, type ScopeName } from './scope-names.rule';

/** What somebody does to a key. `changed` and `deleted` happen only by SQL. */
export const KEY_EVENT_TYPES = ['created', 'rotated', 'revoked', 'changed', 'deleted'] as const;
export type KeyEventType = (typeof KEY_EVENT_TYPES)[number];

export class ApiKeyBody {
  @IsString()
  @ApiProperty({ minLength: 1, maxLength: nameLengthMax, example: 'billing' })
  readonly name: string;

  @IsArray()
  @IsString({ each: true })
  @ApiProperty({ enum: SCOPES, isArray: true, minItems: 1, uniqueItems: true })
  readonly scopes: string[];

  @IsArray()
  @IsString({ each: true })
  @ApiProperty({
    type: [String],
    minItems: 1,
    maxItems: projectIdsMax,
    description:
      'The ids of the projects that the key may read; `["*"]` for all projects. The scope `admin` requires `["*"]`.',
    example: ['01H2XJ0FRKRRZ0ZQ1ZV0Y7W1V1'],
  })
  readonly project_ids: string[];

  @IsOptional()
  @IsString()
  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the key expires, RFC 3339. Absent or null: never.',
  })
  readonly expires_at?: string | null;
}

export class RotationBody {
  @IsOptional()
  @IsInt({ message: 'must be a whole number' })
  @Min(0)
  @Max(graceSecondsMax)
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: graceSecondsMax,
    default: 0,
    description: 'For how many seconds the old key keeps working. By default it stops at once.',
  })
  readonly grace_seconds?: number;
}

export class ApiKeysQuery extends PageQuery {}

export class ApiKeyEventsQuery extends PageQuery {
  @TextParameter('Only events of this key.')
  key_id?: string;
}

export class ApiKeyObject {
  @ApiProperty({ example: '5f1d7a84b0c2e9d3a6712c04be91d8f7' }) readonly id: string;
  @ApiProperty({ example: 'billing' }) readonly name: string;
  @ApiProperty({ enum: SCOPES, isArray: true }) readonly scopes: readonly ScopeName[];
  @ApiProperty({
    type: [String],
    description: 'The ids of the projects that the key may read; `["*"]`: all projects.',
  })
  readonly project_ids: readonly string[];
  @ApiProperty({ format: 'date-time' }) readonly created_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly expires_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly rotated_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly revoked_at: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the key was last used, to the minute; null: never.',
  })
  readonly last_used_at: string | null;
}

export class ShownApiKeyObject extends ApiKeyObject {
  @ApiProperty({
    description: 'The key itself. It is shown only in this answer: the service stores its SHA-256.',
  })
  readonly key: string;
}

export class ApiKeysPage {
  @ApiProperty({ type: [ApiKeyObject], description: 'Newest first, revoked and expired ones too.' })
  readonly api_keys: readonly ApiKeyObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}

export class ApiKeyEventObject {
  @ApiProperty({ example: '3' }) readonly id: string;
  @ApiProperty() readonly key_id: string;
  @ApiProperty({ enum: KEY_EVENT_TYPES }) readonly type: KeyEventType;
  @ApiProperty({ format: 'date-time' }) readonly at: string;
  @ApiProperty({ description: 'Who made the change.' }) readonly actor: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description:
      'What the key was made for (`name`, `scopes`, `project_ids`, `expires_at`), or how it was rotated.',
  })
  readonly details: Readonly<Record<string, unknown>>;
}

export class ApiKeyEventsPage {
  @ApiProperty({ type: [ApiKeyEventObject], description: 'Newest first.' })
  readonly api_key_events: readonly ApiKeyEventObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}
