import { ApiProperty, ApiPropertyOptional, OmitType } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsOptional, IsString, MinLength } from 'class-validator';
import { SOURCES, type Source } from '../audit/audit-event';
import { EXPORT_FORMATS, type ExportFormat } from '../rest/export-format';
import {
  FlagParameter,
  IntegerParameter,
  ListParameter,
  OneOfParameter,
  PageQuery,
  TextParameter,
  TimeParameter,
} from '../rest/parameters';
import { CHANGE_TYPES, type ChangeType } from './changes.service';
import { STATUSES, type StatusFilter } from './contacts.repository';

/** Most ids of one request. */
const idsMax = 1_000;
/** Longest time that a feed holds an empty answer, in seconds. */
const waitMaxSeconds = 30;

/** Fields that Sinch's Contact has (OpenAPI `Contact`). */
const CONTACT_FIELDS = [
  'channel_identities',
  'channel_priority',
  'display_name',
  'email',
  'external_id',
  'metadata',
  'language',
] as const;

export class ContactsQuery extends PageQuery {
  @TextParameter('The `external_id`, exactly.')
  external_id?: string;

  @TextParameter('Together with `identity`: the channel of a channel identity.', { example: 'SMS' })
  channel?: string;

  @TextParameter('Together with `channel`: the identity; on phone channels with or without `+`.')
  identity?: string;

  @TextParameter(
    'A phone number with its country code, in any form, on any phone channel. The older spelling of mobile numbers in Brazil, Mexico and Argentina is found too.',
    { example: '+1 (555) 123-4567' },
  )
  phone?: string;

  @TextParameter('The e-mail address, in any case.')
  email?: string;

  @TextParameter('A part of the display name, in any case: three characters or more.')
  @MinLength(3)
  q?: string;

  @TextParameter('The language, as Sinch writes it.', { example: 'EN_US' })
  language?: string;

  @OneOfParameter(STATUSES, 'What became of the contacts.', { default: 'active' })
  status: StatusFilter = 'active';
}

export class ContactsExportQuery extends OmitType(ContactsQuery, ['page_size', 'page_token'] as const) {
  @OneOfParameter(EXPORT_FORMATS, 'How the rows are written.', { default: 'ndjson' })
  format: ExportFormat = 'ndjson';

  @TextParameter('To go on with an export that was cut off: the id of the last contact that arrived whole.')
  after?: string;
}

export class ContactQuery {
  @OneOfParameter(
    ['follow', 'error'],
    'For a merged id: `follow` answers the survivor, `error` 410. Else 307 to the survivor.',
  )
  on_merged?: 'follow' | 'error';

  @TimeParameter('The contact as it was at this time (to the microsecond, included), as far as is known now.')
  at?: bigint;
}

export class HistoryQuery extends PageQuery {
  @FlagParameter('Whether the events of contacts that were merged into it are told too.', { default: true })
  include_merged: boolean = true;
}

export class ChangesQuery extends PageQuery {
  @ListParameter(CHANGE_TYPES, 'Only changes of these types, separated by commas.')
  type?: ChangeType[];

  @ListParameter(null, 'Only changes of at least one of these fields, separated by commas.', {
    example: 'email,channel_identities',
  })
  changed?: string[];

  @IntegerParameter({ min: 0, max: waitMaxSeconds }, 'For how many seconds an empty answer is held.', {
    default: 0,
  })
  wait: number = 0;
}

export class ResolveBody {
  @ApiProperty({ type: [String], minItems: 1, maxItems: idsMax, example: ['01H3333333', '01H4444444'] })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(idsMax)
  @IsString({ each: true })
  readonly ids: readonly string[];
}

export class BatchGetBody extends ResolveBody {
  @ApiPropertyOptional({ enum: ['follow', 'error'], default: 'follow' })
  @IsOptional()
  @IsIn(['follow', 'error'])
  readonly on_merged: 'follow' | 'error' = 'follow';
}

/** As Sinch sent it, so it may lack what every one should have. */
export class ChannelIdentity {
  @ApiPropertyOptional({ example: 'SMS' }) readonly channel?: string;
  @ApiPropertyOptional({ example: '15551234567' }) readonly identity?: string;
  @ApiPropertyOptional({ example: '' }) readonly app_id?: string;
}

