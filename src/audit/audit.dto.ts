import { ApiProperty, OmitType } from '@nestjs/swagger';
import { EXPORT_FORMATS, type ExportFormat } from '../rest/export-format';
import {
  FlagParameter,
  ListParameter,
  OneOfParameter,
  PageQuery,
  TextParameter,
  TimeParameter,
} from '../rest/parameters';
import { SOURCES, type Source } from './audit-event';

export class AuditEventsQuery extends PageQuery {
  @ListParameter(null, 'Only events of these types, separated by commas.', {
    example: 'CONTACT_MERGE,CONTACT_DELETE',
  })
  type?: string[];

  @TextParameter('Only events of this contact, or related to it.')
  contact_id?: string;

  @FlagParameter('With `contact_id`: the events of contacts that were merged into it too.', {
    default: false,
  })
  include_merged: boolean = false;

  @OneOfParameter(SOURCES, 'Only events that came this way.')
  source?: Source;

  @TextParameter('Only events that this caller asked for.')
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

export class AuditEventsExportQuery extends OmitType(AuditEventsQuery, [
  'page_size',
  'page_token',
  'order',
] as const) {
  @OneOfParameter(EXPORT_FORMATS, 'How the rows are written.', { default: 'ndjson' })
  format: ExportFormat = 'ndjson';

  @TextParameter(
    'To go on with an export that was cut off: the `sequence` of the last event that arrived whole.',
    { example: '1.769.1' },
  )
  after?: string;
}

class Signature {
  @ApiProperty() readonly nonce: string;
  @ApiProperty({ description: 'Unix seconds, as the header said.', example: '1718460000' })
  readonly timestamp: string;
  @ApiProperty({ description: 'Base64, as the header said.' }) readonly signature: string;
  @ApiProperty({ description: 'Names the secret that fitted: eight hex digits of its SHA-256.' })
  readonly secret_id: string;
}

export class AuditEvent {
  @ApiProperty({ example: '42' }) readonly id: string;
  @ApiProperty({
    example: 'CONTACT_UPDATE',
    description: 'A trigger of Sinch’s, or a dotted action of the mirror.',
  })
  readonly type: string;
  @ApiProperty() readonly project_id: string;
  @ApiProperty({ description: 'Of a merge the survivor, of a duplication the smallest member.' })
  readonly contact_id: string;
  @ApiProperty({ type: [String], description: 'Of a merge the loser, of a duplication the other members.' })
  readonly related_contact_ids: readonly string[];
  @ApiProperty({ type: String, nullable: true, description: 'Often empty: contacts belong to the project.' })
  readonly app_id: string | null;
  @ApiProperty({ format: 'date-time', description: 'When Sinch accepted it.' }) readonly accepted_at: string;
  @ApiProperty({ description: 'The same in nanoseconds since the epoch.', example: '1718460000123000000' })
  readonly version: string;
  @ApiProperty({ format: 'date-time' }) readonly received_at: string;
  @ApiProperty({ enum: SOURCES }) readonly source: Source;
  @ApiProperty({ type: String, nullable: true, description: 'Who asked for it; null for what Sinch sent.' })
  readonly actor: string | null;
  @ApiProperty({ description: 'SHA-256 in hex: copies and retries of an event have the same.' })
  readonly fingerprint: string;
}

export class WholeAuditEvent extends AuditEvent {
  @ApiProperty({ description: 'The body as received, as text.' }) readonly payload: string;
  @ApiProperty({ format: 'byte', description: 'The exact bytes of the body, in base64.' })
  readonly payload_base64: string;
  @ApiProperty({ type: Signature, nullable: true }) readonly signature: Signature | null;
}

export class AuditEventsPage {
  @ApiProperty({ type: [AuditEvent] }) readonly audit_events: readonly AuditEvent[];
  @ApiProperty({ description: 'Empty on the last page; with `order=asc` never empty.' })
  readonly next_page_token: string;
}
