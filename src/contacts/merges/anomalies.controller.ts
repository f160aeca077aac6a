import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../../access/scope';
import { fitting } from '../../rest/answer-size';
import { PageTokens } from '../../rest/page-token';
import { AnomaliesPage, AnomaliesQuery } from './anomalies.dto';
import { AnomaliesService, type AnomalyPlace } from './anomalies.service';

/** Contradictions in what Sinch reported. */
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
    const { from, tokenOf } = this.tokens.page<AnomalyPlace>('anomalies', { ...query, projectId });
    const { anomalies, next } = await this.anomalies.page(
      projectId,
      query.kind ?? null,
      from,
      query.page_size,
    );
    const shown = fitting(anomalies);
    const last = shown.at(-1);
    const isCut = shown.length < anomalies.length && last !== undefined;
    return { anomalies: shown, next_page_token: tokenOf(isCut ? [last.kind, last.contact_id] : next) };
  }
}