class MirrorObject {
  @ApiProperty({ enum: ['active', 'merged', 'deleted'] }) readonly status: string;
  @ApiProperty({
    type: String,
    nullable: true,
    example: '1718460000123000000',
    description:
      'Nanoseconds since the epoch: compare as integers. Null where the contact is known only as gone.',
  })
  readonly version: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When Sinch accepted what is shown.',
  })
  readonly accepted_at: string | null;
  @ApiProperty({
    format: 'date-time',
    description: 'When Sinch accepted the newest change, that by which the contact went included.',
  })
  readonly updated_at: string;
  @ApiProperty({ type: String, nullable: true, description: 'The contact that it was merged into.' })
  readonly survivor_id: string | null;
  @ApiProperty({ type: [String], description: 'The ids merged into it, at any remove; 1,000 at most.' })
  readonly merged_ids: readonly string[];
  @ApiProperty({ type: [String], description: 'The open sets of duplicates that it is in.' })
  readonly open_duplicates: readonly string[];
  @ApiProperty({
    type: String,
    nullable: true,
    example: '{"tier":"premium"}',
    description:
      'Its metadata and that of the contacts merged into it, by METADATA_CONSOLIDATION; of those 4,096 characters each at most.',
  })
  readonly consolidated_metadata: string | null;
  @ApiPropertyOptional({ description: 'The merged id that was asked for.' })
  readonly resolved_from?: string;
}

/** Sinch's Contact, as it was sent. Sinch requires no field but the id. */
export class SinchContact {
  @ApiProperty({ example: '01H3333333' }) readonly id: string;
  @ApiPropertyOptional({ type: [ChannelIdentity] }) readonly channel_identities?: readonly ChannelIdentity[];
  @ApiPropertyOptional({ type: [String], example: ['SMS'] }) readonly channel_priority?: readonly string[];
  @ApiPropertyOptional({ example: 'John Doe' }) readonly display_name?: string;
  @ApiPropertyOptional({ example: 'john.doe@example.com' }) readonly email?: string;
  @ApiPropertyOptional({ example: 'customer_12345' }) readonly external_id?: string;
  @ApiPropertyOptional({ example: '{"tier":"premium"}', description: 'Opaque text; often JSON.' })
  readonly metadata?: string;
  @ApiPropertyOptional({ example: 'EN' }) readonly language?: string;
}

/** Sinch's Contact and one object more. */
export class Contact extends SinchContact {
  @ApiProperty({ type: MirrorObject }) readonly mirror: MirrorObject;
}

