import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows, type RowOf } from '../database/rows';
import type { FollowedEvent } from './followers.repository';
import type { ParkedEventObject } from './parked-events.dto';

/** An event that a follower could not handle and set aside. */
export type ParkedEventRow = RowOf<ParkedEventObject, 'parked_at'>;

export interface ParkedEventFilter {
  readonly follower: string | null;
  /** Null: of any. */
  readonly projectIds: readonly string[] | null;
}

const COLUMNS = 'id, follower, event_id, project_id, reason, tries, parked_at';

/** The table of events that followers set aside: each is kept until it is handled after all. */
@Injectable()
export class ParkedEventsRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
  ) {}

  /** Newest first, from before the id `before` (null for the first page). */
  async page(
    filter: ParkedEventFilter,
    before: string | null,
    size: number,
  ): Promise<readonly ParkedEventRow[]> {
    return rows<ParkedEventRow>(
      await this.database.query(
        `select ${COLUMNS}
         from parked_event
         where ($1::text is null or follower = $1)
           and ($2::text[] is null or project_id = any ($2))
           and ($3::bigint is null or id < $3)
         order by id desc
         limit $4`,
        [filter.follower, filter.projectIds, before, size],
      ),
    );
  }

  /** @param projectIds null: of any */
  async find(id: string, projectIds: readonly string[] | null): Promise<ParkedEventRow | null> {
    const [row] = rows<ParkedEventRow>(
      await this.database.query(
        `select ${COLUMNS} from parked_event where id = $1 and ($2::text[] is null or project_id = any ($2))`,
        [id, projectIds],
      ),
    );
    return row ?? null;
  }

  /** How many events of a project a follower has set aside. */
  async count(projectId: string, follower: string): Promise<number> {
    const [row] = rows<{ count: number }>(
      await this.reads
        .of(projectId)
        .query('select count(*)::int as count from parked_event where project_id = $1 and follower = $2', [
          projectId,
          follower,
        ]),
    );
    return row?.count ?? 0;
  }

  /** How many events each follower has set aside; a follower without any is left out. */
  async counts(): Promise<ReadonlyMap<string, number>> {
    const found = rows<{ follower: string; count: number }>(
      await this.database.query(
        'select follower, count(*)::int as count from parked_event group by follower',
      ),
    );
    return new Map(found.map(({ follower, count }) => [follower, count]));
  }

  /** Sets an event aside, in the transaction that moves the follower past it. */
  async park(
    session: Queryable,
    follower: string,
    { id, project_id: projectId }: Pick<FollowedEvent, 'id' | 'project_id'>,
    reason: string,
    tries: number,
  ): Promise<void> {
    await session.query(
      `insert into parked_event (follower, event_id, project_id, reason, tries) values ($1, $2, $3, $4, $5)
       on conflict (follower, event_id) do nothing`,
      [follower, id, projectId, reason, tries],
    );
  }

  /** Removes an event in the transaction that handles it. @returns whether it was still there */
  async remove(session: Queryable, id: string): Promise<boolean> {
    const removed = rows(await session.query('delete from parked_event where id = $1 returning id', [id]));
    return removed.length === 1;
  }

  /** Notes that an event could not be handled once more. */
  async failedAgain(id: string, reason: string): Promise<void> {
    await this.database.query('update parked_event set tries = tries + 1, reason = $2 where id = $1', [
      id,
      reason,
    ]);
  }
}
