import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { PageQuery, TextParameter } from '../rest/parameters';
import { KEY_EVENT_TYPES, type KeyEventType } from './api-keys.repository';
import { nameLengthMax, projectIdsMax } from './read-grant';
import { SCOPES, type ScopeName } from './scope-names';

/** Longest grace after a rotation: seven days. */
export const graceSecondsMax = 604_800;

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
    description: 'The projects that the key is for; `["*"]` for all, which the scope `admin` takes.',
    example: ['01H2XJ0FRKRRZ0ZQ1ZV0Y7W1V1'],
  })
  readonly project_ids: string[];

  @IsOptional()
  @IsString()
  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When the key stops; absent: never.',
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
    description: 'For how long the old key works still; by default it stops at once.',
  })
  readonly grace_seconds?: number;
}

export class ApiKeysQuery extends PageQuery {}

export class ApiKeyEventsQuery extends PageQuery {
  @TextParameter('Only what became of this key.')
  key_id?: string;
}

export class ApiKeyObject {
  @ApiProperty({ example: '5f1d7a84b0c2e9d3a671' }) readonly id: string;
  @ApiProperty({ example: 'billing' }) readonly name: string;
  @ApiProperty({ enum: SCOPES, isArray: true }) readonly scopes: readonly ScopeName[];
  @ApiProperty({ type: [String], description: '`["*"]`: all.' }) readonly project_ids: readonly string[];
  @ApiProperty({ format: 'date-time' }) readonly created_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly expires_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly rotated_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly revoked_at: string | null;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'To the minute.' })
  readonly last_used_at: string | null;
}

export class ShownApiKey extends ApiKeyObject {
  @ApiProperty({ description: 'Shown this once: the service keeps its SHA-256 alone.' })
  readonly key: string;
}

export class ApiKeysPage {
  @ApiProperty({ type: [ApiKeyObject], description: 'Newest first, revoked and expired ones too.' })
  readonly api_keys: readonly ApiKeyObject[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}

export class ApiKeyEvent {
  @ApiProperty({ example: '3' }) readonly id: string;
  @ApiProperty() readonly key_id: string;
  @ApiProperty({ enum: KEY_EVENT_TYPES }) readonly type: KeyEventType;
  @ApiProperty({ format: 'date-time' }) readonly at: string;
  @ApiProperty({ description: 'Who did it.' }) readonly actor: string;
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    description:
      'What the key was made for (`name`, `scopes`, `project_ids`, `expires_at`), or how it was rotated.',
  })
  readonly details: Readonly<Record<string, unknown>>;
}

export class ApiKeyEventsPage {
  @ApiProperty({ type: [ApiKeyEvent], description: 'Newest first.' })
  readonly api_key_events: readonly ApiKeyEvent[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}
