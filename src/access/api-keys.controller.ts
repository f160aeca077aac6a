import { Controller, Get, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AnswersSecret } from '../rest/answers-secret';
import { JsonBody } from '../rest/json-body';
import { Problems } from '../openapi/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problems/problem';
import { invalidRequest } from '../rest/read-dto';
import { pointTo } from '../json/pointer.rule';
import { writeDate } from '../json/read-time.rule';
import { SecurityLog } from '../rest/security-log';
import {
  ApiKeyBody,
  ApiKeyEventsPage,
  ApiKeyEventsQuery,
  ApiKeyObject,
  ApiKeysPage,
  ApiKeysQuery,
  RotationBody,
  ShownApiKeyObject,
} from './api-keys.dto';
import { ApiKeysRepository } from './api-keys.repository';
import { ApiKeysService } from './api-keys.service';
import { readGrant, type KeyGrant } from './read-grant.rule';
import { CalledBy, Scope, type Caller } from './scope';
import { viewKey } from './view-key';

/** The keys of the service, which belong to no project. */
@ApiTags('api keys')
@Scope('admin')
@Controller('v1')
export class ApiKeysController {
  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly service: ApiKeysService,
    private readonly tokens: PageTokens,
    private readonly log: SecurityLog,
  ) {}

  /** Makes a key. This answer alone shows it. */
  @Post('api-keys')
  @AnswersSecret()
  @HttpCode(201)
  @ApiCreatedResponse({ type: ShownApiKeyObject })
  async create(
    @JsonBody(ApiKeyBody) body: ApiKeyBody,
    @CalledBy() caller: Caller,
    @Req() { id: traceId }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ShownApiKeyObject> {
    const shown = await this.service.create(grantIn(body), caller.name);
    this.log.record({ event: 'key-created', key: caller.id, trace_id: traceId, subject: shown.id });
    reply.header('cache-control', 'no-store');
    return { ...viewKey(shown), key: shown.key };
  }

  @Get('api-keys')
  @ApiOkResponse({ type: ApiKeysPage })
  async list(@Query() query: ApiKeysQuery): Promise<ApiKeysPage> {
    const { from, tokenOf } = this.tokens.page<readonly [number: string]>('api-keys', { ...query });
    const rows = await this.keys.page(from?.[0] ?? null, query.page_size + 1);
    const { shown, last } = cutPage(rows, query.page_size);
    return { api_keys: shown.map(viewKey), next_page_token: tokenOf(last && [last.number]) };
  }

  /** What became of keys: who made, rotated and revoked them. Postgres refuses to change it. */
  @Get('api-key-events')
  @ApiOkResponse({ type: ApiKeyEventsPage })
  async events(@Query() query: ApiKeyEventsQuery): Promise<ApiKeyEventsPage> {
    const { from, tokenOf } = this.tokens.page<readonly [id: string]>('api-key-events', { ...query });
    const rows = await this.keys.events(query.key_id ?? null, from?.[0] ?? null, query.page_size + 1);
    const { shown, last } = cutPage(rows, query.page_size);
    return {
      api_key_events: shown.map((row) => ({ ...row, at: writeDate(row.at) })),
      next_page_token: tokenOf(last && [last.id]),
    };
  }

  /** Gives the key a new secret, which this answer alone shows; its id stays. */
  @Post('api-keys/:key_id(^[^:/]+)::rotate')
  @AnswersSecret()
  @ApiOkResponse({ type: ShownApiKeyObject })
  @Problems('not-found')
  async rotate(
    @Param('key_id') id: string,
    @JsonBody(RotationBody, 'optional') body: RotationBody,
    @CalledBy() caller: Caller,
    @Req() { id: traceId }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ShownApiKeyObject> {
    const shown = await this.service.rotate(id, body.grace_seconds ?? 0, caller.name);
    if (shown === null) throw new Problem('not-found', 'Key not found, or it has expired or was revoked.');
    this.log.record({ event: 'key-rotated', key: caller.id, trace_id: traceId, subject: id });
    reply.header('cache-control', 'no-store');
    return { ...viewKey(shown), key: shown.key };
  }

  /** Ends the key and its access tokens for good, at once and on every replica; repeated, too. */
  @Post('api-keys/:key_id(^[^:/]+)::revoke')
  @ApiOkResponse({ type: ApiKeyObject })
  @Problems('not-found')
  async revoke(
    @Param('key_id') id: string,
    @CalledBy() caller: Caller,
    @Req() { id: traceId }: FastifyRequest,
  ): Promise<ApiKeyObject> {
    const row = await this.service.revoke(id, caller.name);
    if (row === null) throw new Problem('not-found', 'Key not found.');
    this.log.record({ event: 'key-revoked', key: caller.id, trace_id: traceId, subject: id });
    return viewKey(row);
  }
}

/** @throws Problem `invalid-request` */
function grantIn({
  name,
  scopes,
  project_ids: projectIds,
  expires_at: expiresAt = null,
}: ApiKeyBody): KeyGrant {
  const read = readGrant({ name, scopes, projectIds, expiresAt }, new Date());
  if ('grant' in read) return read.grant;
  throw invalidRequest(
    read.faults.map(({ field, message }) => ({
      pointer: pointTo('/body', field),
      code: field === 'expires_at' ? 'time' : 'unfit',
      message,
    })),
  );
}
