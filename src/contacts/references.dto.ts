import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { OneOfParameter, PageQuery, TextParameter } from '../rest/parameters';
import { REFERENCE_STATES, type ReferenceState } from './references.service';

export class ContactReferencesQuery extends PageQuery {}

export class ReferencesQuery extends PageQuery {
  @OneOfParameter(REFERENCE_STATES, 'Only references in this state; `dangling`: their contact was deleted.')
  state?: ReferenceState;

  @TextParameter('Only references of this system.', { example: 'crm' })
  system?: string;
}

/** What another system calls a contact. */
export class Reference {
  @ApiProperty({ example: 'crm' }) readonly system: string;
  @ApiProperty({ example: 'customer-17' }) readonly external_id: string;
  @ApiProperty({ description: 'The contact that answers for it now.' }) readonly contact_id: string;
  @ApiPropertyOptional({ description: 'The id that it was given for, where that was merged.' })
  readonly resolved_from?: string;
  @ApiProperty({
    enum: REFERENCE_STATES,
    description: '`dangling`: the contact was deleted; `cycle`: its merges run in a circle.',
  })
  readonly state: ReferenceState;
  @ApiProperty({ format: 'date-time' }) readonly created_at: string;
  @ApiProperty({ description: 'Who gave it.' }) readonly created_by: string;
}

export class ReferencesPage {
  @ApiProperty({ type: [Reference] }) readonly references: readonly Reference[];
  @ApiProperty({ description: 'Empty on the last page; a page may be shorter than asked for.' })
  readonly next_page_token: string;
}
