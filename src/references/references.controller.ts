import { Controller, Delete, Get, HttpCode, Param, Put, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { Problems } from '../openapi/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { ContactReferencesQuery, ReferenceObject, ReferencesPage, ReferencesQuery } from './references.dto';
import type { ReferencePlace } from './references.repository';
import { ReferencesService } from './references.service';

/** Before every reference. */
const BEGINNING: ReferencePlace = ['', ''];

/** What other systems call contacts. */
@ApiTags('references')
@Controller('v1/projects/:project_id')
export class ReferencesController {
  constructor(
    private readonly references: ReferencesService,
    private readonly tokens: PageTokens,
  ) {}

  /** Kept on the id that it is given for, a merged one too, and answered for the contact that answers for that. */
  @Put('contacts/:contact_id/references/:system/:external_id')
  @Scope('contacts:write')
  @ApiOkResponse({ type: ReferenceObject, description: 'The reference was already set.' })
  @ApiCreatedResponse({ type: ReferenceObject })
  @Problems('not-found', 'contact-deleted', 'merge-cycle', 'reference-taken', 'answer-too-large')
  async put(
    @Param('project_id') projectId: string,
    @Param('contact_id') contactId: string,
    @Param('system') system: string,
    @Param('external_id') externalId: string,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReferenceObject> {
    const name = { system, externalId };
    const { isNew, reference } = await this.references.put(projectId, contactId, name, caller.name);
    reply.status(isNew ? 201 : 200);
    return reference;
  }

  @Delete('contacts/:contact_id/references/:system/:external_id')
  @HttpCode(204)
  @Scope('contacts:write')
  @ApiNoContentResponse({ description: 'The reference does not exist now, whether or not it did before.' })
  @Problems('reference-taken', 'answer-too-large')
  async remove(
    @Param('project_id') projectId: string,
    @Param('contact_id') contactId: string,
    @Param('system') system: string,
    @Param('external_id') externalId: string,
    @CalledBy() caller: Caller,
  ): Promise<void> {
    await this.references.remove(projectId, contactId, { system, externalId }, caller.name);
  }

  /** Those of the contact that answers for the id, and of all that were merged into it. */
  @Get('contacts/:contact_id/references')
  @Scope('contacts:read')
  @ApiOkResponse({
    type: ReferencesPage,
    description: 'References of up to 10,000 merged ids of the contact.',
  })
  @Problems('not-found', 'answer-too-large')
  async ofContact(
    @Param('project_id') projectId: string,
    @Param('contact_id') contactId: string,
    @Query() query: ContactReferencesQuery,
  ): Promise<ReferencesPage> {
    const bound = { ...query, projectId, contactId };
    const { from, tokenOf } = this.tokens.page<ReferencePlace>('references', bound);
    const found = await this.references.ofContact(
      projectId,
      contactId,
      from ?? BEGINNING,
      query.page_size + 1,
    );
    const { shown, last } = cutPage(found, query.page_size);
    return { references: shown, next_page_token: tokenOf(last && [last.system, last.external_id]) };
  }

  @Get('references/:system/:external_id')
  @Scope('contacts:read')
  @ApiOkResponse({ type: ReferenceObject })
  @Problems('not-found', 'answer-too-large')
  async get(
    @Param('project_id') projectId: string,
    @Param('system') system: string,
    @Param('external_id') externalId: string,
  ): Promise<ReferenceObject> {
    return this.references.get(projectId, { system, externalId });
  }

  @Get('references')
  @Scope('contacts:read')
  @ApiOkResponse({ type: ReferencesPage })
  @Problems('answer-too-large')
  async list(
    @Param('project_id') projectId: string,
    @Query() query: ReferencesQuery,
  ): Promise<ReferencesPage> {
    const { from, tokenOf } = this.tokens.page<ReferencePlace>('all-references', { ...query, projectId });
    const { references, next } = await this.references.page(
      projectId,
      query.system ?? null,
      query.state ?? null,
      from ?? BEGINNING,
      query.page_size,
    );
    return { references, next_page_token: tokenOf(next) };
  }
}
