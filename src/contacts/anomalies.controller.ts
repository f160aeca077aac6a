import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../access/scope';
import { PageTokens } from '../rest/page-token';
import { AnomaliesPage, AnomaliesQuery } from './anomalies.dto';
import { AnomaliesService, type AnomalyPlace } from './anomalies.service';

/** What Sinch told that does not go together. */
@ApiTags('merges')
@Scope('contacts:read')
@Controller('v1/projects/:project_id')
export class AnomaliesController {
  constructor(
    private readonly anomalies: AnomaliesService,
    private readonly tokens: PageTokens,
  ) {}

  @Get('anomalies')
  @ApiOkResponse({ type: AnomaliesPage })
  async list(@Param('project_id') projectId: string, @Query() query: AnomaliesQuery): Promise<AnomaliesPage> {
    const bound = { ...query, projectId };
    const after =
      query.page_token === undefined ? null : this.tokens.open('anomalies', bound, query.page_token);
    const found = await this.anomalies.page(
      projectId,
      query.kind ?? null,
      after as unknown as AnomalyPlace | null, // sealed below
      query.page_size + 1,
    );
    const shown = found.slice(0, query.page_size);
    const last = found.length > shown.length ? shown.at(-1) : undefined;
    return {
      anomalies: shown,
      next_page_token:
        last === undefined ? '' : this.tokens.seal('anomalies', bound, [last.kind, last.contact_id]),
    };
  }
}
