import { Controller, Get, Param, Query, Req, Res, type StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Scope } from '../access/scope';
import { ApiExport } from '../openapi/api-export';
import type { Exported } from '../rest/exports/export-format';
import { Exports } from '../rest/exports/exports';
import { PageTokens } from '../rest/page-token';
import { invalidRequest } from '../rest/read-dto';
import { AuditEventsExportQuery, type AuditEventObject } from './audit.dto';
import { auditFilter } from './audit-filter';
import {
  AuditRepository,
  BEGINNING,
  type AuditFilter,
  type Cursor,
  type FeedPlace,
} from './audit.repository';
import { eventLost } from './event-lost';
import { HistoriesRepository } from './histories.repository';
import { readSequence, standsBefore } from './read-sequence.rule';
import { viewAuditEvent } from './view-audit-event';

/** Most events that are read at once. */
const exportSize = 500;

interface ExportedEvent extends AuditEventObject {
  /** The place in commit order. */
  readonly sequence: string;
}

/** The whole journal at once, as it is when the export begins. */
@ApiTags('audit')
@Scope('audit:read')
@Controller('v1/projects/:project_id')
export class AuditExportController {
  constructor(
    private readonly audit: AuditRepository,
    private readonly histories: HistoriesRepository,
    private readonly tokens: PageTokens,
    private readonly exports: Exports,
  ) {}

  /** The first line has the token with which `audit-events?order=asc` continues where the export ends. */
  @Get('audit-events::export')
  @ApiExport(
    'One line per event, in commit order. NDJSON: `{"begin":{"feed_token"}}`, then `{"audit_event"}` for each event, with its `sequence`, and at the end `{"end":{"complete":true,"rows"}}`. CSV: the column `record` is `begin` (with `page_token=…` in the next column), `audit_event` or `end` (with `rows=…`). If the last line is missing, the export was cut off: continue it with `after`.',
  )
  async export(
    @Param('project_id') projectId: string,
    @Query() { format, markers, bom, after, ...query }: AuditEventsExportQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const from = after === undefined ? BEGINNING : readSequence(after);
    if (from === null) {
      const message = 'must be the sequence of an event, such as 1.769.1';
      throw invalidRequest([{ pointer: '/query/after', code: 'sequence', message }]);
    }
    if (after !== undefined && !(await this.audit.has(projectId, [...from, '']))) throw eventLost('after');
    const filter = await auditFilter(this.audit, this.histories, projectId, query);
    const end = await this.audit.latest(projectId);
    const feedToken = this.tokens.seal('audit-events', { ...query, order: 'asc', projectId }, end);
    const pages = this.pages(projectId, filter, from, end);
    return this.exports.stream(request, reply, { format, markers, bom }, EVENTS, feedToken, pages);
  }

  private async *pages(
    projectId: string,
    filter: AuditFilter,
    from: Cursor,
    end: FeedPlace,
  ): AsyncGenerator<readonly ExportedEvent[], void> {
    for (let after: Cursor | undefined = from; after !== undefined;) {
      const rows = await this.audit.feed(projectId, filter, after, exportSize);
      const wanted = rows.filter(({ era, tx, id }) => !standsBefore(end, [String(era), tx, id]));
      if (wanted.length > 0) {
        yield wanted.map((row) => ({
          sequence: `${row.era}.${row.tx}.${row.id}`,
          ...viewAuditEvent(projectId, row),
        }));
      }
      const last = wanted.length === rows.length ? wanted.at(-1) : undefined;
      after = last && [String(last.era), last.tx, last.id];
    }
  }
}

const EVENTS: Exported<ExportedEvent> = {
  list: 'audit-events',
  row: 'audit_event',
  columns: {
    sequence: ({ sequence }) => sequence,
    id: ({ id }) => id,
    type: ({ type }) => type,
    project_id: ({ project_id: projectId }) => projectId,
    contact_id: ({ contact_id: contactId }) => contactId,
    related_contact_ids: ({ related_contact_ids: ids }) => JSON.stringify(ids),
    app_id: ({ app_id: appId }) => appId,
    accepted_at: ({ accepted_at: acceptedAt }) => acceptedAt,
    version: ({ version }) => version,
    received_at: ({ received_at: receivedAt }) => receivedAt,
    source: ({ source }) => source,
    actor: ({ actor }) => actor,
    fingerprint: ({ fingerprint }) => fingerprint,
  },
};
