import { ApiProperty } from '@nestjs/swagger';
import type { ReasonCode } from './explain-reason.rule';
import { SUBSCRIPTION_STATES, type SubscriptionState } from './subscription.rule';

export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const;
export type ShownBreaker = (typeof BREAKER_STATES)[number];

class SubscriptionLagObject {
  @ApiProperty({
    type: 'integer',
    description:
      'Events of the project that the subscription has not come to; 10,000 of each stream at most are counted.',
  })
  readonly events: number;
  @ApiProperty({ type: 'number', description: 'For how long the oldest of them has been there.' })
  readonly seconds: number;
}

class SubscriptionLatencyObject {
  @ApiProperty({ type: 'number', nullable: true, description: 'Half of the attempts took at most so long.' })
  readonly p50: number | null;
  @ApiProperty({ type: 'number', nullable: true, description: '99 % of the attempts took at most so long.' })
  readonly p99: number | null;
}

class SuccessRatioObject {
  @ApiProperty({ type: 'number', nullable: true, description: 'In the last hour.' })
  readonly h1: number | null;
  @ApiProperty({ type: 'number', nullable: true, description: 'In the last 24 hours.' })
  readonly h24: number | null;
}

/** How a subscription does. */
export class SubscriptionHealthObject {
  @ApiProperty({ enum: SUBSCRIPTION_STATES, description: 'The state of the subscription.' })
  readonly state: SubscriptionState;
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'credentials',
    description: 'What is wrong, as a stable code; null: nothing.',
  })
  readonly reason_code: ReasonCode | null;
  @ApiProperty({
    example:
      'Orders CRM, since 2026-11-30 14:02 UTC: The destination answered 401: it refuses the credentials. 312 deliveries of 290 contacts wait; none is lost.',
    description: 'How it does, in a sentence.',
  })
  readonly reason: string;
  @ApiProperty({ description: 'What to do about it.' }) readonly next_step: string;
  @ApiProperty({ type: SubscriptionLagObject, description: 'How far the subscription is behind.' })
  readonly lag: SubscriptionLagObject;
  @ApiProperty({ type: 'integer', description: 'Deliveries that failed, or wait behind one that did.' })
  readonly parked: number;
  @ApiProperty({ type: 'integer', description: 'Contacts that have a delivery waiting.' })
  readonly blocked_contacts: number;
  @ApiProperty({
    type: 'integer',
    description: 'Deliveries that were given up in the last 30 days; 10,000 at most are counted.',
  })
  readonly dead: number;
  @ApiProperty({
    enum: BREAKER_STATES,
    description:
      '`open`: only single deliveries are tried. `half-open`: few at once, until it is sure that they succeed.',
  })
  readonly breaker: ShownBreaker;
  @ApiProperty({
    type: SubscriptionLatencyObject,
    description: 'How long attempts of the last two hours took; null: none was made.',
  })
  readonly latency_ms: SubscriptionLatencyObject;
  @ApiProperty({
    type: SuccessRatioObject,
    description: 'The share of attempts that were delivered; null: none was made.',
  })
  readonly success_ratio: SuccessRatioObject;
}
