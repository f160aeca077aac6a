import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows } from '../database/rows';
import { arrayLiteral } from '../base/array-literal.rule';
import {
  currentReading,
  nameReading,
  searchReading,
  type Projections,
} from '../audit/commit/projections.rule';

/** How far the rows of earlier readings have been read again. */
export interface RefreshProgress {
  readonly after_project_id: string;
  readonly after_contact_id: string;
  /** Contacts that there were when the reading changed. */
  readonly contacts_expected: string;
  readonly contacts_read: string;
  readonly is_finished: boolean;
  /** Whether all rows have columns to search by of the newest such reading: the rest changes no search. */
  readonly is_search_finished: boolean;
  /** The same of the names alone. */
  readonly is_name_search_finished: boolean;
}

/** A row that was met on the way. */
export interface MetRow {
  readonly project_id: string;
  readonly id: string;
  readonly version: string;
  /** In hex. */
  readonly tie_break: string;
  /** JSON text; null where the row is of the current reading already. */
  readonly snapshot: string | null;
}

/** A row of an earlier reading, with what the current one makes of it. */
export interface ReadRow {
  readonly row: MetRow;
  readonly projections: Projections;
}

/** Brings rows of the map to the current reading. Beside the commit queue, which alone writes what Sinch says. */
@Injectable()
export class ProjectionRefreshRepository {
  constructor(private readonly database: DataSource) {}

  async find(): Promise<RefreshProgress> {
    const [progress] = rows<RefreshProgress>(
      await this.database.query(PROGRESS, [currentReading, searchReading, nameReading]),
    );
    if (progress === undefined) throw new Error(`The table of readings has none numbered ${currentReading}.`);
    return progress;
  }

  /** The next rows in the order of the primary key; at least one where there is one, else so many and such bytes at most. */
  async page(after: RefreshProgress, size: number, bytesMax: number): Promise<readonly MetRow[]> {
    const values = [after.after_project_id, after.after_contact_id, size, bytesMax, currentReading];
    return rows<MetRow>(await this.database.query(NEXT_ROWS, values));
  }

  /**
   * Writes what was read and moves on, both or neither; nothing where another process has moved on meanwhile.
   *
   * A row that an event has changed since was made by the current reading then: it stays as it is.
   */
  async commit(after: RefreshProgress, met: readonly MetRow[], read: readonly ReadRow[]): Promise<void> {
    const last = met.at(-1);
    if (last === undefined) return;
    const place = [after.after_project_id, after.after_contact_id, last.project_id, last.id, met.length];
    const projections = read.map((each) => each.projections);
    await this.database.query(COMMIT, [
      currentReading,
      ...place,
      read.map(({ row }) => row.project_id),
      read.map(({ row }) => row.id),
      read.map(({ row }) => row.version),
      read.map(({ row }) => row.tie_break),
      projections.map((says) => says.displayName),
      projections.map((says) => arrayLiteral(says.nameKeys)),
      projections.map((says) => says.email),
      projections.map((says) => says.externalId),
      projections.map((says) => says.language),
      projections.map((says) => arrayLiteral(says.identityKeys)),
      projections.map((says) => arrayLiteral(says.identityPhones)),
    ]);
  }

  /** Ends the refresh. @returns false where the table is busy: try again */
  async end(): Promise<boolean> {
    const [answer] = rows<{ ended: boolean }>(
      await this.database.query('select end_projection_refresh() as ended'),
    );
    return answer?.ended === true;
  }
}

const PROGRESS = `
select after_project_id, after_contact_id, contacts_expected, contacts_read, finished_at is not null as is_finished,
       not exists (select from projection_refresh where reading <= $2 and finished_at is null) as is_search_finished,
       not exists (select from projection_refresh where reading <= $3 and finished_at is null) as is_name_search_finished
from projection_refresh
where reading = $1`;

const NEXT_ROWS = `
select project_id, id, version, encode(tie_break, 'hex') as tie_break, case when projected_by < $5 then snapshot end as snapshot
from (select *, sum(octet_length(snapshot)) over (order by project_id, id) - octet_length(snapshot) as bytes_before
      from (select project_id, id, version, tie_break, snapshot::text, projected_by
            from contact
            where (project_id, id) > ($1, $2)
            order by project_id, id
            limit $3) next) measured
where bytes_before = 0 or bytes_before + octet_length(snapshot) <= $4
order by project_id, id`;

/** Rows are locked in key order, as the commit queue locks them, so the two cannot deadlock. */
const COMMIT = `
with moved as (
  update projection_refresh
  set after_project_id = $4, after_contact_id = $5, contacts_read = contacts_read + $6
  where reading = $1 and (after_project_id, after_contact_id) = ($2, $3) and finished_at is null
  returning reading
),
read as (
  select project_id collate "C" as project_id, id collate "C" as id, version, decode(tie_break, 'hex') as tie_break,
         display_name, name_keys::text[] as name_keys, email, external_id, language, identity_keys::text[] as identity_keys,
         identity_phones::text[] as identity_phones
  from unnest($7::text[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
              $17::text[])
    as r (project_id, id, version, tie_break, display_name, name_keys, email, external_id, language, identity_keys, identity_phones)
),
locked as materialized (
  select c.project_id, c.id, c.version, c.tie_break, c.projected_by
  from contact c
  where exists (select from moved) and (c.project_id, c.id) in (select project_id, id from read)
  order by c.project_id, c.id
  for update
)
update contact c
set display_name = r.display_name, name_keys = r.name_keys, email = r.email, external_id = r.external_id, language = r.language,
    identity_keys = r.identity_keys, identity_phones = r.identity_phones, projected_by = $1
from locked l
join read r using (project_id, id)
where c.project_id = l.project_id and c.id = l.id
  and (l.version, l.tie_break) = (r.version, r.tie_break) and l.projected_by < $1`;
