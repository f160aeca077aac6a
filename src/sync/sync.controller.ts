import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { JsonBody } from '../rest/json-body';
import { Problems } from '../openapi/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problems/problem';
import { writeDate } from '../json/read-time.rule';
import { SyncRunBody, SyncRunsPage, SyncRunsQuery, SyncRunObject } from './sync.dto';
import { type SyncRun, SyncRunsRepository } from './sync-runs.repository';
import { SyncService } from './sync.service';

/** Sweeps through all contacts that Sinch has: to begin with, and for what its callbacks did not bring. */
@ApiTags('sync')
@Scope('ops')
@Controller('v1/projects/:project_id')
export class SyncController {
  constructor(
    private readonly sync: SyncService,
    private readonly runs: SyncRunsRepository,
    private readonly tokens: PageTokens,
  ) {}

  /** One run of a project is under way at a time; requested again, it is returned. `confirm` continues a waiting one. */
  @Post('sync-runs')
  @HttpCode(202)
  @ApiAcceptedResponse({ type: SyncRunObject })
  @Problems('sync-under-way', 'upstream-unavailable')
  async request(
    @Param('project_id') projectId: string,
    @JsonBody(SyncRunBody) { mode, confirm }: SyncRunBody,
    @CalledBy() caller: Caller,
  ): Promise<SyncRunObject> {
    return viewRun(await this.sync.request(projectId, mode, confirm ?? false, caller.name));
  }

  /** Newest first. */
  @Get('sync-runs')
  @ApiOkResponse({ type: SyncRunsPage })
  async list(@Param('project_id') projectId: string, @Query() query: SyncRunsQuery): Promise<SyncRunsPage> {
    const { from, tokenOf } = this.tokens.page<readonly [id: string]>('sync-runs', { ...query, projectId });
    const found = await this.runs.page(projectId, from?.[0] ?? null, query.page_size + 1);
    const { shown, last } = cutPage(found, query.page_size);
    return { sync_runs: shown.map(viewRun), next_page_token: tokenOf(last && [last.id]) };
  }

  @Get('sync-runs/:run_id')
  @ApiOkResponse({ type: SyncRunObject })
  @Problems('not-found')
  async get(@Param('project_id') projectId: string, @Param('run_id') id: string): Promise<SyncRunObject> {
    return viewRun(await this.sync.get(projectId, knownForm(id)));
  }

  /** Ends a run; one that has ended is answered as it is. What it was writing may still be written. */
  @Post('sync-runs/:run_id(^[^:/]+)::cancel')
  @ApiOkResponse({ type: SyncRunObject })
  @Problems('not-found')
  async cancel(@Param('project_id') projectId: string, @Param('run_id') id: string): Promise<SyncRunObject> {
    return viewRun(await this.sync.cancel(projectId, knownForm(id)));
  }
}

/** @throws Problem `not-found` for what cannot be the id of a run */
function knownForm(id: string): string {
  if (/^\d{1,18}$/.test(id)) return id;
  throw new Problem('not-found', 'Run not found in this project.');
}

function viewRun(run: SyncRun): SyncRunObject {
  const { contacts, ...drift } = run.tally;
  return {
    id: run.id,
    project_id: run.project_id,
    mode: run.mode,
    state: run.state,
    phase: run.phase,
    requested_by: run.requested_by,
    requested_at: writeDate(run.requested_at),
    started_at: run.started_at && writeDate(run.started_at),
    finished_at: run.finished_at && writeDate(run.finished_at),
    confirmed: run.confirmed,
    pages: run.pages,
    contacts,
    contacts_expected: run.contacts_expected,
    drift,
    absence_candidates: run.candidates,
    active_contacts: run.active_contacts,
    error: run.error,
    waiting_until: run.waiting_until && writeDate(run.waiting_until),
    waiting_reason: run.waiting_reason,
  };
}
