import { Controller, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requestIdOf } from '../idempotency/idempotency.service';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { mergeId } from '../contacts/merges/merge-id.rule';
import { WholeMergeObject } from '../contacts/merges/merges.dto';
import { MergesService } from '../contacts/merges/merges.service';
import { readSetId } from '../duplicates/set-id';
import { JsonBody } from '../rest/json-body';
import { Problems } from '../openapi/openapi';
import { MergePlannerService } from './merge-planner.service';
import {
  MergeBody,
  MergedDuplicateObject,
  MergePreviewObject,
  MergeQuery,
  SetMergeBody,
} from './merging.dto';
import type { MergeOrigin } from '../merge-intents/merge-intents.repository';
import { PairMergerService } from './pair-merger.service';
import { SetMergerService } from './set-merger.service';

/** Merging: what it would do, and having Sinch do it. */
@Scope('merges:write')
@Controller('v1/projects/:project_id')
export class MergingController {
  constructor(
    private readonly planner: MergePlannerService,
    private readonly pairs: PairMergerService,
    private readonly sets: SetMergerService,
    private readonly merges: MergesService,
  ) {}

  /**
   * Merges two contacts at Sinch; with `validate_only=true` only tells what that would do.
   *
   * A merge that is asked for again is `merge-blocked` with `already-merged`.
   */
  @ApiTags('merges')
  @Post('merges')
  @HttpCode(201)
  @ApiOkResponse({
    type: MergePreviewObject,
    description: 'The preview, with `validate_only=true`. Nothing was changed.',
  })
  @ApiCreatedResponse({ type: WholeMergeObject })
  @Problems('merge-blocked', 'upstream-refused', 'upstream-unavailable')
  async merge(
    @Param('project_id') projectId: string,
    @Query() { validate_only: isPreview }: MergeQuery,
    @JsonBody(MergeBody) body: MergeBody,
    @CalledBy() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<MergePreviewObject | WholeMergeObject> {
    const { survivor_id: survivorId, loser_id: loserId, force, reason } = body;
    const order = { survivorId, loserId, force };
    if (isPreview) {
      reply.status(200);
      return (await this.planner.plan(projectId, order)).plan;
    }
    await this.pairs.merge(projectId, order, originOf(request, caller, reason));
    return this.merges.get(projectId, mergeId(loserId, survivorId));
  }

  /**
   * Merges the contacts of a set into one of them, one by one; what was done before a problem stands in its `merges`.
   *
   * A set whose contacts were merged before is answered with those merges, so the request may be sent again.
   */
  @ApiTags('duplicates')
  @Post('duplicates/:duplicate_id(^[^:/]+)::merge')
  @HttpCode(200)
  @ApiOkResponse({ type: MergedDuplicateObject })
  @Problems('not-found', 'merge-blocked', 'answer-too-large', 'upstream-refused', 'upstream-unavailable')
  async mergeSet(
    @Param('project_id') projectId: string,
    @Param('duplicate_id') id: string,
    @JsonBody(SetMergeBody, 'optional') body: SetMergeBody,
    @CalledBy() caller: Caller,
    @Req() request: FastifyRequest,
  ): Promise<MergedDuplicateObject> {
    const { survivor_id: survivorId = null, force, reason } = body;
    const order = { survivorId, force };
    const { duplicate, merges } = await this.sets.merge(
      projectId,
      readSetId(id),
      order,
      originOf(request, caller, reason),
    );
    return { ...duplicate, merges };
  }
}

function originOf(
  { begun }: Pick<FastifyRequest, 'begun'>,
  caller: Caller,
  reason: string | undefined,
): MergeOrigin {
  const said = reason === undefined ? {} : { reason };
  return { source: 'api', actor: caller.name, said, requestId: begun ? requestIdOf(begun) : null };
}
