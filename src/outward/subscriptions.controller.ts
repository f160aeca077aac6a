import { Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiHeader, ApiNoContentResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { requireScope } from '../access/access.guard';
import { CalledBy, Scope, type Caller } from '../access/scope';
import { Problems } from '../openapi/openapi';
import { AnswersSecret } from '../rest/answers-secret';
import { JsonBody } from '../rest/json-body';
import { cutPage, PageTokens } from '../rest/page-token';
import { Problem } from '../rest/problems/problem';
import {
  ResumeBody,
  SecretRevocationBody,
  SecretRotationBody,
  ShownSubscriptionObject,
  SubscriptionBody,
  SubscriptionEventsPage,
  SubscriptionEventsQuery,
  SubscriptionObject,
  SubscriptionPatchBody,
  SubscriptionsPage,
  SubscriptionsQuery,
} from './subscriptions.dto';
import { SubscriptionsRepository, type ShownSubscriptionRow } from './subscriptions.repository';
import { SubscriptionsService, type WithSecret } from './subscriptions.service';
import { CreationQuery, DryRunObject, TestBody, TestResultObject } from './trials.dto';
import { TrialsService } from './trials.service';
import { shownOf, tagOf, viewSubscription, viewSubscriptionEvent } from './view-subscription';

const IF_MATCH = {
  name: 'If-Match',
  required: true,
  description: 'The `ETag` of the subscription as it was read: a change of somebody else is not undone.',
} as const;

/** What other systems are sent, and how. Bodies are contacts, so anyone who changes this must be able to read contacts. */
@ApiTags('subscriptions')
@Controller('v1/projects/:project_id')
export class SubscriptionsController {
  constructor(
    private readonly service: SubscriptionsService,
    private readonly subscriptions: SubscriptionsRepository,
    private readonly trials: TrialsService,
    private readonly tokens: PageTokens,
  ) {}

  /** This answer alone shows the secret that the receiver verifies with. */
  @Post('subscriptions')
  @HttpCode(201)
  @Scope('outward:write')
  @AnswersSecret()
  @ApiCreatedResponse({ type: ShownSubscriptionObject })
  @ApiOkResponse({ type: DryRunObject, description: 'With `validate_only`: what it would have been sent.' })
  @Problems('filter-invalid', 'destination-refused', 'destination-unreachable', 'not-configured')
  async create(
    @Param('project_id') projectId: string,
    @Query() { validate_only: isOnlyValidated }: CreationQuery,
    @JsonBody(SubscriptionBody) body: SubscriptionBody,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ShownSubscriptionObject | DryRunObject> {
    requireScope(caller, 'contacts:read');
    if (isOnlyValidated) {
      void reply.status(200);
      return this.trials.dryRun(projectId, body);
    }
    return withSecret(await this.service.create(projectId, body, caller.name), reply);
  }

  @Get('subscriptions')
  @Scope('outward:read')
  @ApiOkResponse({ type: SubscriptionsPage })
  async list(
    @Param('project_id') projectId: string,
    @Query() query: SubscriptionsQuery,
  ): Promise<SubscriptionsPage> {
    const { from, tokenOf } = this.tokens.page<readonly [name: string]>('subscriptions', {
      ...query,
      projectId,
    });
    const found = await this.subscriptions.page(projectId, from?.[0] ?? null, query.page_size + 1);
    const { shown, last } = cutPage(found, query.page_size);
    return { subscriptions: shown.map(viewSubscription), next_page_token: tokenOf(last && [last.name]) };
  }

  @Get('subscriptions/:subscription_id')
  @Scope('outward:read')
  @ApiOkResponse({ type: SubscriptionObject })
  @Problems('not-found')
  async get(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionObject> {
    const row = await this.subscriptions.show(projectId, id);
    if (row === null) throw new Problem('not-found', 'Subscription not found in this project.');
    return tagged(row, reply);
  }

  @Patch('subscriptions/:subscription_id')
  @Scope('outward:write')
  @ApiHeader(IF_MATCH)
  @ApiOkResponse({ type: SubscriptionObject })
  @Problems(
    'filter-invalid',
    'not-found',
    'subscription-disabled',
    'precondition-failed',
    'credentials-required',
    'destination-refused',
    'destination-unreachable',
    'precondition-required',
    'not-configured',
  )
  async patch(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @JsonBody(SubscriptionPatchBody) body: SubscriptionPatchBody,
    @CalledBy() caller: Caller,
    @Req() { headers }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionObject> {
    requireScope(caller, 'contacts:read');
    const row = await this.service.patch(projectId, id, headers['if-match'], body, caller.name);
    return tagged(shownOf(row), reply);
  }

  @Delete('subscriptions/:subscription_id')
  @HttpCode(204)
  @Scope('outward:write')
  @ApiNoContentResponse({ description: 'The subscription does not exist now, whether or not it did before.' })
  async remove(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @CalledBy() caller: Caller,
  ): Promise<void> {
    await this.service.remove(projectId, id, caller.name);
  }

  /** The example is made up, has the header `mirror-test: true` and is sent once, whatever the state of the subscription. */
  @Post('subscriptions/:subscription_id(^[^:/]+)::test')
  @HttpCode(200)
  @Scope('outward:write')
  @ApiOkResponse({ type: TestResultObject })
  @Problems('not-found')
  async test(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @JsonBody(TestBody) { type = 'contact.updated' }: TestBody,
    @CalledBy() caller: Caller,
  ): Promise<TestResultObject> {
    requireScope(caller, 'contacts:read');
    return this.trials.test(projectId, id, type);
  }

  @Post('subscriptions/:subscription_id(^[^:/]+)::pause')
  @Scope('outward:write')
  @ApiOkResponse({ type: SubscriptionObject })
  @Problems('not-found', 'subscription-disabled')
  async pause(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionObject> {
    return tagged(shownOf(await this.service.pause(projectId, id, caller.name)), reply);
  }

  @Post('subscriptions/:subscription_id(^[^:/]+)::resume')
  @Scope('outward:write')
  @ApiOkResponse({ type: SubscriptionObject })
  @Problems('not-found', 'confirmation-required')
  async resume(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @JsonBody(ResumeBody, 'optional') body: ResumeBody,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionObject> {
    if (body.from === 'snapshot') requireScope(caller, 'contacts:read');
    return tagged(shownOf(await this.service.resume(projectId, id, body, caller.name)), reply);
  }

  /** This answer alone shows the new secret. */
  @Post('subscriptions/:subscription_id(^[^:/]+)::rotateSecret')
  @Scope('outward:write')
  @AnswersSecret()
  @ApiOkResponse({ type: ShownSubscriptionObject })
  @Problems('not-found', 'not-configured')
  async rotateSecret(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @JsonBody(SecretRotationBody, 'optional') body: SecretRotationBody,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ShownSubscriptionObject> {
    return withSecret(await this.service.rotateSecret(projectId, id, body, caller.name), reply);
  }

  @Post('subscriptions/:subscription_id(^[^:/]+)::revokeSecret')
  @Scope('outward:write')
  @ApiOkResponse({ type: SubscriptionObject })
  @Problems('not-found')
  async revokeSecret(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @JsonBody(SecretRevocationBody) { which }: SecretRevocationBody,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SubscriptionObject> {
    return tagged(shownOf(await this.service.revokeSecret(projectId, id, which, caller.name)), reply);
  }

  /** Also of a subscription that was deleted. */
  @Get('subscriptions/:subscription_id/events')
  @Scope('outward:read')
  @ApiOkResponse({ type: SubscriptionEventsPage })
  @Problems('not-found')
  async events(
    @Param('project_id') projectId: string,
    @Param('subscription_id') id: string,
    @Query() query: SubscriptionEventsQuery,
  ): Promise<SubscriptionEventsPage> {
    const { from, tokenOf } = this.tokens.page<readonly [number: string]>('subscription-events', {
      ...query,
      projectId,
      id,
    });
    const found = await this.subscriptions.events(projectId, id, from?.[0] ?? null, query.page_size + 1);
    // the first event is that of the creation
    if (found.length === 0 && from === null)
      throw new Problem('not-found', 'Subscription not found in this project.');
    const { shown, last } = cutPage(found, query.page_size);
    return {
      subscription_events: shown.map(viewSubscriptionEvent),
      next_page_token: tokenOf(last && [last.number]),
    };
  }
}

function tagged(row: ShownSubscriptionRow, reply: FastifyReply): SubscriptionObject {
  reply.header('etag', tagOf(row));
  return viewSubscription(row);
}

function withSecret({ row, signingSecret }: WithSecret, reply: FastifyReply): ShownSubscriptionObject {
  reply.header('cache-control', 'no-store');
  return { ...tagged(shownOf(row), reply), signing_secret: signingSecret };
}
