import { Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { JsonBody } from '../rest/json-body';
import { Problems } from '../rest/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problem';
import { invalidRequest } from '../rest/read-dto';
import { pointTo } from '../rest/read-json';
import { readTime, writeDate } from '../rest/read-time';
import {
  ApiKeyBody,
  ApiKeyEventsPage,
  ApiKeyEventsQuery,
  ApiKeyObject,
  ApiKeysPage,
  ApiKeysQuery,
  RotationBody,
  ShownApiKey,
} from './api-keys.dto';
import { ApiKeysRepository, type KeyGrant, type KeyRow } from './api-keys.repository';
import { ApiKeysService } from './api-keys.service';
import { faultsOfGrant, isScope } from './read-grant';
import { CalledBy, Scope, type Caller } from './scope';

/** The keys of the service, which belong to no project. */
@ApiTags('api keys')
@Scope('admin')
@Controller('v1')
export class ApiKeysController {
  constructor(
    private readonly keys: ApiKeysRepository,
    private readonly service: ApiKeysService,
    private readonly tokens: PageTokens,
  ) {}

  /** Makes a key. This answer alone shows it. */
  @Post('api-keys')
  @HttpCode(201)
  @ApiCreatedResponse({ type: ShownApiKey })
  async create(
    @JsonBody(ApiKeyBody) body: ApiKeyBody,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ShownApiKey> {
    const shown = await this.service.create(readGrant(body), caller.name);
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
  @ApiOkResponse({ type: ShownApiKey })
  @Problems('not-found')
  async rotate(
    @Param('key_id') id: string,
    @JsonBody(RotationBody, 'optional') body: RotationBody,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ShownApiKey> {
    const shown = await this.service.rotate(id, body.grace_seconds ?? 0, caller.name);
    if (shown === null) throw new Problem('not-found', 'There is no such key, or none that works.');
    reply.header('cache-control', 'no-store');
    return { ...viewKey(shown), key: shown.key };
  }

  /** Ends the key and its access tokens for good, at once and on every replica; repeated, too. */
  @Post('api-keys/:key_id(^[^:/]+)::revoke')
  @ApiOkResponse({ type: ApiKeyObject })
  @Problems('not-found')
  async revoke(@Param('key_id') id: string, @CalledBy() caller: Caller): Promise<ApiKeyObject> {
    const row = await this.service.revoke(id, caller.name);
    if (row === null) throw new Problem('not-found', 'There is no such key.');
    return viewKey(row);
  }
}

/** @throws Problem `invalid-request` */
function readGrant({ name, scopes, project_ids: projectIds, expires_at: expires }: ApiKeyBody): KeyGrant {
  const faults = faultsOfGrant(name, scopes, projectIds).map(({ field, message }) => ({
    pointer: pointTo('/body', field),
    code: 'unfit',
    message,
  }));
  const expiresAt = expires === undefined || expires === null ? null : readTime(expires);
  const expiresAtMs = expiresAt === null ? null : Number(expiresAt / 1_000_000n);
  if (typeof expires === 'string' && (expiresAtMs === null || expiresAtMs <= Date.now())) {
    faults.push({ pointer: '/body/expires_at', code: 'time', message: 'must be an RFC 3339 time ahead' });
  }
  if (faults.length > 0) throw invalidRequest(faults);
  return {
    name,
    scopes: scopes.filter(isScope),
    projectIds,
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs),
  };
}

function viewKey(row: KeyRow): ApiKeyObject {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    project_ids: row.project_ids,
    created_at: writeDate(row.created_at),
    expires_at: row.expires_at && writeDate(row.expires_at),
    rotated_at: row.rotated_at && writeDate(row.rotated_at),
    revoked_at: row.revoked_at && writeDate(row.revoked_at),
    last_used_at: row.last_used_at && writeDate(row.last_used_at),
  };
}
