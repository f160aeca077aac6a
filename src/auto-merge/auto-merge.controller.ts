import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { AutoMergeStateService } from '../duplicates/auto-merge/auto-merge-state.service';
import { AutoMergeStateObject, DecisionBody } from '../duplicates/duplicates.dto';
import { JsonBody } from '../rest/json-body';

/** Merging by rule that has stopped itself. */
@ApiTags('duplicates')
@Controller('v1/projects/:project_id')
export class AutoMergeController {
  constructor(private readonly autoMerges: AutoMergeStateService) {}

  /** Resumes automatic merging after it stopped because of failures. */
  @Post('duplicates::resumeAutoMerge')
  @HttpCode(200)
  @Scope('ops')
  @ApiOkResponse({ type: AutoMergeStateObject })
  async resumeAutoMerge(
    @Param('project_id') projectId: string,
    @JsonBody(DecisionBody, 'optional') { reason }: DecisionBody,
    @CalledBy() caller: Caller,
  ): Promise<AutoMergeStateObject> {
    await this.autoMerges.resume(projectId, caller.name, reason ?? null);
    return this.autoMerges.find(projectId);
  }
}
