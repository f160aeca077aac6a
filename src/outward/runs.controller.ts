import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { requireScope } from '../access/access.guard';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { writeDate } from '../json/read-time.rule';
import { Problems } from '../openapi/openapi';
import { JsonBody } from '../rest/json-body';
import { cutPage, PageTokens } from '../rest/page-token';
import type { Run } from './run-request';
import { ReplayBody, RunObject, RunsPage, RunsQuery, SnapshotBody } from './runs.dto';
import { type CountedReplay, RunsService } from './runs.service';

/** Replays and snapshots of a subscription. Their bodies are contacts, so who asks for them must be allowed to read those. */
@ApiTags('subscriptions')
@Controller('v1/projects/:project_id/subscriptions')
export class RunsController {
  constructor(
    private readonly runs: RunsService,
    private readonly tokens: PageTokens,
  ) {}

  @Post(':subscription_id(^[^:/]+)::replay')
  @HttpCode(202)
  @Scope('outward:write')
  @ApiAcceptedResponse({ type: RunObject })
  @Problems('not-found', 'run-under-way')
  async replay(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @JsonBody(ReplayBody) body: ReplayBody,
    @CalledBy() caller: Caller,
  ): Promise<RunObject> {
    requireScope(caller, 'contacts:read');
    const run = await this.runs.replay(projectId, subscriptionId, body, caller.name);
    return 'id' in run ? viewRun(run) : viewCounted(run, caller.name);
  }

  @Post(':subscription_id(^[^:/]+)::snapshot')
  @HttpCode(202)
  @Scope('outward:write')
  @ApiAcceptedResponse({ type: RunObject })
  @Problems('not-found', 'run-under-way')
  async snapshot(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @JsonBody(SnapshotBody, 'optional') body: SnapshotBody,
    @CalledBy() caller: Caller,
  ): Promise<RunObject> {
    requireScope(caller, 'contacts:read');
    return viewRun(await this.runs.snapshot(projectId, subscriptionId, body, caller.name));
  }

  @Get(':subscription_id/runs')
  @Scope('outward:read')
  @ApiOkResponse({ type: RunsPage })
  @Problems('not-found')
  async list(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @Query() query: RunsQuery,
  ): Promise<RunsPage> {
    const { from, tokenOf } = this.tokens.page<readonly [id: string]>('runs', {
      ...query,
      projectId,
      subscriptionId,
    });
    const found = await this.runs.page(projectId, subscriptionId, from?.[0] ?? null, query.page_size + 1);
    const { shown, last } = cutPage(found, query.page_size);
    return { runs: shown.map(viewRun), next_page_token: tokenOf(last && [last.id]) };
  }

  @Get(':subscription_id/runs/:run_id')
  @Scope('outward:read')
  @ApiOkResponse({ type: RunObject })
  @Problems('not-found')
  async get(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @Param('run_id') id: string,
  ): Promise<RunObject> {
    return viewRun(await this.runs.get(projectId, subscriptionId, id));
  }

  @Post(':subscription_id/runs/:run_id(^[^:/]+)::stop')
  @HttpCode(200)
  @Scope('outward:write')
  @ApiOkResponse({ type: RunObject })
  @Problems('not-found')
  async stop(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @Param('run_id') id: string,
  ): Promise<RunObject> {
    return viewRun(await this.runs.stop(projectId, subscriptionId, id));
  }
}

function viewRun(run: Run): RunObject {
  const { id, kind, state, total, done, request, requestedBy, requestedAt, finishedAt } = run;
  return {
    id,
    kind,
    state,
    total,
    done,
    request: shownOf(request),
    requested_by: requestedBy,
    requested_at: writeDate(requestedAt),
    finished_at: finishedAt && writeDate(finishedAt),
  };
}

function viewCounted({ request, total }: CountedReplay, actor: string): RunObject {
  return {
    id: null,
    kind: 'replay',
    state: 'counted',
    total,
    done: 0,
    request: shownOf(request),
    requested_by: actor,
    requested_at: writeDate(new Date()),
    finished_at: null,
  };
}

/** Without the places that the run is read by. */
function shownOf(request: Run['request']): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(request).filter(([name]) => name !== 'windows'));
}
