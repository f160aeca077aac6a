import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { TOKEN_ERRORS, type TokenError } from './read-token-request.rule';

/** Read by `readTokenRequest`: a form, not JSON. */
export class TokenForm {
  @ApiProperty({ enum: ['client_credentials'] }) readonly grant_type: string;
  @ApiPropertyOptional({ description: 'The id of an API key. Not needed with HTTP Basic.' })
  readonly client_id?: string;
  @ApiPropertyOptional({ description: 'The API key. Not needed with HTTP Basic.' })
  readonly client_secret?: string;
  @ApiPropertyOptional({
    description: 'Requested scopes, separated by spaces. Default: all scopes of the key.',
  })
  readonly scope?: string;
}

export class AccessTokenObject {
  @ApiProperty() readonly access_token: string;
  @ApiProperty({ enum: ['bearer'] }) readonly token_type: 'bearer';
  @ApiProperty({
    type: 'integer',
    description: 'For how many seconds the token works: 3,600 at most.',
    example: 3600,
  })
  readonly expires_in: number;
  @ApiProperty({ description: 'The scopes of the token, separated by spaces.', example: 'contacts:read' })
  readonly scope: string;
}

export class TokenErrorObject {
  @ApiProperty({ enum: Object.keys(TOKEN_ERRORS) }) readonly error: TokenError;
  @ApiProperty() readonly error_description: string;
}
