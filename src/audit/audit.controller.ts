import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../access/scope';
import { fitting } from '../rest/answer-size';
import { Problems } from '../openapi/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problems/problem';
import { AuditEventsPage, AuditEventsQuery, WholeAuditEventObject } from './audit.dto';
import { AuditRepository, FEED_BEGINNING, placeOf, type Cursor, type FeedPlace } from './audit.repository';
import { eventLost } from './event-lost';
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
    const { from, tokenOf } = this.tokens.page<FeedPlace>('audit-events', { ...query, projectId });
    const filter = await auditFilter(this.audit, this.histories, projectId, query);
    if (query.order === 'asc') {
      const after = from ?? FEED_BEGINNING;
      const [isThere, found] = await Promise.all([
        this.audit.has(projectId, after),
        this.audit.feed(projectId, filter, after, query.page_size),
      ]);
      if (!isThere) throw eventLost('page_token');
      const shown = fitting(found);
      const last = shown.at(-1);
      return {
        audit_events: shown.map((row) => viewAuditEvent(projectId, row)),
        next_page_token: tokenOf(last === undefined ? after : placeOf(last)),
      };
    }
    const before = from === null ? null : cursorOf(from);
    const rows = await this.audit.page(projectId, filter, before, query.page_size + 1);
    const { shown, last } = cutPage(rows, query.page_size);
    return {
      audit_events: shown.map((row) => viewAuditEvent(projectId, row)),
      next_page_token: tokenOf(last && placeOf(last)),
    };
  }

  @Get('audit-events/:event_id')
  @ApiOkResponse({ type: WholeAuditEventObject })
  @Problems('not-found')
  async get(
    @Param('project_id') projectId: string,
    @Param('event_id') eventId: string,
  ): Promise<WholeAuditEventObject> {
    const row = /^\d{1,18}$/.test(eventId) ? await this.audit.find(projectId, eventId) : null;
    if (row === null) throw new Problem('not-found', 'Event not found in the journal of this project.');
    return {
      ...viewAuditEvent(projectId, row),
      payload: row.payload.toString('utf8'),
      payload_base64: row.payload.toString('base64'),
      signature: row.signature,
    };
  }
}

function cursorOf([era, tx, id]: FeedPlace): Cursor {
  return [era, tx, id];
}
