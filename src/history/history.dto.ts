import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { SOURCES, type Source } from '../audit/audit-event.rule';
import { ContactObject, SinchContactObject } from '../contacts/contacts.dto';
import { MergeIdentitiesObject, MergeInBriefObject } from '../contacts/merges/merges.dto';
import {
  FlagParameter,
  IntegerParameter,
  ListParameter,
  OneOfParameter,
  PageQuery,
} from '../rest/parameters';
import { CHANGE_TYPES, CHANGE_VIEWS, type ChangesView, type ChangeType } from './view-change';

/** Longest time that a feed holds an empty answer, in seconds. */
const waitMaxSeconds = 30;

/** Fields that Sinch's Contact has. */
const CONTACT_FIELDS = [
  'channel_identities',
  'channel_priority',
  'display_name',
  'email',
  'external_id',
  'metadata',
  'language',
] as const;

export class HistoryQuery extends PageQuery {
  @FlagParameter('Whether to include the events of contacts that were merged into it.', { default: true })
  include_merged: boolean = true;
}

export class ChangesQuery extends PageQuery {
  @ListParameter(CHANGE_TYPES, 'Only changes of these types, separated by commas.')
  type?: ChangeType[];

  @ListParameter(
    CONTACT_FIELDS,
    'Only changes of at least one of these fields, separated by commas. A changed key of `metadata` counts as `metadata`.',
  )
  changed?: string[];

  @IntegerParameter(
    { min: 0, max: waitMaxSeconds },
    'How many seconds the request waits for a change if there is none yet.',
    {
      default: 0,
    },
  )
  wait: number = 0;

  @OneOfParameter(
    CHANGE_VIEWS,
    '`full`: with the contact `before` and `after` each event. It may change from page to page.',
    { default: 'basic' },
  )
  view: ChangesView = 'basic';
}

class FieldChangeObject {
  @ApiProperty({
    example: 'metadata.tier',
    description: 'The name of a field, or `metadata.` and a key if the metadata is a JSON object.',
  })
  readonly path: string;
  @ApiProperty({ anyOf: [{}], description: 'The value before the event, any JSON; null: none.' })
  readonly before: unknown;
  @ApiProperty({ anyOf: [{}], description: 'The value after the event, any JSON; null: none.' })
  readonly after: unknown;
}

/** What the history and the feed show of every event. */
class ContactEventObject {
  @ApiProperty() readonly event_id: string;
  @ApiProperty() readonly version: string;
  @ApiProperty({ enum: SOURCES }) readonly source: Source;
  @ApiProperty({
    description:
      'True if the event was received after a newer event of the contact (one of the next 200 by time).',
  })
  readonly late: boolean;
  @ApiProperty({
    type: [String],
    description: 'Channels on which the contact has its first identity by this event.',
  })
  readonly channels_added: readonly string[];
  @ApiProperty({
    type: [String],
    description: 'Channels on which the contact lost its last identity by this event.',
  })
  readonly channels_removed: readonly string[];
}

/** One event of a contact, or of a contact that was merged into it. */
export class HistoryEntryObject extends ContactEventObject {
  @ApiProperty({ example: 'CONTACT_UPDATE' }) readonly type: string;
  @ApiProperty() readonly contact_id: string;
  @ApiProperty({ format: 'date-time' }) readonly accepted_at: string;
  @ApiProperty({ format: 'date-time' }) readonly received_at: string;
  @ApiProperty({ type: [FieldChangeObject] }) readonly changes: readonly FieldChangeObject[];
  @ApiPropertyOptional({ type: MergeInBriefObject, description: 'For a merge: what it did, as known now.' })
  readonly merge?: MergeInBriefObject;
}

export class HistoryPage {
  @ApiProperty({ type: [HistoryEntryObject] }) readonly history: readonly HistoryEntryObject[];
  @ApiProperty() readonly next_page_token: string;
}

/** One event of the feed. */
export class ContactChangeObject extends ContactEventObject {
  @ApiProperty({
    example: '1.769.1',
    description: 'The place of the event in commit order: three numbers, to be compared one after the other.',
  })
  readonly sequence: string;
  @ApiProperty({ enum: CHANGE_TYPES }) readonly type: ChangeType;
  @ApiProperty({ description: 'The id of the contact. For a merge the loser.' }) readonly contact_id: string;
  @ApiPropertyOptional() readonly survivor_id?: string;
  @ApiPropertyOptional() readonly merge_id?: string;
  @ApiPropertyOptional({
    type: MergeIdentitiesObject,
    description:
      'For a merge: what happened to the identities, as known when the event was received. `/merges` shows what is known now.',
  })
  readonly identities?: MergeIdentitiesObject;
  @ApiProperty({ description: 'True if the event changed what the mirror shows.' })
  readonly applied: boolean;
  @ApiProperty({
    type: [String],
    description: 'The names of the changed fields; for a merge those of the survivor.',
    example: CONTACT_FIELDS,
  })
  readonly changed: readonly string[];
  @ApiProperty({
    type: [String],
    example: ['tier'],
    description:
      'The changed keys of `metadata`, if it was and is a JSON object or empty. Otherwise the list is empty and `changed` contains `metadata`.',
  })
  readonly changed_metadata: readonly string[];
  @ApiPropertyOptional({
    type: SinchContactObject,
    nullable: true,
    description:
      'With `view=full`: the contact (for a merge the survivor) as known before the event; null: not known.',
  })
  readonly before?: object | null;
  @ApiPropertyOptional({
    type: SinchContactObject,
    nullable: true,
    description:
      'With `view=full`: the contact (for a merge the survivor) as the event describes it, applied or not; null for a deletion.',
  })
  readonly after?: object | null;
  @ApiProperty({
    type: ContactObject,
    nullable: true,
    description: 'The current state of the contact; null: not known.',
  })
  readonly contact: ContactObject | null;
  @ApiPropertyOptional({
    type: ContactObject,
    nullable: true,
    description: 'For a merge: the current state of the survivor; null: not known.',
  })
  readonly survivor?: ContactObject | null;
}

export class ChangesPage {
  @ApiProperty({ type: [ContactChangeObject] }) readonly changes: readonly ContactChangeObject[];
  @ApiProperty({
    description: 'The `page_token` of the next request. Never empty: the feed has no last page.',
  })
  readonly next_page_token: string;
}
