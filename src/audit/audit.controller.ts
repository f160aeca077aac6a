import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../access/scope';
import { Problems } from '../rest/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problem';
import { writeDate, writeTime } from '../rest/read-time';
import { AuditEventsPage, AuditEventsQuery, WholeAuditEvent, type AuditEvent } from './audit.dto';
import {
  AuditRepository,
  BEGINNING,
  type AuditEventRow,
  type AuditFilter,
  type Cursor,
} from './audit.repository';

/** The journal, read. */
@ApiTags('audit')
@Scope('audit:read')
@Controller('v1/projects/:project_id')
export class AuditController {
  constructor(
    private readonly audit: AuditRepository,
    private readonly tokens: PageTokens,
  ) {}

  @Get('audit-events')
  @ApiOkResponse({ type: AuditEventsPage })
  async list(
    @Param('project_id') projectId: string,
    @Query() query: AuditEventsQuery,
  ): Promise<AuditEventsPage> {
    const { from, tokenOf } = this.tokens.page<Cursor>('audit-events', { ...query, projectId });
    const filter = await this.filterOf(projectId, query);
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

  private async filterOf(projectId: string, query: AuditEventsQuery): Promise<AuditFilter> {
    const { contact_id: contactId, received_after: after, received_before: before } = query;
    const losers =
      contactId !== undefined && query.include_merged ? await this.audit.losersOf(projectId, contactId) : [];
    return {
      types: query.type ?? null,
      contactIds: contactId === undefined ? null : [contactId, ...losers],
      source: query.source ?? null,
      actor: query.actor ?? null,
      receivedAfter: after === undefined ? null : writeTime(after),
      receivedBefore: before === undefined ? null : writeTime(before),
      acceptedAfter: query.accepted_after ?? null,
      acceptedBefore: query.accepted_before ?? null,
    };
  }
}

function placeOf(row: AuditEventRow): Cursor {
  return [String(row.era), row.tx, row.id];
}

function viewAuditEvent(projectId: string, row: AuditEventRow): AuditEvent {
  return {
    id: row.id,
    type: row.type,
    project_id: projectId,
    contact_id: row.contact_id,
    related_contact_ids: row.related_contact_ids,
    app_id: row.app_id,
    accepted_at: writeTime(BigInt(row.version)),
    version: row.version,
    received_at: writeDate(row.received_at),
    source: row.source,
    actor: row.actor,
    fingerprint: row.fingerprint,
  };
}
