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
import { Problems } from '../../openapi/openapi';
import { routeTemplate } from '../../rest/route-template';
import { SecurityLog } from '../../rest/security-log';
import { tooManyWrongKeys } from '../access.guard';
import { Callers } from '../callers';
import { digestOf } from '../read-api-key.rule';
import { readTokenRequest, TOKEN_ERRORS, type TokenRefusal } from './read-token-request.rule';
import { Public } from '../scope';
import { WrongKeys } from '../wrong-keys';
import { AccessTokenObject, TokenErrorObject, TokenForm } from './token.dto';
import { IssuedTokens } from './issued-tokens';

/** Access tokens for clients that ask with credentials, such as Sinch's own: the id of a key and the key. */
@ApiTags('api keys')
@Public()
@Controller('oauth2')
export class TokenController {
  constructor(
    private readonly callers: Callers,
    private readonly tokens: IssuedTokens,
    private readonly wrongKeys: WrongKeys,
    private readonly log: SecurityLog,
  ) {}

  /** Client credentials (RFC 6749, section 4.4), by Basic or in the form. The token ends with its key, or within an hour. */
  @Post('token')
  @ApiConsumes('application/x-www-form-urlencoded')
  @ApiBody({ type: TokenForm })
  @ApiOkResponse({ type: AccessTokenObject })
  @ApiBadRequestResponse({ type: TokenErrorObject, description: 'RFC 6749, section 5.2.' })
  @ApiUnauthorizedResponse({ type: TokenErrorObject, description: '`invalid_client`.' })
  @Problems('payload-too-large', 'rate-limited', 'unavailable', 'internal')
  async issue(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AccessTokenObject | TokenErrorObject> {
    reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' });
    const outcome = await this.answer(request);
    if (!('kind' in outcome)) return outcome;
    reply.status(TOKEN_ERRORS[outcome.error]);
    if (outcome.error === 'invalid_client') this.refuse(request, reply, outcome.description);
    return { error: outcome.error, error_description: outcome.description };
  }

  /** @throws Problem `rate-limited` to an address that has sent many wrong keys */
  private refuse(request: FastifyRequest, reply: FastifyReply, detail: string): void {
    const waitSeconds = this.wrongKeys.count(request.ip, Date.now());
    if (waitSeconds !== null) throw tooManyWrongKeys(waitSeconds);
    const route = routeTemplate(request.routeOptions.url ?? 'none');
    this.log.refused({ key: null, code: 'invalid_client', detail, route });
    reply.header('www-authenticate', 'Basic realm="oauth2"');
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
        description: 'The key lacks a requested scope.',
      };
    }
    const { token, lifeSeconds } = await this.tokens.issue(key, digest, scopes, new Date());
    return { access_token: token, token_type: 'bearer', expires_in: lifeSeconds, scope: scopes.join(' ') };
  }
}
