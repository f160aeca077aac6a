import { Controller, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { WholeMerge } from '../contacts/merges.dto';
import { JsonBody } from '../rest/json-body';
import { Problems } from '../rest/openapi';
import { MergePlansService } from './merge-plans.service';
import { MergeBody, MergePreview, MergeQuery } from './merging.dto';
import { MergingService } from './merging.service';

/** Merging: what it would do, and having Sinch do it. */
@ApiTags('merges')
@Scope('merges:write')
@Controller('v1/projects/:project_id')
export class MergingController {
  constructor(
    private readonly plans: MergePlansService,
    private readonly merging: MergingService,
  ) {}

  /**
   * Merges two contacts at Sinch; with `validate_only=true` only tells what that would do.
   *
   * A merge that is asked for again is `merge-blocked` with `already-merged`.
   */
  @Post('merges')
  @HttpCode(201)
  @ApiOkResponse({ type: MergePreview, description: 'With `validate_only=true`: nothing was changed.' })
  @ApiCreatedResponse({ type: WholeMerge })
  @Problems('merge-blocked', 'upstream-refused', 'upstream-unavailable')
  async merge(
    @Param('project_id') projectId: string,
    @Query() { validate_only: isPreview }: MergeQuery,
    @JsonBody(MergeBody) body: MergeBody,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MergePreview | WholeMerge> {
    const { survivor_id: survivorId, loser_id: loserId, force, reason } = body;
    const order = { survivorId, loserId, force };
    if (isPreview) {
      reply.status(200);
      return (await this.plans.plan(projectId, order)).plan;
    }
    const said = reason === undefined ? {} : { reason };
    return this.merging.merge(projectId, order, { source: 'api', actor: caller.name, said });
  }
}
