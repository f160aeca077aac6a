import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { projectsOf, requireProject } from '../access/access.guard';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { Problems } from '../openapi/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problems/problem';
import { writeDate } from '../json/read-time.rule';
import { JournalFollowers } from './journal-followers.service';
import { ParkedEventObject, ParkedEventsPage, ParkedEventsQuery } from './parked-events.dto';
import { ParkedEventsRepository, type ParkedEventRow } from './parked-events.repository';

/** Events that followers of the journal set aside. A key that is bound to projects sees only their events. */
@ApiTags('parked events')
@Scope('ops')
@Controller('v1')
export class ParkedEventsController {
  constructor(
    private readonly parked: ParkedEventsRepository,
    private readonly followers: JournalFollowers,
    private readonly tokens: PageTokens,
  ) {}

  @Get('parked-events')
  @ApiOperation({ summary: 'List parked events', description: 'Newest first.' })
  @ApiOkResponse({ type: ParkedEventsPage })
  async list(@Query() query: ParkedEventsQuery, @CalledBy() caller: Caller): Promise<ParkedEventsPage> {
    if (query.project_id !== undefined) requireProject(caller, query.project_id);
    const { from, tokenOf } = this.tokens.page<readonly [id: string]>('parked-events', { ...query });
    const filter = {
      follower: query.follower ?? null,
      projectIds: query.project_id === undefined ? projectsOf(caller) : [query.project_id],
    };
    const rows = await this.parked.page(filter, from?.[0] ?? null, query.page_size + 1);
    const { shown, last } = cutPage(rows, query.page_size);
    return { parked_events: shown.map(viewParkedEvent), next_page_token: tokenOf(last && [last.id]) };
  }

  @Get('parked-events/:parked_event_id')
  @ApiOperation({ summary: 'Get a parked event' })
  @ApiOkResponse({ type: ParkedEventObject })
  @Problems('not-found')
  async get(@Param('parked_event_id') id: string, @CalledBy() caller: Caller): Promise<ParkedEventObject> {
    return viewParkedEvent(await this.find(id, caller));
  }

  @Post('parked-events/:parked_event_id(^[^:/]+)::retry')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Retry a parked event',
    description:
      'The follower handles the event again, with the contacts as they are now. On success the event is no longer listed, and the answer shows it for the last time. An event that fails again stays parked (400).',
  })
  @ApiOkResponse({ type: ParkedEventObject })
  @Problems('not-found')
  async retry(@Param('parked_event_id') id: string, @CalledBy() caller: Caller): Promise<ParkedEventObject> {
    const row = await this.find(id, caller);
    await this.followers.retry(row);
    return viewParkedEvent(row);
  }

  /** @throws Problem `not-found` */
  private async find(id: string, caller: Caller): Promise<ParkedEventRow> {
    const row = /^\d{1,18}$/.test(id) ? await this.parked.find(id, projectsOf(caller)) : null;
    if (row === null) throw new Problem('not-found', 'Parked event not found. It may have been handled.');
    return row;
  }
}

function viewParkedEvent({ parked_at: parkedAt, ...row }: ParkedEventRow): ParkedEventObject {
  return { ...row, parked_at: writeDate(parkedAt) };
}
