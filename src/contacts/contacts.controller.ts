import { Controller, Get, Param, Post, Query, Req } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { Scope, TakesBasic } from '../access/scope';
import { answerBytesMax, jsonBytes } from '../rest/answer-size';
import { JsonBody } from '../rest/json-body';
import { pageText, type JsonText } from '../rest/json-text';
import { Problems } from '../openapi/openapi';
import { PageTokens } from '../rest/page-token';
import { ReadsByPost } from '../rest/reads-by-post';
import { Problem } from '../rest/problems/problem';
import {
  BatchGetResultsObject,
  BatchGetBody,
  ContactObject,
  ContactQuery,
  ContactsPage,
  ContactsQuery,
  ResolveResultsObject,
  ResolveBody,
} from './contacts.dto';
import { contactFilter } from './contact-filter';
import { contactMerged } from './contact-merged';
import { ContactsService } from './contacts.service';
import type { Resolution } from './follow-merges.rule';

/** Contacts: Sinch's own read routes, and what the mirror knows beside. */
@ApiTags('contacts')
@Scope('contacts:read')
@Controller('v1/projects/:project_id')
export class ContactsController {
  constructor(
    private readonly contacts: ContactsService,
    private readonly tokens: PageTokens,
  ) {}

  @Get('contacts')
  @TakesBasic()
  @ApiOkResponse({ type: ContactsPage })
  async list(
    @Param('project_id') projectId: string,
    @Query() query: ContactsQuery,
  ): Promise<ContactsPage | JsonText> {
    const paging = this.tokens.page<readonly [id: string]>('contacts', { ...query, projectId });
    const after = paging.from?.[0] ?? '';
    const filter = contactFilter(query);
    const tokenOf = (next: string | null): string => paging.tokenOf(next === null ? null : [next]);
    if (query.on_merged === 'follow') {
      const { contacts, next } = await this.contacts.listFollowing(projectId, filter, after, query.page_size);
      return { contacts, next_page_token: tokenOf(next) };
    }
    const { contacts, next } = await this.contacts.list(projectId, filter, after, query.page_size);
    return pageText('contacts', contacts, tokenOf(next));
  }

  @Post('contacts::resolve')
  @ReadsByPost()
  @ApiOkResponse({ type: ResolveResultsObject })
  @Problems('answer-too-large')
  async resolve(
    @Param('project_id') projectId: string,
    @JsonBody(ResolveBody) { ids }: ResolveBody,
  ): Promise<ResolveResultsObject> {
    const resolutions = await this.contacts.resolve(projectId, ids);
    let bytes = 0;
    return {
      results: ids.map((id, at) => {
        const { chain, ...result } = viewResolution(id, resolutions[at]);
        bytes += jsonBytes({ chain, ...result });
        return chain === undefined || bytes > answerBytesMax ? result : { ...result, chain };
      }),
    };
  }

  @Post('contacts::batchGet')
  @ReadsByPost()
  @ApiOkResponse({ type: BatchGetResultsObject })
  @Problems('answer-too-large')
  async batchGet(
    @Param('project_id') projectId: string,
    @JsonBody(BatchGetBody) { ids, on_merged }: BatchGetBody,
    @Req() request: FastifyRequest,
  ): Promise<BatchGetResultsObject> {
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
  @TakesBasic()
  @ApiOkResponse({ type: ContactObject })
  @Problems(
    'not-found',
    'contact-merged',
    ['contact-merged', 410],
    'contact-deleted',
    'merge-cycle',
    'answer-too-large',
  )
  async get(
    @Param('project_id') projectId: string,
    @Param('contact_id') contactId: string,
    @Query() { on_merged: onMerged, at }: ContactQuery,
    @Req() request: FastifyRequest,
  ): Promise<ContactObject> {
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
}

function viewResolution(
  id: string,
  resolution: Resolution = { state: 'unknown' },
): ResolveResultsObject['results'][number] {
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
