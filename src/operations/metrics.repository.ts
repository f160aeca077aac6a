import { Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { countConnections, type ConnectionCounts } from '../database/count-connections';
import { ProjectReads } from '../database/project-reads';
import { rows } from '../database/rows';

/** What the database tells of the service's state, over all projects. */
export interface DatabaseState {
  readonly open_quarantine: number;
  readonly open_duplicates: number;
  /** For how long the oldest committed event has been kept from feeds by an open transaction; 0: none is. */
  readonly horizon_age_seconds: number;
}

/** Reads what is measured in the database. */
@Injectable()
export class MetricsRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
  ) {}

  async state(): Promise<DatabaseState> {
    const [row] = rows<DatabaseState>(await this.database.query(STATE));
    if (row === undefined) throw new Error('A query for one row gave none.');
    return row;
  }

  /** Of each pool that is open: that of all that is not about one project, and that of the readers of projects. */
  pools(): Readonly<Partial<Record<'service' | 'readers', ConnectionCounts>>> {
    const readers = this.reads.connections();
    return {
      ...(this.database.isInitialized && { service: countConnections(this.poolOfService()) }),
      ...(readers && { readers }),
    };
  }

  private poolOfService(): Pool {
    return (this.database.driver as unknown as { readonly master: Pool }).master; // TypeORM's driver for Postgres has pg's pool
  }
}

const STATE = `
select (select count(*)::int from quarantined_delivery where state = 'open') as open_quarantine,
       (select count(*)::int from duplicate_set where status in ('open', 'snoozed') and (status = 'open' or snoozed_until <= now())) as open_duplicates,
       (select coalesce(greatest(extract(epoch from now() - min(received_at)), 0), 0)::float8
        from (select received_at
              from audit_event
              where era = (select max(era) from journal_era) and tx >= pg_snapshot_xmin(pg_current_snapshot())
              order by era, tx, id
              limit 1) delayed) as horizon_age_seconds`;
