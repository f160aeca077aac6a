import { Injectable } from '@nestjs/common';
import type { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { IS_WOKEN } from '../contacts/open-duplicates';
import { countConnections, type ConnectionCounts } from '../database/count-connections';
import { ProjectReads } from '../database/reads/project-reads';
import { ReservedPool } from '../database/reserved-pool';
import { rows } from '../database/rows';

/** The service's state in the database, over all projects. */
export interface DatabaseState {
  /** Open deliveries that only somebody's word applies. */
  readonly open_quarantine: number;
  /** Those that are applied when their time has come. */
  readonly waiting_quarantine: number;
  readonly open_duplicates: number;
  /** Projects whose newest run of a sweep failed, or waits for a confirmation. */
  readonly unfinished_syncs: number;
  /** Contacts whose searched columns an earlier release made: about so many. */
  readonly contacts_to_refresh: number;
  /** For how long the oldest committed event has been kept from feeds by an open transaction; 0: none is. */
  readonly horizon_age_seconds: number;
  /** Of the oldest prepared transaction (`PREPARE TRANSACTION`) of the cluster; 0: there is none. */
  readonly prepared_age_seconds: number;
  /** The era of the journal: it grows when Postgres was restored or a standby promoted. */
  readonly journal_era: number;
  /** How long before the begin of this era the newest event of the eras before it was received; 0 for none. */
  readonly journal_era_gap_seconds: number;
}

export const POOL_NAMES = ['service', 'readers', 'reserved'] as const;
export type PoolName = (typeof POOL_NAMES)[number];

/** Reads what is measured in the database. */
@Injectable()
export class MetricsRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
    private readonly reserved: ReservedPool,
  ) {}

  async state(): Promise<DatabaseState> {
    const [row] = rows<DatabaseState>(await this.database.query(STATE));
    if (row === undefined) throw new Error('A query for one row gave none.');
    return row;
  }

  /** Of each pool that is open: that of all that is not about one project, that of the readers of projects, and the reserved one. */
  pools(): Readonly<Partial<Record<PoolName, ConnectionCounts>>> {
    const readers = this.reads.connections();
    const reserved = this.reserved.connections();
    return {
      ...(this.database.isInitialized && { service: countConnections(this.poolOfService()) }),
      ...(readers && { readers }),
      ...(reserved && { reserved }),
    };
  }

  /** Asks Postgres for a word, on a connection of a pool. */
  async ask(pool: PoolName): Promise<void> {
    const pools = { service: this.database, readers: this.reads.of(''), reserved: this.reserved };
    await pools[pool].query('select 1');
  }

  private poolOfService(): Pool {
    return (this.database.driver as unknown as { readonly master: Pool }).master; // TypeORM's driver for Postgres has pg's pool
  }
}

const STATE = `
select (select count(*)::int from quarantined_delivery where state = 'open' and due_at is null) as open_quarantine,
       (select count(*)::int from quarantined_delivery where state = 'open' and due_at is not null) as waiting_quarantine,
       (coalesce((select sum(count) from duplicate_count where tally = 'open' and dimension = 'all'), 0)
        + (select count(*) from duplicate_set where ${IS_WOKEN}))::int as open_duplicates,
       (select count(*)::int
        from (select distinct on (project_id) state from sync_run order by project_id, id desc) newest
        where state in ('failed', 'needs_confirmation')) as unfinished_syncs,
       (select coalesce(max(greatest(contacts_expected - contacts_read, 1)) filter (where finished_at is null), 0)::float8
        from (select * from projection_refresh order by reading desc limit 1) newest) as contacts_to_refresh,
       (select coalesce(greatest(extract(epoch from now() - min(received_at)), 0), 0)::float8
        from (select received_at
              from audit_event
              where era = (select max(era) from journal_era) and tx >= pg_snapshot_xmin(pg_current_snapshot())
              order by era, tx, id
              limit 1) delayed) as horizon_age_seconds,
       (select coalesce(greatest(extract(epoch from now() - min(prepared)), 0), 0)::float8 from pg_prepared_xacts) as prepared_age_seconds,
       (select coalesce(max(era), 0) from journal_era) as journal_era,
       (select coalesce(greatest(extract(epoch from j.began_at - newest.received_at), 0), 0)::float8
        from (select era, began_at from journal_era order by era desc limit 1) j
        left join lateral (
          select received_at from audit_event e where e.era < j.era order by e.era desc, e.tx desc, e.id desc limit 1
        ) newest on true) as journal_era_gap_seconds`;
