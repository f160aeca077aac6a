import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { TOKEN_ERRORS, type TokenError } from './read-token-request';

/** Read by `readTokenRequest`: a form, not JSON. */
export class TokenForm {
  @ApiProperty({ enum: ['client_credentials'] }) readonly grant_type: string;
  @ApiPropertyOptional({ description: 'The id of a key, unless it comes by Basic.' })
  readonly client_id?: string;
  @ApiPropertyOptional({ description: 'The key.' }) readonly client_secret?: string;
  @ApiPropertyOptional({ description: 'Fewer scopes than the key has, separated by spaces.' })
  readonly scope?: string;
}

export class AccessTokenObject {
  @ApiProperty() readonly access_token: string;
  @ApiProperty({ enum: ['bearer'] }) readonly token_type: 'bearer';
  @ApiProperty({ type: 'integer', description: 'Seconds; an hour at most.', example: 3600 })
  readonly expires_in: number;
  @ApiProperty({ description: 'Separated by spaces.', example: 'contacts:read' }) readonly scope: string;
}

export class TokenErrorObject {
  @ApiProperty({ enum: Object.keys(TOKEN_ERRORS) }) readonly error: TokenError;
  @ApiProperty() readonly error_description: string;
}
