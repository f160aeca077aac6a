import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { msOf } from '../base/nanoseconds.rule';
import { CalledBy, Scope, TakesBasic, type Caller } from '../access/scope';
import { JsonBody } from '../rest/json-body';
import { Problems } from '../openapi/openapi';
import { PageTokens } from '../rest/page-token';
import { invalidRequest } from '../rest/read-dto';
import { readTime, writeTime } from '../json/read-time.rule';
import { ConflictsService } from './conflicts.service';
import { DecisionsService, type Decided } from './decisions.service';
import {
  ConflictsPage,
  ConflictsQuery,
  DecisionBody,
  DuplicatesPage,
  DuplicatesQuery,
  ScanObject,
  SnoozeBody,
  SummaryAnswer,
  SummaryQuery,
  WholeDuplicateObject,
} from './duplicates.dto';
import { DuplicatesService } from './duplicates.service';
import { ScansRepository } from './scans.repository';
import { readSetId } from './set-id';
import type { SetPlace } from '../matching/sets.repository';
import { SummaryService } from './summary.service';
import { viewScan } from './view-scan';

/** Longest snooze, in ms. */
const snoozeMaxMs = 366 * 86_400_000;

/** The queue of duplicates: sets to look at, and what people decide about them. */
@ApiTags('duplicates')
@Controller('v1/projects/:project_id')
export class DuplicatesController {
  constructor(
    private readonly duplicates: DuplicatesService,
    private readonly decisions: DecisionsService,
    private readonly tokens: PageTokens,
  ) {}

  @Get('duplicates')
  @Scope('contacts:read')
  @ApiOkResponse({ type: DuplicatesPage })
  async list(
    @Param('project_id') projectId: string,
    @Query() query: DuplicatesQuery,
  ): Promise<DuplicatesPage> {
    const { from, tokenOf } = this.tokens.page<SetPlace>('duplicates', { ...query, projectId });
    const filter = {
      status: query.status,
      reason: query.reason ?? null,
      channel: query.channel ?? null,
      contactId: query.contact_id ?? null,
      sizeMin: query.min_size ?? null,
    };
    const { duplicates, next } = await this.duplicates.page(projectId, filter, from, query.page_size);
    return { duplicates, next_page_token: tokenOf(next) };
  }

  @Get('duplicates/:duplicate_id')
  @Scope('contacts:read')
  @ApiOkResponse({ type: WholeDuplicateObject })
  @Problems('not-found')
  async get(
    @Param('project_id') projectId: string,
    @Param('duplicate_id') id: string,
  ): Promise<WholeDuplicateObject> {
    return this.duplicates.get(projectId, readSetId(id));
  }

  /** Its contacts are no duplicates of each other, whatever is reported later; a further contact makes a set again. */
  @Post('duplicates/:duplicate_id(^[^:/]+)::dismiss')
  @Scope('duplicates:review')
  @ApiOkResponse({ type: WholeDuplicateObject })
  @Problems('not-found')
  async dismiss(
    @Param('project_id') projectId: string,
    @Param('duplicate_id') id: string,
    @JsonBody(DecisionBody, 'optional') body: DecisionBody,
    @CalledBy() caller: Caller,
  ): Promise<WholeDuplicateObject> {
    await this.decisions.dismiss(projectId, readSetId(id), decidedBy(caller, body));
    return this.duplicates.get(projectId, id);
  }

  /** Takes a dismissal back, or ends a snooze. */
  @Post('duplicates/:duplicate_id(^[^:/]+)::reopen')
  @Scope('duplicates:review')
  @ApiOkResponse({ type: WholeDuplicateObject })
  @Problems('not-found')
  async reopen(
    @Param('project_id') projectId: string,
    @Param('duplicate_id') id: string,
    @JsonBody(DecisionBody, 'optional') body: DecisionBody,
    @CalledBy() caller: Caller,
  ): Promise<WholeDuplicateObject> {
    await this.decisions.reopen(projectId, readSetId(id), decidedBy(caller, body));
    return this.duplicates.get(projectId, id);
  }

  /** Takes the set out of the queue until a time. */
  @Post('duplicates/:duplicate_id(^[^:/]+)::snooze')
  @Scope('duplicates:review')
  @ApiOkResponse({ type: WholeDuplicateObject })
  @Problems('not-found')
  async snooze(
    @Param('project_id') projectId: string,
    @Param('duplicate_id') id: string,
    @JsonBody(SnoozeBody) body: SnoozeBody,
    @CalledBy() caller: Caller,
  ): Promise<WholeDuplicateObject> {
    const decided = decidedBy(caller, body);
    await this.decisions.snooze(projectId, readSetId(id), snoozeEnd(body.until, decided.at), decided);
    return this.duplicates.get(projectId, id);
  }
}

/** Duplicates as a whole: counts, scans, and conflicts in the format of Sinch's own route. */
@ApiTags('duplicates')
@Controller('v1/projects/:project_id')
export class DuplicatesOverviewController {
  constructor(
    private readonly summaries: SummaryService,
    private readonly scans: ScansRepository,
    private readonly conflicts: ConflictsService,
    private readonly tokens: PageTokens,
  ) {}

  /** For alerts, and to check an import: what came, what went, what is open, and how far the mirror is with looking. */
  @Get('duplicates::summary')
  @Scope('contacts:read')
  @ApiOkResponse({ type: SummaryAnswer })
  async summary(
    @Param('project_id') projectId: string,
    @Query() { since }: SummaryQuery,
  ): Promise<SummaryAnswer> {
    return this.summaries.find(projectId, since === undefined ? null : writeTime(since));
  }

  /** Asks for a pass through all contacts; one that is under way continues. `duplicates:summary` tells how far it is. */
  @Post('duplicates::scan')
  @HttpCode(202)
  @Scope('ops')
  @ApiAcceptedResponse({ type: ScanObject })
  async scan(@Param('project_id') projectId: string, @CalledBy() caller: Caller): Promise<ScanObject> {
    return viewScan(await this.scans.request(projectId, caller.name));
  }

  /** Sinch's `identityConflicts`, answered from the mirror: phone numbers that several contacts have on SMS, MMS or RCS. */
  @Get('contacts::identityConflicts')
  @TakesBasic()
  @Scope('contacts:read')
  @ApiOkResponse({ type: ConflictsPage })
  async identityConflicts(
    @Param('project_id') projectId: string,
    @Query() query: ConflictsQuery,
  ): Promise<ConflictsPage> {
    const bound = { ...query, projectId };
    const { from, tokenOf } = this.tokens.page<readonly [digest: string]>('identityConflicts', bound);
    const { conflicts, next } = await this.conflicts.page(projectId, from?.[0] ?? '', query.page_size);
    return { conflicts, next_page_token: tokenOf(next === null ? null : [next]) };
  }
}

function decidedBy(caller: Caller, { reason }: DecisionBody): Decided {
  return {
    actor: caller.name,
    at: new Date(),
    reason: reason === undefined || reason === '' ? null : reason,
  };
}

/** @throws Problem `invalid-request` unless it is a time ahead, within a year */
function snoozeEnd(text: string, now: Date): Date {
  const until = readTime(text);
  const end = until === null ? Number.NaN : msOf(until);
  if (end > now.getTime() && end <= now.getTime() + snoozeMaxMs) return new Date(end);
  throw invalidRequest([
    {
      pointer: '/body/until',
      code: 'time',
      message: 'must be an RFC 3339 time in the future, within a year',
    },
  ]);
}
