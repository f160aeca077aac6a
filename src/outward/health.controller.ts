import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Scope } from '../access/scope';
import { Problems } from '../openapi/openapi';
import { Problem } from '../rest/problems/problem';
import { describeHealth } from './describe-health.rule';
import { type Figures, NO_FIGURES, quantileMs, successRatio } from './figures.rule';
import { SubscriptionHealthObject } from './health.dto';
import { HealthRepository } from './health.repository';

/** How a subscription does, for people and for what watches it. */
@ApiTags('subscriptions')
@Controller('v1/projects/:project_id/subscriptions/:subscription_id/health')
export class SubscriptionHealthController {
  constructor(private readonly repository: HealthRepository) {}

  @Get()
  @Scope('outward:read')
  @ApiOkResponse({ type: SubscriptionHealthObject })
  @Problems('not-found')
  async get(
    @Param('project_id') projectId: string,
    @Param('subscription_id') subscriptionId: string,
  ): Promise<SubscriptionHealthObject> {
    const row = await this.repository.find(projectId, subscriptionId);
    if (row === null) throw new Problem('not-found', 'Subscription not found in this project.');
    const failure = await this.repository.lastFailure(projectId, subscriptionId);
    const { reasonCode, reason, nextStep } = describeHealth({
      name: row.name,
      state: row.state,
      stateReason: row.state_reason,
      breaker: row.breaker,
      lagEvents: row.lag_events,
      parked: row.parked,
      blockedContacts: row.blocked_contacts,
      failure,
    });
    const nowMs = Date.now();
    const figures: Figures = { ...NO_FIGURES, ...row.figures };
    return {
      state: row.state,
      reason_code: reasonCode,
      reason,
      next_step: nextStep,
      lag: { events: row.lag_events, seconds: row.lag_seconds },
      parked: row.parked,
      blocked_contacts: row.blocked_contacts,
      dead: row.dead,
      // while it is disabled nothing is tried
      breaker: row.breaker.state === 'disabled' ? 'open' : row.breaker.state,
      latency_ms: { p50: quantileMs(figures, nowMs, 0.5), p99: quantileMs(figures, nowMs, 0.99) },
      success_ratio: { h1: successRatio(figures, nowMs, 1), h24: successRatio(figures, nowMs, 24) },
    };
  }
}
