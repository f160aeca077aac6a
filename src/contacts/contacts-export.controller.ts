import { Controller, Get, Param, Query, Req, Res, type StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Scope } from '../access/scope';
import { ApiExport } from '../rest/api-export';
import type { Exported } from '../rest/export-format';
import { Exports } from '../rest/exports';
import { PageTokens } from '../rest/page-token';
import { ChangesService } from './changes.service';
import { contactFilter } from './contact-filter';
import { ContactsExportQuery } from './contacts.dto';
import { ContactsService } from './contacts.service';
import type { ContactView } from './view-contact';

/** All contacts at once, for those who take over from there by the feed. */
@ApiTags('contacts')
@Scope('contacts:read')
@Controller('v1/projects/:project_id')
export class ContactsExportController {
  constructor(
    private readonly contacts: ContactsService,
    private readonly feed: ChangesService,
    private readonly tokens: PageTokens,
    private readonly exports: Exports,
  ) {}

  /** The first line tells the token of `contacts:changes` from which on the feed tells what the export may have missed. */
  @Get('contacts::export')
  @ApiExport(
    'One line a contact, as the list has it, in the order of ids. NDJSON: `{"begin":{"feed_token"}}`, then `{"contact"}` for each, at last `{"end":{"complete":true,"rows"}}`. CSV: the column `record` says `begin` (`page_token=…` beside it), `contact` or `end` (`rows=…`). Without the last line it was cut off: go on with `after`, and keep the first feed token.',
  )
  async export(
    @Param('project_id') projectId: string,
    @Query() { format, after = '', ...query }: ContactsExportQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    const filter = contactFilter(query);
    // before the first page: what changes from now on is in the feed
    const feedToken = this.tokens.seal('contacts:changes', { projectId }, await this.feed.latest(projectId));
    const pages = this.contacts.pages(projectId, filter, after);
    return this.exports.stream(request, reply, format, CONTACTS, feedToken, pages);
  }
}

const CONTACTS: Exported<ContactView> = {
  list: 'contacts',
  row: 'contact',
  columns: {
    id: ({ id }) => id,
    status: ({ mirror }) => mirror.status,
    display_name: field('display_name'),
    email: field('email'),
    external_id: field('external_id'),
    language: field('language'),
    channel_identities: field('channel_identities'),
    channel_priority: field('channel_priority'),
    metadata: field('metadata'),
    consolidated_metadata: ({ mirror }) => mirror.consolidated_metadata,
    version: ({ mirror }) => mirror.version,
    accepted_at: ({ mirror }) => mirror.accepted_at,
    updated_at: ({ mirror }) => mirror.updated_at,
    survivor_id: ({ mirror }) => mirror.survivor_id,
    merged_ids: ({ mirror }) => JSON.stringify(mirror.merged_ids),
    open_duplicates: ({ mirror }) => JSON.stringify(mirror.open_duplicates),
  },
};

/** A field of Sinch's: text as it is, anything else as JSON. */
function field(name: string): (contact: ContactView) => string | null {
  return (contact) => {
    const value = contact[name];
    return typeof value === 'string'
      ? value
      : value === undefined || value === null
        ? null
        : JSON.stringify(value);
  };
}
