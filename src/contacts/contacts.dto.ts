import {
  ApiProperty,
  ApiPropertyOptional,
  IntersectionType,
  OmitType,
  PartialType,
  PickType,
} from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsIn, IsOptional, IsString } from 'class-validator';
import {
  AnyCase,
  ExportQuery,
  OneOfParameter,
  PageQuery,
  TextParameter,
  TimeParameter,
} from '../rest/parameters';

import { STATUSES, type StatusFilter } from './contacts.repository';

/** Most ids of one request. */
const idsMax = 1_000;

export class ContactsQuery extends PageQuery {
  @TextParameter('The `external_id`: case-sensitive; surrounding blanks are ignored.')
  external_id?: string;

  @TextParameter('Together with `identity`: the channel of a channel identity.', { example: 'SMS' })
  channel?: string;

  @TextParameter('Together with `channel`: the identity; on phone channels in any form of the number.')
  identity?: string;

  @TextParameter(
    'A phone number with its country code, in any form, on any phone channel. The older format of mobile numbers in Brazil, Mexico and Argentina is found too.',
    { example: '+1 (555) 123-4567' },
  )
  phone?: string;

  @TextParameter('The e-mail address (case-insensitive).')
  email?: string;

  @TextParameter(
    'Part of the display name (case-insensitive): two characters find the start of a word, three or more any part. In Chinese, Japanese and Korean one character is enough, and finds any part. The first 512 characters of a name are searched.',
    { example: 'doe' },
  )
  q?: string;

  @TextParameter('The language (case-insensitive).', { example: 'EN_US' })
  language?: string;

  @OneOfParameter(STATUSES, 'Only contacts with this status.', { default: 'active' })
  status: StatusFilter = 'active';

  @OneOfParameter(
    ['follow'],
    'With `follow`, merged contacts match too, and each is shown as its last survivor; `mirror.matched_id` is the id that matched. One row for each match, ordered by matched id, so a contact may appear twice. Matches whose survivor was deleted are left out. Use it to look a person up before you create one.',
  )
  on_merged?: 'follow';
}

export class ContactsExportQuery extends IntersectionType(
  OmitType(ContactsQuery, ['page_size', 'page_token', 'on_merged'] as const),
  ExportQuery,
) {
  @TextParameter(
    'Continues an export that was cut off: the id of the last contact that was received completely.',
  )
  after?: string;
}

export class ContactQuery {
  @OneOfParameter(
    ['follow', 'error'],
    'For a merged id: `follow` returns the survivor, `error` returns 410. By default the answer is a redirect (307) to the survivor.',
  )
  on_merged?: 'follow' | 'error';

  @TimeParameter('The contact as it was at this time (to the microsecond, included), as far as is known now.')
  at?: bigint;
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
  @AnyCase(['follow', 'error'])
  @IsIn(['follow', 'error'])
  readonly on_merged: 'follow' | 'error' = 'follow';
}

/** As Sinch sent it, so it may lack what every one should have. */
export class ChannelIdentityObject {
  @ApiPropertyOptional({ example: 'SMS' }) readonly channel?: string;
  @ApiPropertyOptional({ example: '15551234567' }) readonly identity?: string;
  @ApiPropertyOptional({ example: '' }) readonly app_id?: string;
}

class MirrorObject {
  @ApiProperty({ enum: ['active', 'merged', 'deleted'] }) readonly status: 'active' | 'merged' | 'deleted';
  @ApiProperty({
    type: String,
    nullable: true,
    example: '1718460000123000000',
    description:
      'The time of the shown data in nanoseconds since 1970, as a decimal string. Compare as integers. Null if only the deletion or merge of the contact is known.',
  })
  readonly version: string | null;
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description:
      'When Sinch accepted the shown data; null if only the deletion or merge of the contact is known.',
  })
  readonly accepted_at: string | null;
  @ApiProperty({
    format: 'date-time',
    description: 'When Sinch accepted the newest change of the contact, including its merge or deletion.',
  })
  readonly updated_at: string;
  @ApiProperty({
    type: String,
    nullable: true,
    description: 'The id of the contact that it was merged into; null: it was not merged.',
  })
  readonly survivor_id: string | null;
  @ApiProperty({
    type: [String],
    description:
      'The ids of all contacts that were merged into it, directly or through others; at most 1,000.',
  })
  readonly merged_ids: readonly string[];
  @ApiProperty({ type: [String], description: 'The ids of the open sets of duplicates that contain it.' })
  readonly open_duplicates: readonly string[];
  @ApiProperty({
    type: String,
    nullable: true,
    example: '{"tier":"premium"}',
    description:
      'Its metadata combined with that of the contacts merged into it, as METADATA_CONSOLIDATION says; at most 4,096 characters of each of those. Null: none.',
  })
  readonly consolidated_metadata: string | null;
  @ApiPropertyOptional({ description: 'The merged id that was requested, if it differs from `id`.' })
  readonly resolved_from?: string;
  @ApiPropertyOptional({
    description:
      'In a list with `on_merged=follow`: the id that matched, either of this contact or of one merged into it.',
  })
  readonly matched_id?: string;
}

