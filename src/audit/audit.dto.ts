import { ApiProperty, IntersectionType, OmitType } from '@nestjs/swagger';
import {
  ExportQuery,
  FlagParameter,
  ListParameter,
  OneOfParameter,
  PageQuery,
  TextParameter,
  TimeParameter,
} from '../rest/parameters';
import { ABSENT, ACTIONS, SOURCES, TRIGGERS, type Source } from './audit-event.rule';

export class AuditEventsQuery extends PageQuery {
  @ListParameter([...TRIGGERS, ...ACTIONS, ABSENT], 'Only events of these types, separated by commas.')
  type?: string[];

  @TextParameter('Only events of this contact, or related to it.')
  contact_id?: string;

  @FlagParameter('With `contact_id`: the events of contacts that were merged into it too.', {
    default: false,
  })
  include_merged: boolean = false;

  @OneOfParameter(SOURCES, 'Only events from this source.')
  source?: Source;

  @TextParameter('Only events of this actor: the full name as shown, the name of a key, or the id of a key.')
  actor?: string;

  @TimeParameter('Only events received at this time or later.')
  received_after?: bigint;

  @TimeParameter('Only events received before this time.')
  received_before?: bigint;

  @TimeParameter('Only events that Sinch accepted at this time or later.')
  accepted_after?: bigint;

  @TimeParameter('Only events that Sinch accepted before this time.')
  accepted_before?: bigint;

  @OneOfParameter(['desc', 'asc'], 'Newest first, or in commit order: a feed, whose token is never empty.', {
    default: 'desc',
  })
  order: 'desc' | 'asc' = 'desc';
}

export class AuditEventsExportQuery extends IntersectionType(
  OmitType(AuditEventsQuery, ['page_size', 'page_token', 'order'] as const),
  ExportQuery,
) {
  @TextParameter(
    'Continues an export that was cut off: the `sequence` of the last event that was received completely.',
    { example: '1.769.1' },
  )
  after?: string;
}

class SignatureObject {
  @ApiProperty() readonly nonce: string;
  @ApiProperty({ description: 'When Sinch signed the delivery, in Unix seconds.', example: '1718460000' })
  readonly timestamp: string;
  @ApiProperty({ description: 'The signature, in Base64.' }) readonly signature: string;
  @ApiProperty({
    description: 'Identifies the secret that matched: the first eight hex digits of its SHA-256.',
  })
  readonly secret_id: string;
}

export class AuditEventObject {
  @ApiProperty({ example: '42' }) readonly id: string;
  @ApiProperty({
    example: 'CONTACT_UPDATE',
    description: 'A trigger of Sinch (`CONTACT_…`), or an action of the service (with a dot in its name).',
  })
  readonly type: string;
  @ApiProperty() readonly project_id: string;
  @ApiProperty({
    description:
      'The id of the contact. For a merge the survivor, for a duplication the smallest of the ids.',
  })
  readonly contact_id: string;
  @ApiProperty({
    type: [String],
    description:
      'Ids of other contacts of the event: for a merge the loser, for a duplication the other members.',
  })
  readonly related_contact_ids: readonly string[];
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The id of the Sinch app; often null or empty, since contacts belong to the project.',
  })
  readonly app_id: string | null;
  @ApiProperty({ format: 'date-time', description: 'When Sinch accepted the event.' })
  readonly accepted_at: string;
  @ApiProperty({
    description: '`accepted_at` in nanoseconds since 1970, as a decimal string. Compare as integers.',
    example: '1718460000123000000',
  })
  readonly version: string;
  @ApiProperty({ format: 'date-time' }) readonly received_at: string;
  @ApiProperty({ enum: SOURCES }) readonly source: Source;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'Who requested the change; null for events from Sinch.',
  })
  readonly actor: string | null;
  @ApiProperty({ description: 'SHA-256 in hex. Copies and retries of one event have the same fingerprint.' })
  readonly fingerprint: string;
}

export class WholeAuditEventObject extends AuditEventObject {
  @ApiProperty({ description: 'The received body as text.' }) readonly payload: string;
  @ApiProperty({ format: 'byte', description: 'The exact bytes of the received body, in Base64.' })
  readonly payload_base64: string;
  @ApiProperty({ type: SignatureObject, nullable: true }) readonly signature: SignatureObject | null;
}

export class AuditEventsPage {
  @ApiProperty({ type: [AuditEventObject] }) readonly audit_events: readonly AuditEventObject[];
  @ApiProperty({
    description:
      'The `page_token` of the next page; empty on the last page. With `order=asc` it is never empty.',
  })
  readonly next_page_token: string;
}
