import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';

/** A pass through all contacts of a project: the newest of each project is kept. */
export interface ScanRow {
  readonly project_id: string;
  readonly requested_at: Date;
  readonly requested_by: string;
  /** Null: it has not begun. */
  readonly partitions_count: number | null;
  readonly partitions_done: number;
  /** The last contact that was examined in the partition under way. */
  readonly after_contact_id: string;
  /** How many contacts were examined: those that may be alike to others. */
  readonly contacts_count: string;
  /** How many could not be examined and were skipped. */
  readonly contacts_skipped: number;
  readonly finished_at: Date | null;
}

const COLUMNS = `project_id, requested_at, requested_by, partitions_count, partitions_done, after_contact_id, contacts_count, contacts_skipped, finished_at`;

/** The table of scans: where each stands, so that one that was broken off continues. */
@Injectable()
export class ScansRepository {
  constructor(
    private readonly database: DataSource,
    private readonly reads: ProjectReads,
  ) {}

  async find(projectId: string): Promise<ScanRow | null> {
    const [row] = rows<ScanRow>(
      await this.reads
        .of(projectId)
        .query(`select ${COLUMNS} from duplicate_scan where project_id = $1`, [projectId]),
    );
    return row ?? null;
  }

  /** Asks for a scan; one that is under way continues as it is. Returns the one that is under way then. */
  async request(projectId: string, actor: string): Promise<ScanRow> {
    await this.database.query(
      `insert into duplicate_scan as s (project_id, requested_at, requested_by) values ($1, now(), $2)
       on conflict (project_id) do update set
         requested_at = excluded.requested_at, requested_by = excluded.requested_by, partitions_count = null,
         partitions_done = 0, after_contact_id = '', contacts_count = 0, contacts_skipped = 0, finished_at = null
       where s.finished_at is not null`,
      [projectId, actor],
    );
    const scan = await this.find(projectId);
    if (scan === null) throw new Error('A scan that was asked for is not there.');
    return scan;
  }

  /** Has projects scanned from the beginning, also where a scan is under way; in a transaction in which nobody scans. */
  async restart(session: Queryable, projectIds: readonly string[]): Promise<void> {
    await session.query(
      `insert into duplicate_scan (project_id, requested_at, requested_by)
       select project_id, now(), 'upgrade' from unnest($1::text[]) as p (project_id)
       on conflict (project_id) do update set
         requested_at = excluded.requested_at, requested_by = excluded.requested_by, partitions_count = null,
         partitions_done = 0, after_contact_id = '', contacts_count = 0, contacts_skipped = 0, finished_at = null`,
      [projectIds],
    );
  }

  /** The oldest scan that is not finished. */
  async next(session: Queryable): Promise<ScanRow | null> {
    const [row] = rows<ScanRow>(
      await session.query(
        `select ${COLUMNS} from duplicate_scan where finished_at is null order by requested_at, project_id limit 1`,
      ),
    );
    return row ?? null;
  }

  async begin(session: Queryable, projectId: string, partitionsCount: number): Promise<void> {
    await session.query('update duplicate_scan set partitions_count = $2 where project_id = $1', [
      projectId,
      partitionsCount,
    ]);
  }

  /** @param afterContactId null: the partition is done */
  async advance(
    session: Queryable,
    scan: ScanRow,
    contacts: { readonly examined: number; readonly skipped: number },
    afterContactId: string | null,
  ): Promise<void> {
    await session.query(
      `update duplicate_scan set
         contacts_count   = contacts_count + $2,
         contacts_skipped = contacts_skipped + $4,
         after_contact_id = coalesce($3, ''),
         partitions_done  = partitions_done + ($3::text is null)::int,
         finished_at      = case when $3::text is null and partitions_done + 1 >= partitions_count then now() end
       where project_id = $1`,
      [scan.project_id, contacts.examined, afterContactId, contacts.skipped],
    );
  }
}