/** Sinch's Contact with all its fields, as Sinch answers it, and one object more. What Sinch sent in them is shown as it is. */
export class ContactObject {
  @ApiProperty({ example: '01H3333333', description: 'The id of the contact, chosen by Sinch.' })
  readonly id: string;
  @ApiProperty({
    type: [ChannelIdentityObject],
    description: 'The addresses of the contact on its channels.',
  })
  readonly channel_identities: unknown;
  @ApiProperty({
    type: [String],
    example: ['SMS'],
    description: 'The channels of the contact in order of preference.',
  })
  readonly channel_priority: unknown;
  @ApiProperty({ type: String, example: 'John Doe', description: 'The display name; empty: none.' })
  readonly display_name: unknown;
  @ApiProperty({
    type: String,
    example: 'john.doe@example.com',
    description: 'The e-mail address; empty: none.',
  })
  readonly email: unknown;
  @ApiProperty({
    type: String,
    example: 'customer_12345',
    description: 'The id of the contact in your own system; empty: none.',
  })
  readonly external_id: unknown;
  @ApiProperty({
    type: String,
    example: '{"tier":"premium"}',
    description: 'Free text, often JSON; empty: none.',
  })
  readonly metadata: unknown;
  @ApiProperty({ type: String, example: 'EN', description: 'The preferred language; `UNSPECIFIED`: none.' })
  readonly language: unknown;
  @ApiProperty({ type: MirrorObject, description: 'What the mirror adds to Sinch’s fields.' })
  readonly mirror: MirrorObject;
  /** Whatever else Sinch sent. */
  readonly [field: string]: unknown;
}

/** Sinch's Contact as it was sent: Sinch requires no field but the id. */
export class SinchContactObject extends IntersectionType(
  PickType(ContactObject, ['id'] as const),
  PartialType(OmitType(ContactObject, ['id', 'mirror'] as const)),
) {}

export class ContactsPage {
  @ApiProperty({ type: [ContactObject] }) readonly contacts: readonly ContactObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}

class ResolveResultObject {
  @ApiProperty() readonly id: string;
  @ApiProperty({ enum: ['active', 'merged', 'deleted', 'unknown', 'cycle'] }) readonly state: string;
  @ApiPropertyOptional({ description: 'The id of the last survivor.' }) readonly survivor_id?: string;
  @ApiPropertyOptional({ enum: ['active', 'deleted', 'unknown'] }) readonly survivor_state?: string;
  @ApiPropertyOptional({
    type: [String],
    description:
      'The ids from `id` to the last survivor, at most 50. Left out once the results exceed 4 MiB: request fewer ids.',
  })
  readonly chain?: readonly string[];
  @ApiPropertyOptional({ type: 'integer' }) readonly chain_length?: number;
}

export class ResolveResultsObject {
  @ApiProperty({
    type: [ResolveResultObject],
    description: 'One result for each requested id, in the order of `ids`.',
  })
  readonly results: readonly ResolveResultObject[];
}

class BatchGetResultObject {
  @ApiProperty() readonly id: string;
  @ApiPropertyOptional({ type: ContactObject }) readonly contact?: ContactObject;
  @ApiPropertyOptional({ allOf: [{ $ref: '#/components/schemas/Problem' }] }) readonly problem?: object;
}

export class BatchGetResultsObject {
  @ApiProperty({
    type: [BatchGetResultObject],
    description: 'One result for each requested id, in the order of `ids`.',
  })
  readonly results: readonly BatchGetResultObject[];
}
