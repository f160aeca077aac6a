import { ApiProperty } from '@nestjs/swagger';
import { OneOfParameter, PageQuery, TextParameter } from '../rest/parameters';
import { FOLLOWERS, type FollowerName } from './follower-names.rule';

export class ParkedEventsQuery extends PageQuery {
  @OneOfParameter(FOLLOWERS, 'Only events that this follower parked.')
  follower?: FollowerName;

  @TextParameter('Only events of this project.')
  project_id?: string;
}

/** An event that a follower of the journal could not handle and set aside. */
export class ParkedEventObject {
  @ApiProperty({ example: '7' }) readonly id: string;
  @ApiProperty({ example: 'duplicates', description: 'The follower that parked the event.' })
  readonly follower: string;
  @ApiProperty({ example: '1234', description: 'The id of the event in the journal.' })
  readonly event_id: string;
  @ApiProperty() readonly project_id: string;
  @ApiProperty({ example: 'SQLSTATE 22P02', description: 'Why the event could not be handled.' })
  readonly reason: string;
  @ApiProperty({ type: 'integer', example: 3, description: 'How many times the event was tried by itself.' })
  readonly tries: number;
  @ApiProperty({ format: 'date-time' }) readonly parked_at: string;
}

export class ParkedEventsPage {
  @ApiProperty({ type: [ParkedEventObject] }) readonly parked_events: readonly ParkedEventObject[];
  @ApiProperty({ description: 'The `page_token` of the next page; empty on the last page.' })
  readonly next_page_token: string;
}
