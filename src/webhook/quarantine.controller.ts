import { Controller, Get, Param, Post, Query } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { projectsOf, requireProject } from '../access/access.guard';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { Problems } from '../openapi/openapi';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problems/problem';
import { writeDate } from '../json/read-time.rule';
import { IntakeService } from './intake.service';
import {
  QuarantinePage,
  QuarantineQuery,
  WholeQuarantinedDeliveryObject,
  type QuarantinedDeliveryObject,
} from './quarantine.dto';
import { QuarantineRepository, type QuarantineRow, type WholeQuarantineRow } from './quarantine.repository';

/**
 * Signed deliveries that could not be applied: looked at, applied after all, or given up.
 *
 * For a key that is bound to projects there are theirs alone; those whose project could not be read are not shown to them.
 */
@ApiTags('quarantine')
@Scope('ops')
@Controller('v1')
export class QuarantineController {
  constructor(
    private readonly quarantine: QuarantineRepository,
    private readonly intake: IntakeService,
    private readonly tokens: PageTokens,
  ) {}

  @Get('quarantine')
  @ApiOkResponse({ type: QuarantinePage })
  async list(@Query() query: QuarantineQuery, @CalledBy() caller: Caller): Promise<QuarantinePage> {
    const projectIds = projectsAsked(query.project_id, caller);
    const { from, tokenOf } = this.tokens.page<readonly [id: string]>('quarantine', { ...query });
    const filter = {
      projectIds,
      reason: query.reason ?? null,
      state: query.state ?? null,
    };
    const rows = await this.quarantine.page(filter, from?.[0] ?? null, query.page_size + 1);
    const { shown, last } = cutPage(rows, query.page_size);
    return { quarantine: shown.map(viewDelivery), next_page_token: tokenOf(last && [last.id]) };
  }

  @Get('quarantine/:delivery_id')
  @ApiOkResponse({ type: WholeQuarantinedDeliveryObject })
  @Problems('not-found')
  async get(
    @Param('delivery_id') id: string,
    @CalledBy() caller: Caller,
  ): Promise<WholeQuarantinedDeliveryObject> {
    return viewWhole(await this.find(id, caller));
  }

  /** Applies the delivery by the rules of today; where it still cannot be applied, it stays open. */
  @Post('quarantine/:delivery_id(^[^:/]+)::replay')
  @ApiOkResponse({ type: WholeQuarantinedDeliveryObject })
  @Problems('not-found')
  async replay(
    @Param('delivery_id') id: string,
    @CalledBy() caller: Caller,
  ): Promise<WholeQuarantinedDeliveryObject> {
    const delivery = await this.find(id, caller);
    if (delivery.state === 'discarded')
      throw new Problem('invalid-request', 'The delivery is already discarded.');
    if (delivery.state === 'open') {
      const refusal = await this.intake.replay(delivery, caller.name, new Date());
      if (refusal !== null) {
        throw new Problem('invalid-request', `The delivery still cannot be applied: ${refusal.detail}`);
      }
      await this.quarantine.settle(id, 'replayed', caller.name);
    }
    return viewWhole(await this.find(id, caller));
  }

  /** Gives the delivery up; it is kept, but no longer open. */
  @Post('quarantine/:delivery_id(^[^:/]+)::discard')
  @ApiOkResponse({ type: WholeQuarantinedDeliveryObject })
  @Problems('not-found')
  async discard(
    @Param('delivery_id') id: string,
    @CalledBy() caller: Caller,
  ): Promise<WholeQuarantinedDeliveryObject> {
    const delivery = await this.find(id, caller);
    if (delivery.state === 'replayed')
      throw new Problem('invalid-request', 'The delivery is already replayed.');
    if (delivery.state === 'open') await this.quarantine.settle(id, 'discarded', caller.name);
    return viewWhole(await this.find(id, caller));
  }

  /** @throws Problem `not-found` */
  private async find(id: string, caller: Caller): Promise<WholeQuarantineRow> {
    const row = /^\d{1,18}$/.test(id) ? await this.quarantine.find(id, projectsOf(caller)) : null;
    if (row === null) throw new Problem('not-found', 'Delivery not found in quarantine.');
    return row;
  }
}

/** @throws Problem `forbidden` where one is asked for that the key is not for, before it is looked up */
function projectsAsked(projectId: string | undefined, caller: Caller): readonly string[] | null {
  if (projectId === undefined) return projectsOf(caller);
  requireProject(caller, projectId);
  return [projectId];
}

function viewDelivery(row: QuarantineRow): QuarantinedDeliveryObject {
  return {
    id: row.id,
    project_id: row.project_id,
    reason: row.reason,
    detail: row.detail,
    state: row.state,
    received_at: writeDate(row.received_at),
    due_at: row.due_at && writeDate(row.due_at),
    size_bytes: row.size_bytes,
    settled_at: row.settled_at && writeDate(row.settled_at),
    settled_by: row.settled_by,
  };
}

function viewWhole(row: WholeQuarantineRow): WholeQuarantinedDeliveryObject {
  return {
    ...viewDelivery(row),
    payload: row.body.toString('utf8'),
    payload_base64: row.body.toString('base64'),
    headers: row.headers,
  };
}
