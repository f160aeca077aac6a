import { ApiProperty } from '@nestjs/swagger';
import { OneOfParameter, PageQuery } from '../rest/parameters';
import { ANOMALY_KINDS, type AnomalyKind } from './anomalies.service';

export class AnomaliesQuery extends PageQuery {
  @OneOfParameter(ANOMALY_KINDS, 'Only anomalies of this kind.')
  kind?: AnomalyKind;
}

export class Anomaly {
  @ApiProperty({
    enum: ANOMALY_KINDS,
    description:
      '`merge-cycle`: merges that run in a circle (looked for among the first 100,000 contacts that are both survivor and loser). ' +
      '`merged-twice`: one contact merged into several. ' +
      '`told-after-gone`: a create, an update or a merge that is newer than the going of its contact. ' +
      '`fetched-after-gone`: a contact that Sinch still had when it was asked, though the mirror has it as gone.',
  })
  readonly kind: AnomalyKind;
  @ApiProperty({ description: 'Of a circle its smallest id, of several merges the loser.' })
  readonly contact_id: string;
  @ApiProperty({ type: [String], description: 'All that are concerned, 50 at most.' })
  readonly contact_ids: readonly string[];
  @ApiProperty({ description: 'What is wrong, for people.' }) readonly detail: string;
}

export class AnomaliesPage {
  @ApiProperty({ type: [Anomaly] }) readonly anomalies: readonly Anomaly[];
  @ApiProperty({ description: 'Empty on the last page.' }) readonly next_page_token: string;
}
