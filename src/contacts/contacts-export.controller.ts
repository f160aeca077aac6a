import { Controller, Get, Param, Query, Req, Res, type StreamableFile } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Scope } from '../access/scope';
import { ApiExport } from '../openapi/api-export';
import type { Exported } from '../rest/exports/export-format';
import { Exports } from '../rest/exports/exports';
import { PageTokens } from '../rest/page-token';
import { AuditRepository } from '../audit/audit.repository';
import { isJsonObject } from '../json/canonical.rule';
import { contactFilter } from './contact-filter';
import { ContactsExportQuery, type ContactObject } from './contacts.dto';
import { ContactsService } from './contacts.service';

/** All contacts at once, for those who take over from there by the feed. */
@ApiTags('contacts')
@Scope('contacts:read')
@Controller('v1/projects/:project_id')
export class ContactsExportController {
  constructor(
    private readonly contacts: ContactsService,
    private readonly audit: AuditRepository,
    private readonly tokens: PageTokens,
    private readonly exports: Exports,
  ) {}

  /** The first line has the token of `contacts:changes` from which the feed shows what the export may have missed. */
  @Get('contacts::export')
  @ApiExport(
    'One line per contact, with the fields of the list, ordered by id. NDJSON: `{"begin":{"feed_token"}}`, then `{"contact"}` for each contact, and at the end `{"end":{"complete":true,"rows"}}`. CSV: the column `record` is `begin` (with `page_token=…` in the next column), `contact` or `end` (with `rows=…`). If the last line is missing, the export was cut off: continue it with `after`, and keep the first feed token.',
  )
  export(
    @Param('project_id') projectId: string,
    @Query() query: ContactsExportQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    return this.stream(projectId, query, request, reply, CONTACTS, (pages) => pages);
  }

  @Get('contact-identities::export')
  @ApiExport(
    'One line per channel identity of all matching contacts, ordered by contact id. The format is that of `contacts:export`, with `contact_identity` for `contact`; `after` is the last contact whose identities were received completely.',
  )
  exportIdentities(
    @Param('project_id') projectId: string,
    @Query() query: ContactsExportQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<StreamableFile> {
    return this.stream(projectId, query, request, reply, IDENTITIES, identitiesOf);
  }

  private async stream<Row>(
    projectId: string,
    { format, markers, bom, after = '', ...query }: ContactsExportQuery,
    request: FastifyRequest,
    reply: FastifyReply,
    exported: Exported<Row>,
    rowsOf: (pages: AsyncGenerator<readonly ContactObject[], void>) => AsyncGenerator<readonly Row[], void>,
  ): Promise<StreamableFile> {
    const filter = contactFilter(query);
    // before the first page: what changes from now on is in the feed
    const feedToken = this.tokens.seal('contacts:changes', { projectId }, await this.audit.latest(projectId));
    const pages = rowsOf(this.contacts.pages(projectId, filter, after));
    return this.exports.stream(request, reply, { format, markers, bom }, exported, feedToken, pages);
  }
}

/** One channel identity of a contact. */
interface IdentityRow {
  readonly contact_id: string;
  /** From 0, in the order of Sinch. */
  readonly position: number;
  readonly channel: string | null;
  readonly identity: string | null;
  readonly app_id: string | null;
  readonly status: string;
}

async function* identitiesOf(
  pages: AsyncGenerator<readonly ContactObject[], void>,
): AsyncGenerator<readonly IdentityRow[], void> {
  for await (const page of pages) yield page.flatMap(identityRows);
}

/** An entry that is no object is none of Sinch's identities; its place is left out. */
function identityRows({ id, channel_identities: identities, mirror }: ContactObject): readonly IdentityRow[] {
  if (!Array.isArray(identities)) return [];
  return identities.flatMap((entry: unknown, position) => {
    if (!isJsonObject(entry)) return [];
    const [channel, identity, appId] = [entry['channel'], entry['identity'], entry['app_id']].map(cell);
    return [
      {
        contact_id: id,
        position,
        channel: channel ?? null,
        identity: identity ?? null,
        app_id: appId ?? null,
        status: mirror.status,
      },
    ];
  });
}

const IDENTITIES: Exported<IdentityRow> = {
  list: 'contact-identities',
  row: 'contact_identity',
  columns: {
    contact_id: ({ contact_id: contactId }) => contactId,
    position: ({ position }) => String(position),
    channel: ({ channel }) => channel,
    identity: ({ identity }) => identity,
    app_id: ({ app_id: appId }) => appId,
    status: ({ status }) => status,
  },
};

const CONTACTS: Exported<ContactObject> = {
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
function field(name: string): (contact: ContactObject) => string | null {
  return (contact) => cell(contact[name]);
}

function cell(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? null : JSON.stringify(value);
}
