import { ApiProperty } from '@nestjs/swagger';
import { OneOfParameter, PageQuery } from '../../rest/parameters';

/** What Sinch tells that does not go together, in the order in which it is listed. */
export const ANOMALY_KINDS = [
  'merge-cycle',
  'merged-twice',
  'webhook-after-delete',
  'fetched-after-delete',
] as const;
export type AnomalyKind = (typeof ANOMALY_KINDS)[number];

export class AnomaliesQuery extends PageQuery {
  @OneOfParameter(ANOMALY_KINDS, 'Only anomalies of this kind.')
  kind?: AnomalyKind;
}

export class AnomalyObject {
  @ApiProperty({
    enum: ANOMALY_KINDS,
    description:
      '`merge-cycle`: merges that form a cycle. For each page, 100,000 merges of contacts that are both survivor and loser are followed; a cycle beyond them may be missed. ' +
      '`merged-twice`: one contact merged into several. ' +
      '`webhook-after-delete`: a create, update or merge that is newer than the deletion or merge of its contact. ' +
      '`fetched-after-delete`: a contact that the mirror shows as deleted or merged, but that Sinch still had when asked.',
  })
  readonly kind: AnomalyKind;
  @ApiProperty({
    description: 'The id of the contact. For a merge cycle the smallest id, for several merges the loser.',
  })
  readonly contact_id: string;
  @ApiProperty({ type: [String], description: 'The ids of all contacts concerned, at most 50.' })
  readonly contact_ids: readonly string[];
  @ApiProperty({ description: 'What is wrong, in one sentence.' }) readonly detail: string;
}

export class AnomaliesPage {
  @ApiProperty({ type: [AnomalyObject] }) readonly anomalies: readonly AnomalyObject[];
  @ApiProperty({
    description:
      'The `page_token` of the next page; empty on the last page. For each page 50,000 merges are looked at, so a page may be shorter than asked for, or empty, and not be the last.',
  })
  readonly next_page_token: string;
}
