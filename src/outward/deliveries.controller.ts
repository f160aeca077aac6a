import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiTags, getSchemaPath } from '@nestjs/swagger';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { Problems } from '../openapi/openapi';
import { JsonBody } from '../rest/json-body';
import { PageTokens } from '../rest/page-token';
import {
  DeliveriesOfEventAnswer,
  DeliveriesPage,
  DeliveriesQuery,
  DeliveryObject,
  DiscardBody,
} from './deliveries.dto';
import { DeliveriesService } from './deliveries.service';

/** What became of events for a subscription. */
@ApiTags('subscriptions')
@Controller('v1/projects/:project_id/subscriptions/:subscription_id')
export class DeliveriesController {
  constructor(
    private readonly deliveries: DeliveriesService,
    private readonly tokens: PageTokens,
  ) {}

  @Get('deliveries')
  @Scope('outward:read')
  @ApiOkResponse({ type: DeliveriesPage })
  @Problems('not-found')
  async list(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @Query() query: DeliveriesQuery,
  ): Promise<DeliveriesPage> {
    const { from, tokenOf } = this.tokens.page('deliveries', { ...query, projectId, subscriptionId });
    const filter = {
      type: query.type ?? null,
      contactId: query.contact_id ?? null,
      status: query.status ?? null,
      after: query.after ?? null,
      before: query.before ?? null,
    };
    const { deliveries, next } = await this.deliveries.page(
      projectId,
      subscriptionId,
      query.state ?? null,
      filter,
      from,
      query.page_size,
    );
    return { deliveries, next_page_token: tokenOf(next) };
  }

  @Get('deliveries/:event_id')
  @Scope('outward:read')
  @ApiExtraModels(DeliveryObject, DeliveriesOfEventAnswer)
  @ApiOkResponse({
    schema: {
      oneOf: [{ $ref: getSchemaPath(DeliveryObject) }, { $ref: getSchemaPath(DeliveriesOfEventAnswer) }],
    },
  })
  @Problems('not-found')
  async get(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @Param('event_id') eventId: string,
  ): Promise<DeliveriesOfEventAnswer | DeliveryObject> {
    if (!/^[1-9]\d{0,17}$/.test(eventId)) return this.deliveries.get(projectId, subscriptionId, eventId);
    return { deliveries: await this.deliveries.ofJournalEvent(projectId, subscriptionId, eventId) };
  }

  @Post('deliveries/:event_id(^[^:/]+)::retry')
  @HttpCode(200)
  @Scope('outward:write')
  @ApiOkResponse({ type: DeliveryObject })
  @Problems('not-found')
  async retry(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @Param('event_id') eventId: string,
  ): Promise<DeliveryObject> {
    return this.deliveries.retry(projectId, subscriptionId, eventId);
  }

  @Post('deliveries/:event_id(^[^:/]+)::discard')
  @HttpCode(200)
  @Scope('outward:write')
  @ApiOkResponse({ type: DeliveryObject })
  @Problems('not-found')
  async discard(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
    @Param('event_id') eventId: string,
    @JsonBody(DiscardBody) { reason }: DiscardBody,
    @CalledBy() caller: Caller,
  ): Promise<DeliveryObject> {
    return this.deliveries.discard(projectId, subscriptionId, eventId, caller.name, reason);
  }
}
