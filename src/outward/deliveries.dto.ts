import { ApiProperty } from '@nestjs/swagger';
import { IsNotEmpty, IsString, MaxLength } from 'class-validator';
import {
  IntegerParameter,
  OneOfParameter,
  PageQuery,
  TextParameter,
  TimeParameter,
} from '../rest/parameters';
import { EVENT_TYPES, type EventType } from './event-types.rule';
import type { ReasonCode } from './explain-reason.rule';

/** Where a delivery may stand; those of `LISTED_STATES` have a row. */
export const DELIVERY_STATES = [
  'waiting',
  'dead',
  'delivered',
  'skipped',
  'behind',
  'filtered',
  'expired',
] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];
export const LISTED_STATES = ['waiting', 'dead', 'delivered', 'skipped'] as const;
export type ListedState = (typeof LISTED_STATES)[number];

const discardReasonLengthMax = 1_000;

export class DeliveriesQuery extends PageQuery {
  @OneOfParameter(LISTED_STATES, 'Only deliveries in this state.')
  state?: ListedState;

  @OneOfParameter(EVENT_TYPES, 'Only events of this type.')
  type?: EventType;

  @TextParameter(
    'Only events of this contact: those that wait or were given up by any of their contacts, others by their subject.',
  )
  contact_id?: string;

  @IntegerParameter({ min: 100, max: 599 }, 'Only deliveries whose last answer had this HTTP status.')
  status?: number;

  @TimeParameter('Only deliveries that began to wait, were given up or were settled at this time or later.')
  after?: bigint;

  @TimeParameter('Only deliveries that began to wait, were given up or were settled before this time.')
  before?: bigint;
}

/** One try to send an event. */
export class DeliveryAttemptObject {
  @ApiProperty({ format: 'date-time', description: 'When the attempt began.' })
  readonly at: string;
  @ApiProperty({
    type: 'integer',
    nullable: true,
    description: 'The HTTP status of the answer; null: there was none.',
  })
  readonly status: number | null;
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'status-5xx',
    description: 'Why the attempt failed; null: it did not.',
  })
  readonly error: ReasonCode | null;
  @ApiProperty({ type: 'integer', description: 'How long the attempt took.' })
  readonly duration_ms: number;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The first 1,024 bytes of the answer; null: there was none.',
  })
  readonly excerpt: string | null;
}

/** An outward event for one subscription. */
export class DeliveryObject {
  @ApiProperty({ example: 'evt_1_770_0', description: 'The id of the event, as the receiver gets it.' })
  readonly event_id: string;
  @ApiProperty({ enum: EVENT_TYPES, description: 'The type of the event.' })
  readonly type: EventType;
  @ApiProperty({ description: 'What the event is about: mostly the id of a contact.' })
  readonly subject: string;
  @ApiProperty({
    type: String,
    nullable: true,
    example: '1.90211.770',
    description: 'The place of the event in its stream; null for a snapshot.',
  })
  readonly sequence: string | null;
  @ApiProperty({
    enum: DELIVERY_STATES,
    description:
      '`behind`: the subscription has not come to the event yet. `expired`: it was settled, and the log of that is no longer kept.',
  })
  readonly state: DeliveryState;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Why it is in this state; null: nothing is wrong.',
  })
  readonly reason: ReasonCode | null;
  @ApiProperty({ type: String, nullable: true, description: 'The reason as a sentence.' })
  readonly reason_text: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'What to do about it.' })
  readonly next_step: string | null;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The oldest event of the same contacts that waits before it; null: there is none.',
  })
  readonly blocked_by: string | null;
  @ApiProperty({
    type: String,
    nullable: true,
    example: '/where/all/1',
    description: 'JSON pointer to the part of the filter that does not let it pass; null: it passes.',
  })
  readonly filter_path: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When it is tried again; null: as soon as it can be, or not at all.',
  })
  readonly next_attempt_at: string | null;
  @ApiProperty({
    type: [DeliveryAttemptObject],
    description: 'The newest attempts that are still in the log, newest first: 5 in a list, else 100.',
  })
  readonly attempts: readonly DeliveryAttemptObject[];
}

export class DeliveriesPage {
  @ApiProperty({ type: [DeliveryObject], description: 'The deliveries of this page.' })
  readonly deliveries: readonly DeliveryObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}

/** All outward events that an event of the journal becomes. */
export class DeliveriesOfEventAnswer {
  @ApiProperty({
    type: [DeliveryObject],
    description: 'One delivery for each outward event that the event of the journal becomes.',
  })
  readonly deliveries: readonly DeliveryObject[];
}

export class DiscardBody {
  @ApiProperty({
    maxLength: discardReasonLengthMax,
    example: 'The receiver has it from another source.',
    description: 'Why the delivery is given up.',
  })
  @IsString()
  @IsNotEmpty()
  @MaxLength(discardReasonLengthMax)
  readonly reason: string;
}
