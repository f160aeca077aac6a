import { Controller, Get, Param, Post, Query, Req } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Scope } from '../access/scope';
import { BEGINNING, type Cursor } from '../audit/audit.repository';
import { JsonBody } from '../rest/json-body';
import { Problems } from '../rest/openapi';
import { cutPage, PageTokens, type PageFilter } from '../rest/page-token';
import { Problem } from '../rest/problem';
import { ChangesService } from './changes.service';
import {
  BatchGetAnswer,
  BatchGetBody,
  ChangesPage,
  ChangesQuery,
  Contact,
  ContactQuery,
  ContactsPage,
  ContactsQuery,
  HistoryPage,
  HistoryQuery,
  ResolveAnswer,
  ResolveBody,
} from './contacts.dto';
import { contactFilter } from './contact-filter';
import { contactMerged } from './contact-merged';
import { ContactsService } from './contacts.service';
import type { Resolution } from './follow-merges';
import { HistoryService, type HistoryPlace } from './history.service';

/** Contacts: Sinch's own read routes, and what the mirror knows beside. */
@ApiTags('contacts')
@Scope('contacts:read')
@Controller('v1/projects/:project_id')
export class ContactsController {
  constructor(
    private readonly contacts: ContactsService,
    private readonly histories: HistoryService,
    private readonly feed: ChangesService,
    private readonly tokens: PageTokens,
  ) {}

  @Get('contacts')
  @ApiOkResponse({ type: ContactsPage })
  async list(@Param('project_id') projectId: string, @Query() query: ContactsQuery): Promise<ContactsPage> {
    const paging = this.tokens.page<readonly [id: string]>('contacts', { ...query, projectId });
    const after = paging.from?.[0] ?? '';
    const contacts = await this.contacts.list(projectId, contactFilter(query), after, query.page_size + 1);
    const { shown, last } = cutPage(contacts, query.page_size);
    return { contacts: shown, next_page_token: paging.tokenOf(last && [last.id]) };
  }

  @Get('contacts::changes')
  @ApiOkResponse({ type: ChangesPage })
  async changes(@Param('project_id') projectId: string, @Query() query: ChangesQuery): Promise<ChangesPage> {
    const bound = { ...query, projectId };
    const page = await this.feed.page(
      projectId,
      { types: query.type ?? null, changed: query.changed ?? null },
      await this.startOfChanges(projectId, bound, query.page_token),
      query.page_size,
      query.wait * 1000,
    );
    return { changes: page.changes, next_page_token: this.tokens.seal('contacts:changes', bound, page.next) };
  }

  @Post('contacts::resolve')
  @ApiOkResponse({ type: ResolveAnswer })
  async resolve(
    @Param('project_id') projectId: string,
    @JsonBody(ResolveBody) { ids }: ResolveBody,
  ): Promise<ResolveAnswer> {
    const resolutions = await this.contacts.resolve(projectId, ids);
    return { results: ids.map((id, at) => viewResolution(id, resolutions[at])) };
  }

  @Post('contacts::batchGet')
  @ApiOkResponse({ type: BatchGetAnswer })
  async batchGet(
    @Param('project_id') projectId: string,
    @JsonBody(BatchGetBody) { ids, on_merged }: BatchGetBody,
    @Req() request: FastifyRequest,
  ): Promise<BatchGetAnswer> {
    const found = await this.contacts.batchGet(projectId, ids, on_merged === 'follow');
    return {
      results: found.map((each, at) => {
        const id = ids[at] ?? '';
        return each instanceof Problem
          ? { id, problem: each.toBody(request.url, request.id) }
          : { id, contact: each };
      }),
    };
  }

  @Get('contacts/:contact_id')
  @ApiOkResponse({ type: Contact })
  @Problems('not-found', 'contact-merged', ['contact-merged', 410], 'contact-deleted', 'merge-cycle')
  async get(
    @Param('project_id') projectId: string,
    @Param('contact_id') contactId: string,
    @Query() { on_merged: onMerged, at }: ContactQuery,
    @Req() request: FastifyRequest,
  ): Promise<Contact> {
    const follow = onMerged === 'follow';
    const found =
      at === undefined
        ? await this.contacts.get(projectId, contactId, follow)
        : await this.contacts.getAt(projectId, contactId, follow, endOfMicrosecond(at));
    if (found.kind === 'contact') return found.contact;
    if (onMerged === 'error') throw contactMerged(found.moved, { status: 410 });
    // relative, since a proxy may show the service under a prefix
    const query = request.url.includes('?') ? request.url.slice(request.url.indexOf('?')) : '';
    const location = `./${encodeURIComponent(found.moved.survivorId)}${query}`;
    throw contactMerged(found.moved, { headers: { Location: location } });
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
  ): Promise<Cursor> {
    if (token === undefined) return BEGINNING;
    if (token === 'latest') return this.feed.latest(projectId);
    return this.tokens.open('contacts:changes', bound, token) as Cursor; // as `changes` seals it
  }
}

function viewResolution(
  id: string,
  resolution: Resolution = { state: 'unknown' },
): ResolveAnswer['results'][number] {
  switch (resolution.state) {
    case 'merged':
      return {
        id,
        state: resolution.state,
        survivor_id: resolution.survivorId,
        survivor_state: resolution.survivorState,
        chain: resolution.chain,
        chain_length: resolution.chainLength,
      };
    case 'cycle':
      return { id, state: resolution.state, chain: resolution.chain, chain_length: resolution.chainLength };
    case 'active':
    case 'deleted':
    case 'unknown':
      return { id, state: resolution.state };
  }
}

/** Answers show times cut to the microsecond: asked for one of them, the event itself is included. */
function endOfMicrosecond(time: bigint): bigint {
  return time % 1000n === 0n ? time + 999n : time;
}
