import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { OneOfParameter, PageQuery, TextParameter } from '../rest/parameters';

const REFERENCE_STATES = ['active', 'dangling', 'cycle'] as const;
/** Whether a contact answers for a reference: `dangling` where that was deleted, `cycle` where merges form a cycle. */
export type ReferenceState = (typeof REFERENCE_STATES)[number];

export class ContactReferencesQuery extends PageQuery {}

export class ReferencesQuery extends PageQuery {
  @OneOfParameter(REFERENCE_STATES, 'Only references in this state; `dangling`: their contact was deleted.')
  state?: ReferenceState;

  @TextParameter('Only references of this system.', { example: 'crm' })
  system?: string;
}

/** What another system calls a contact. */
export class ReferenceObject {
  @ApiProperty({ example: 'crm' }) readonly system: string;
  @ApiProperty({ example: 'customer-17' }) readonly external_id: string;
  @ApiProperty({
    description:
      'The id of the contact that the reference leads to now: the survivor, if its contact was merged.',
  })
  readonly contact_id: string;
  @ApiPropertyOptional({ description: 'The id that the reference was set for, if that contact was merged.' })
  readonly resolved_from?: string;
  @ApiProperty({
    enum: REFERENCE_STATES,
    description:
      '`active`: the contact exists; `dangling`: it was deleted; `cycle`: its merges form a cycle.',
  })
  readonly state: ReferenceState;
  @ApiProperty({ format: 'date-time' }) readonly created_at: string;
  @ApiProperty({ description: 'Who set the reference.' }) readonly created_by: string;
}

export class ReferencesPage {
  @ApiProperty({ type: [ReferenceObject] }) readonly references: readonly ReferenceObject[];
  @ApiProperty({
    description:
      'The `page_token` of the next page; empty on the last page. A page may be shorter than `page_size`.',
  })
  readonly next_page_token: string;
}
