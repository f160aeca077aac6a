import { Controller, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { WholeMerge } from '../contacts/merges.dto';
import { readSetId } from '../duplicates/set-id';
import { JsonBody } from '../rest/json-body';
import { Problems } from '../rest/openapi';
import { MergePlansService } from './merge-plans.service';
import { MergeBody, MergedDuplicate, MergePreview, MergeQuery, SetMergeBody } from './merging.dto';
import { MergingService, type MergeCause } from './merging.service';
import { SetMergesService } from './set-merges.service';

/** Merging: what it would do, and having Sinch do it. */
@Scope('merges:write')
@Controller('v1/projects/:project_id')
export class MergingController {
  constructor(
    private readonly plans: MergePlansService,
    private readonly merging: MergingService,
    private readonly sets: SetMergesService,
  ) {}

  /**
   * Merges two contacts at Sinch; with `validate_only=true` only tells what that would do.
   *
   * A merge that is asked for again is `merge-blocked` with `already-merged`.
   */
  @ApiTags('merges')
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
    return this.merging.merge(projectId, order, causeOf(caller, reason));
  }

  /** Merges the contacts of a set into one of them, one by one; what was done before a problem stands in its `merges`. */
  @ApiTags('duplicates')
  @Post('duplicates/:duplicate_id(^[^:/]+)::merge')
  @HttpCode(200)
  @ApiOkResponse({ type: MergedDuplicate })
  @Problems('not-found', 'merge-blocked', 'upstream-refused', 'upstream-unavailable')
  async mergeSet(
    @Param('project_id') projectId: string,
    @Param('duplicate_id') id: string,
    @JsonBody(SetMergeBody, 'optional') body: SetMergeBody,
    @CalledBy() caller: Caller,
  ): Promise<MergedDuplicate> {
    const { survivor_id: survivorId = null, force, reason } = body;
    const order = { survivorId, force };
    const { duplicate, merges } = await this.sets.merge(
      projectId,
      readSetId(id),
      order,
      causeOf(caller, reason),
    );
    return { ...duplicate, merges };
  }
}

function causeOf(caller: Caller, reason: string | undefined): MergeCause {
  return { source: 'api', actor: caller.name, said: reason === undefined ? {} : { reason } };
}
