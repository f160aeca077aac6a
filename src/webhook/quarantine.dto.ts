import { ApiProperty } from '@nestjs/swagger';
import { UNUSABLE_REASONS } from '../audit/commit/read-notification.rule';
import { OneOfParameter, PageQuery, TextParameter } from '../rest/parameters';
import { SIGNATURE_FAULTS } from './verify-signature.rule';

export const QUARANTINE_STATES = ['open', 'replayed', 'discarded'] as const;
export type QuarantineState = (typeof QUARANTINE_STATES)[number];

/** Why a delivery was not committed. */
export const QUARANTINE_REASONS = [
  ...UNUSABLE_REASONS,
  ...SIGNATURE_FAULTS,
  'project-not-allowed',
  'refused-by-postgres',
] as const;
export type QuarantineReason = (typeof QUARANTINE_REASONS)[number];

export class QuarantineQuery extends PageQuery {
  @TextParameter('Only deliveries of this project.')
  project_id?: string;

  @OneOfParameter(QUARANTINE_REASONS, 'Only deliveries with this reason.')
  reason?: QuarantineReason;

  @OneOfParameter(QUARANTINE_STATES, 'Only deliveries in this state.')
  state?: QuarantineState;
}

export class QuarantinedDeliveryObject {
  @ApiProperty({ example: '7' }) readonly id: string;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The id of the Sinch project; null: it could not be read.',
  })
  readonly project_id: string | null;
  @ApiProperty({ example: 'unknown-notification' }) readonly reason: string;
  @ApiProperty({ description: 'What is wrong with the delivery, in one sentence.' }) readonly detail: string;
  @ApiProperty({ enum: QUARANTINE_STATES }) readonly state: QuarantineState;
  @ApiProperty({ format: 'date-time' }) readonly received_at: string;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description:
      'When the delivery is replayed automatically, because its time lies in the future. Null: only by `:replay`.',
  })
  readonly due_at: string | null;
  @ApiProperty({ type: 'integer', description: 'The size of the body in bytes.' })
  readonly size_bytes: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly settled_at: string | null;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Who replayed or discarded the delivery; null while it is open.',
  })
  readonly settled_by: string | null;
}

export class WholeQuarantinedDeliveryObject extends QuarantinedDeliveryObject {
  @ApiProperty({ description: 'The body as text; bytes that are not UTF-8 are replaced.' })
  readonly payload: string;
  @ApiProperty({ format: 'byte', description: 'The exact bytes of the body, in Base64.' })
  readonly payload_base64: string;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  readonly headers: Readonly<Record<string, string>>;
}

export class QuarantinePage {
  @ApiProperty({ type: [QuarantinedDeliveryObject] })
  readonly quarantine: readonly QuarantinedDeliveryObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}
