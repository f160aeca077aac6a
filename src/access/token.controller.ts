import { Controller, Post, Req, Res } from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBody,
  ApiConsumes,
  ApiOkResponse,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problems } from '../rest/openapi';
import { AccessTokens } from './access-tokens';
import { Callers } from './callers';
import { digestOf } from './read-api-key';
import { readTokenRequest, TOKEN_ERRORS, type TokenRefusal } from './read-token-request';
import { Public } from './scope';
import { AccessTokenObject, TokenErrorObject, TokenForm } from './token.dto';

/** Access tokens for clients that ask with credentials, such as Sinch's own: the id of a key and the key. */
@ApiTags('api keys')
@Public()
@Controller('oauth2')
export class TokenController {
  constructor(
    private readonly callers: Callers,
    private readonly tokens: AccessTokens,
  ) {}

  /** Client credentials (RFC 6749, section 4.4), by Basic or in the form. The token ends with its key, or within an hour. */
  @Post('token')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ type: TokenForm })
  @ApiOkResponse({ type: AccessTokenObject })
  @ApiBadRequestResponse({ type: TokenErrorObject, description: 'RFC 6749, section 5.2.' })
  @ApiUnauthorizedResponse({ type: TokenErrorObject, description: '`invalid_client`.' })
  @Problems('payload-too-large', 'unavailable', 'internal')
  async issue(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccessTokenObject | TokenErrorObject> {
    reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' });
    const outcome = await this.answer(request);
    if (!('kind' in outcome)) return outcome;
    reply.status(TOKEN_ERRORS[outcome.error]);
    if (outcome.error === 'invalid_client') reply.header('www-authenticate', 'Basic realm="oauth2"');
    return { error: outcome.error, error_description: outcome.description };
  }

  private async answer(request: FastifyRequest): Promise<AccessTokenObject | TokenRefusal> {
    const body = Buffer.isBuffer(request.body) ? request.body.toString() : '';
    const asked = readTokenRequest(request.headers.authorization ?? '', request.mediaType, body);
    if (asked.kind === 'refused') return asked;
    const digest = digestOf(asked.clientSecret);
    const key = await this.callers.findKey(asked.clientId, digest);
    if (key === null) {
      return { kind: 'refused', error: 'invalid_client', description: 'No key has this id and secret.' };
    }
    const scopes = asked.scopes ?? key.scopes;
    if (!scopes.every((scope) => key.scopes.includes(scope))) {
      return {
        kind: 'refused',
        error: 'invalid_scope',
        description: 'The key lacks a scope that is asked for.',
      };
    }
    const { token, lifeSeconds } = this.tokens.issue(key, digest, scopes, new Date());
    return { access_token: token, token_type: 'bearer', expires_in: lifeSeconds, scope: scopes.join(' ') };
  }
}
