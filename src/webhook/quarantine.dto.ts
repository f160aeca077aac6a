import { ApiProperty } from '@nestjs/swagger';
import { OneOfParameter, PageQuery, TextParameter } from '../rest/parameters';
import { QUARANTINE_STATES, type QuarantineState } from './quarantine.repository';

export class QuarantineQuery extends PageQuery {
  @TextParameter('Only deliveries of this project.')
  project_id?: string;

  @TextParameter('Only deliveries kept for this reason.', { example: 'stale-timestamp' })
  reason?: string;

  @OneOfParameter(QUARANTINE_STATES, 'Only deliveries in this state.')
  state?: QuarantineState;
}

export class QuarantinedDelivery {
  @ApiProperty({ example: '7' }) readonly id: string;
  @ApiProperty({ type: String, nullable: true, description: 'Null where it could not be read.' })
  readonly project_id: string | null;
  @ApiProperty({ example: 'unknown-notification' }) readonly reason: string;
  @ApiProperty({ description: 'What is wrong with it.' }) readonly detail: string;
  @ApiProperty({ enum: QUARANTINE_STATES }) readonly state: QuarantineState;
  @ApiProperty({ format: 'date-time' }) readonly received_at: string;
  @ApiProperty({ type: 'integer', description: 'Of the body.' }) readonly size_bytes: number;
  @ApiProperty({ type: String, format: 'date-time', nullable: true }) readonly settled_at: string | null;
  @ApiProperty({ type: String, nullable: true, description: 'Who replayed or discarded it.' })
  readonly settled_by: string | null;
}

export class WholeQuarantinedDelivery extends QuarantinedDelivery {
  @ApiProperty({ description: 'The body as text; what is not UTF-8 is replaced.' }) readonly payload: string;
  @ApiProperty({ format: 'byte', description: 'The exact bytes of the body, in base64.' })
  readonly payload_base64: string;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  readonly headers: Readonly<Record<string, string>>;
}

export class QuarantinePage {
  @ApiProperty({ type: [QuarantinedDelivery] }) readonly quarantine: readonly QuarantinedDelivery[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}
