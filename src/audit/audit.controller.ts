import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../access/scope';
import { Problems } from '../rest/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problem';
import { AuditEventsPage, AuditEventsQuery, WholeAuditEvent } from './audit.dto';
import { AuditRepository, BEGINNING, type AuditEventRow, type Cursor } from './audit.repository';
import { HistoriesRepository } from './histories.repository';
import { auditFilter } from './audit-filter';
import { viewAuditEvent } from './view-audit-event';

/** The journal, read. */
@ApiTags('audit')
@Scope('audit:read')
@Controller('v1/projects/:project_id')
export class AuditController {
  constructor(
    private readonly audit: AuditRepository,
    private readonly histories: HistoriesRepository,
    private readonly tokens: PageTokens,
  ) {}

  @Get('audit-events')
  @ApiOkResponse({ type: AuditEventsPage })
  async list(
    @Param('project_id') projectId: string,
    @Query() query: AuditEventsQuery,
  ): Promise<AuditEventsPage> {
    const { from, tokenOf } = this.tokens.page<Cursor>('audit-events', { ...query, projectId });
    const filter = await auditFilter(this.histories, projectId, query);
    if (query.order === 'asc') {
      const rows = await this.audit.feed(projectId, filter, from ?? BEGINNING, query.page_size);
      const last = rows.at(-1);
      const next = last === undefined ? (from ?? BEGINNING) : placeOf(last);
      return {
        audit_events: rows.map((row) => viewAuditEvent(projectId, row)),
        next_page_token: tokenOf(next),
      };
    }
    const rows = await this.audit.page(projectId, filter, from, query.page_size + 1);
    const { shown, last } = cutPage(rows, query.page_size);
    return {
      audit_events: shown.map((row) => viewAuditEvent(projectId, row)),
      next_page_token: tokenOf(last && placeOf(last)),
    };
  }

  @Get('audit-events/:event_id')
  @ApiOkResponse({ type: WholeAuditEvent })
  @Problems('not-found')
  async get(
    @Param('project_id') projectId: string,
    @Param('event_id') eventId: string,
  ): Promise<WholeAuditEvent> {
    const row = /^\d{1,18}$/.test(eventId) ? await this.audit.find(projectId, eventId) : null;
    if (row === null) throw new Problem('not-found', 'The journal of this project has no such event.');
    return {
      ...viewAuditEvent(projectId, row),
      payload: row.payload.toString('utf8'),
      payload_base64: row.payload.toString('base64'),
      signature: row.signature,
    };
  }
}

function placeOf(row: AuditEventRow): Cursor {
  return [String(row.era), row.tx, row.id];
}
