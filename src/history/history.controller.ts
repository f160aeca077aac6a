import { Controller, Get, Param, Query, Req } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { turnOf } from '../access/read-slots';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { FEED_BEGINNING, type FeedPlace } from '../audit/audit.repository';
import { Problems } from '../openapi/openapi';
import { pageText, type JsonText } from '../rest/json-text';
import { PageTokens, type PageFilter } from '../rest/page-token';
import { ChangesService } from './changes.service';
import { ChangesPage, ChangesQuery, HistoryPage, HistoryQuery } from './history.dto';
import { HistoryService, type HistoryPlace } from './history.service';

/** The history of one contact, and the feed of changes of all. */
@ApiTags('contacts')
@Scope('contacts:read')
@Controller('v1/projects/:project_id')
export class HistoryController {
  constructor(
    private readonly histories: HistoryService,
    private readonly feed: ChangesService,
    private readonly tokens: PageTokens,
  ) {}

  @Get('contacts::changes')
  @ApiOkResponse({ type: ChangesPage })
  async changes(
    @Param('project_id') projectId: string,
    @Query() query: ChangesQuery,
    @CalledBy() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<JsonText> {
    const bound = { ...query, projectId };
    const page = await this.feed.page(
      projectId,
      { types: query.type ?? null, changed: query.changed ?? null, view: query.view },
      await this.startOfChanges(projectId, bound, query.page_token),
      query.page_size,
      caller.id,
      query.wait * 1000,
      turnOf(request),
    );
    // the key may have been revoked while the answer was held
    if (query.wait > 0) await request.requireStillAllowed?.();
    const token = this.tokens.seal('contacts:changes', bound, page.next);
    return pageText('changes', page.changes, token);
  }

  @Get('contacts/:contact_id/history')
  @ApiOkResponse({ type: HistoryPage })
  @Problems('not-found')
  async history(
    @Param('project_id') projectId: string,
    @Param('contact_id') contactId: string,
    @Query() query: HistoryQuery,
  ): Promise<HistoryPage> {
    const { from, tokenOf } = this.tokens.page<HistoryPlace>('history', { ...query, projectId, contactId });
    const { entries, next } = await this.histories.page(
      projectId,
      contactId,
      query.include_merged,
      from,
      query.page_size,
    );
    return { history: entries, next_page_token: tokenOf(next) };
  }

  private async startOfChanges(
    projectId: string,
    bound: PageFilter,
    token: string | undefined,
  ): Promise<FeedPlace> {
    if (token === undefined) return FEED_BEGINNING;
    if (token === 'latest') return this.feed.latest(projectId);
    return this.tokens.open('contacts:changes', bound, token) as FeedPlace; // as `changes` seals it
  }
}
