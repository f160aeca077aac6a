import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';

/** Tells where the journal and the domain events of projects end, of many projects at once. */
@Injectable()
export class StreamEndsRepository {
  constructor(private readonly database: DataSource) {}

  /** The places of the last events that can be read, both as one text. */
  async find(projectIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const found = rows<{ projectId: string; place: string }>(
      await this.database.query(
        `select asked.project_id as "projectId", concat_ws(' ', coalesce(${endOf('audit_event')}, '-'), coalesce(${endOf('domain_event')}, '-')) as place
         from unnest($1::text[]) as asked (project_id)`,
        [projectIds],
      ),
    );
    return new Map(found.map(({ projectId, place }) => [projectId, place]));
  }
}

function endOf(table: string): string {
  return `(select concat_ws('.', e.era, e.tx::text, e.id)
            from ${table} e
            where e.project_id = asked.project_id
              and (e.project_id, e.era, e.tx)
                  < (asked.project_id, (select max(era) from journal_era), pg_snapshot_xmin(pg_current_snapshot()))
            order by e.era desc, e.tx desc, e.id desc
            limit 1)`;
}
