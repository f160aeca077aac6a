import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../../access/scope';
import type { MergeFilter, MergePlace } from './merges.repository';
import { Problems } from '../../openapi/openapi';
import { PageTokens } from '../../rest/page-token';
import { MergesPage, MergesQuery, WholeMergeObject } from './merges.dto';
import { MergesService } from './merges.service';

/** Merges: what each moved, filled and lost. */
@ApiTags('merges')
@Scope('contacts:read')
@Controller('v1/projects/:project_id')
export class MergesController {
  constructor(
    private readonly merges: MergesService,
    private readonly tokens: PageTokens,
  ) {}

  @Get('merges')
  @ApiOkResponse({ type: MergesPage })
  async list(@Param('project_id') projectId: string, @Query() query: MergesQuery): Promise<MergesPage> {
    const { from, tokenOf } = this.tokens.page<MergePlace>('merges', { ...query, projectId });
    const { merges, next } = await this.merges.page(projectId, mergeFilter(query), from, query.page_size);
    return { merges, next_page_token: tokenOf(next) };
  }

  @Get('merges/:merge_id')
  @ApiOkResponse({ type: WholeMergeObject })
  @Problems('not-found')
  get(@Param('project_id') projectId: string, @Param('merge_id') id: string): Promise<WholeMergeObject> {
    return this.merges.get(projectId, id);
  }
}

function mergeFilter(query: MergesQuery): MergeFilter {
  return {
    contactId: query.contact_id ?? null,
    survivorId: query.survivor_id ?? null,
    loserId: query.loser_id ?? null,
    source: query.source ?? null,
    after: query.after ?? null,
    before: query.before ?? null,
  };
}
