import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';

/** Tells where the feeds of projects end, of many projects at once. */
@Injectable()
export class FeedEndsRepository {
  constructor(private readonly database: DataSource) {}

  /** The place of the last event that the feed of each project tells, as text; projects without any are left out. */
  async find(projectIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = rows<{ project_id: string; place: string }>(
      await this.database.query(
        `select asked.project_id, last.era || '.' || last.tx::text || '.' || last.id as place
         from unnest($1::text[]) as asked (project_id)
         cross join lateral (
           select e.era, e.tx, e.id
           from audit_event e
           where e.project_id = asked.project_id
             and (e.project_id, e.era, e.tx)
                 < (asked.project_id, (select max(era) from journal_era), pg_snapshot_xmin(pg_current_snapshot()))
           order by e.era desc, e.tx desc, e.id desc
           limit 1
         ) last`,
        [projectIds],
      ),
    );
    return new Map(found.map((row) => [row.project_id, row.place]));
  }
}