export class ContactsPage {
  @ApiProperty({ type: [Contact] }) readonly contacts: readonly Contact[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}

export class MergeIdentities {
  @ApiProperty({ type: [ChannelIdentity], description: 'The loser’s that the survivor took over.' })
  readonly moved: readonly object[];
  @ApiProperty({ type: [ChannelIdentity], description: 'The survivor’s own.' })
  readonly kept: readonly object[];
  @ApiProperty({
    type: [ChannelIdentity],
    description:
      'The loser’s that nobody has any more. Sinch moves one only where the survivor lacks its channel.',
  })
  readonly dropped: readonly object[];
}

/** A merge as it is shown wherever it is met. */
export class MergeInBrief {
  @ApiProperty({ description: 'Names the pair, however many events tell of it.' }) readonly id: string;
  @ApiProperty({ example: '01H3333333' }) readonly survivor_id: string;
  @ApiProperty({ example: '01H4444444' }) readonly loser_id: string;
  @ApiProperty({ type: MergeIdentities }) readonly identities: MergeIdentities;
}

class FieldChange {
  @ApiProperty({ example: 'metadata.tier', description: 'A field, or a key of metadata that is JSON.' })
  readonly path: string;
  @ApiProperty({ anyOf: [{}], description: 'Any JSON; null where there was none.' }) readonly before: unknown;
  @ApiProperty({ anyOf: [{}], description: 'Any JSON; null where there is none.' }) readonly after: unknown;
}

class HistoryItem {
  @ApiProperty() readonly event_id: string;
  @ApiProperty({ example: 'CONTACT_UPDATE' }) readonly type: string;
  @ApiProperty() readonly contact_id: string;
  @ApiProperty({ format: 'date-time' }) readonly accepted_at: string;
  @ApiProperty({ format: 'date-time' }) readonly received_at: string;
  @ApiProperty() readonly version: string;
  @ApiProperty({ enum: SOURCES }) readonly source: Source;
  @ApiProperty({ description: 'Received after a newer one.' }) readonly late: boolean;
  @ApiProperty({ type: [FieldChange] }) readonly changes: readonly FieldChange[];
  @ApiProperty({ type: [String] }) readonly channels_added: readonly string[];
  @ApiProperty({ type: [String] }) readonly channels_removed: readonly string[];
  @ApiPropertyOptional({ type: MergeInBrief, description: 'Of a merge: what it did, as is known now.' })
  readonly merge?: MergeInBrief;
}

export class HistoryPage {
  @ApiProperty({ type: [HistoryItem] }) readonly history: readonly HistoryItem[];
  @ApiProperty() readonly next_page_token: string;
}

class ResolveResult {
  @ApiProperty() readonly id: string;
  @ApiProperty({ enum: ['active', 'merged', 'deleted', 'unknown', 'cycle'] }) readonly state: string;
  @ApiPropertyOptional({ description: 'The end of the chain.' }) readonly survivor_id?: string;
  @ApiPropertyOptional({ enum: ['active', 'deleted', 'unknown'] }) readonly survivor_state?: string;
  @ApiPropertyOptional({ type: [String], description: 'From the id to the end; 50 ids at most.' })
  readonly chain?: readonly string[];
  @ApiPropertyOptional({ type: 'integer' }) readonly chain_length?: number;
}

export class ResolveAnswer {
  @ApiProperty({ type: [ResolveResult], description: 'In the order of `ids`.' })
  readonly results: readonly ResolveResult[];
}

class BatchGetResult {
  @ApiProperty() readonly id: string;
  @ApiPropertyOptional({ type: Contact }) readonly contact?: Contact;
  @ApiPropertyOptional({ allOf: [{ $ref: '#/components/schemas/Problem' }] }) readonly problem?: object;
}

export class BatchGetAnswer {
  @ApiProperty({ type: [BatchGetResult], description: 'In the order of `ids`.' })
  readonly results: readonly BatchGetResult[];
}

class ContactChange {
  @ApiProperty({
    example: '1.769.1',
    description: 'The place in commit order: three numbers, compared one after the other.',
  })
  readonly sequence: string;
  @ApiProperty() readonly event_id: string;
  @ApiProperty({ enum: CHANGE_TYPES }) readonly type: ChangeType;
  @ApiProperty({ description: 'Of a merge the contact that is gone.' }) readonly contact_id: string;
  @ApiPropertyOptional() readonly survivor_id?: string;
  @ApiPropertyOptional() readonly merge_id?: string;
  @ApiPropertyOptional({
    type: MergeIdentities,
    description:
      'Of a merge, as far as was known when the event was received; `/merges` tells what is known now.',
  })
  readonly identities?: MergeIdentities;
  @ApiProperty() readonly version: string;
  @ApiProperty({ description: 'False when the event changed nothing that the mirror shows.' })
  readonly applied: boolean;
  @ApiProperty({ description: 'Received after a newer one.' }) readonly late: boolean;
  @ApiProperty({ enum: SOURCES }) readonly source: Source;
  @ApiProperty({
    type: [String],
    description: 'Changed fields; of a merge those of the survivor.',
    example: CONTACT_FIELDS,
  })
  readonly changed: readonly string[];
  @ApiProperty({ type: Contact, nullable: true, description: 'The contact as it is now.' })
  readonly contact: Contact | null;
  @ApiPropertyOptional({
    type: Contact,
    nullable: true,
    description: 'Of a merge: the survivor as it is now.',
  })
  readonly survivor?: Contact | null;
}

export class ChangesPage {
  @ApiProperty({ type: [ContactChange] }) readonly changes: readonly ContactChange[];
  @ApiProperty({ description: 'Never empty: ask again with it.' }) readonly next_page_token: string;
}
