import { Injectable } from '@nestjs/common';
import { ProjectReads } from '../database/reads/project-reads';
import type { Queryable } from '../database/queryable';
import { rows } from '../database/rows';
import {
  beginOfQuarter,
  endOfQuarter,
  quarterOf,
  quartersPerDay,
  type CountChange,
  type CountKind,
  type DayChange,
  type Dimension,
} from './count-contacts.rule';

/** Most values of a kind that are shown, the most frequent ones. */
const valuesMax = 1_000;

export interface Count {
  readonly kind: CountKind;
  /** `''`: none. */
  readonly value: string;
  readonly count: number;
}

/** How many contacts of one value of the dimension were created: so many at each of some points of time. */
export interface Acquired {
  /** `''`: none. */
  readonly value: string;
  /** From 0. */
  readonly points: readonly number[];
  /** As many as points, none of them 0. */
  readonly counts: readonly number[];
}

/** The sums over all contacts of a project. Written in the stats follower's transactions alone. */
@Injectable()
export class CountsRepository {
  constructor(private readonly reads: ProjectReads) {}

  /** Those above zero, the greatest of each kind first. */
  async find(projectId: string): Promise<readonly Count[]> {
    return rows<Count>(
      await this.reads.of(projectId).query(
        `select kind, value, count::float8 as count
         from (select *, row_number() over (partition by kind order by count desc, value) as place
               from project_count
               where project_id = $1 and count > 0) c
         where place <= $2
         order by kind, place`,
        [projectId, valuesMax],
      ),
    );
  }

  /**
   * How many contacts were created, value by value.
   *
   * Whole quarters of an hour are read off the days; what of the first and the last lies outside the window is counted
   * contact by contact, and taken off.
   *
   * @param from nanoseconds since the epoch, included
   * @param to excluded
   * @param starts of the points in nanoseconds since the epoch; the first may be before `from`
   */
  async acquired(
    projectId: string,
    dimension: Dimension,
    from: bigint,
    to: bigint,
    starts: readonly bigint[],
  ): Promise<readonly Acquired[]> {
    const first = quarterOf(from);
    const end = quarterOf(to - 1n) + 1;
    return rows<Acquired>(
      await this.reads
        .of(projectId)
        .query(ACQUIRED, [
          projectId,
          dimension,
          [first, ...starts.slice(1).map(quarterOf), end],
          Math.floor(first / quartersPerDay),
          Math.floor((end - 1) / quartersPerDay),
          beginOfQuarter(first).toString(),
          from.toString(),
          to.toString(),
          endOfQuarter(end - 1).toString(),
          quartersPerDay,
        ]),
    );
  }

  async change(session: Queryable, projectId: string, changes: readonly CountChange[]): Promise<void> {
    if (changes.length === 0) return;
    await session.query(
      `insert into project_count as c (project_id, kind, value, count)
       select $1, kind, value, change
       from json_to_recordset($2::json) as changed (kind text, value text, change int)
       on conflict (project_id, kind, value) do update set count = c.count + excluded.count`,
      [projectId, JSON.stringify(changes)],
    );
  }

  async changeDays(session: Queryable, projectId: string, days: readonly DayChange[]): Promise<void> {
    if (days.length === 0) return;
    await session.query(
      `insert into acquisition_day as a (project_id, dimension, day, value, contacts)
       select $1, dimension, day, value, changes
       from json_to_recordset($2::json) as changed (dimension text, day int, value text, changes int[])
       on conflict (project_id, dimension, day, value) do update set
         contacts = array(
           select before + change
           from unnest(a.contacts, excluded.contacts) with ordinality as quarter (before, change, n)
           order by n)`,
      [projectId, JSON.stringify(days)],
    );
  }
}

/** A point's piece of a day ends with the quarter `until`, and begins after the quarter `after`, from 1. */
const ACQUIRED = `
with point as (
  select n - 1 as point, begins, lead(begins) over (order by n) as ends
  from unnest($3::int[]) with ordinality as b (begins, n)
),
piece as (
  select point, day, greatest(begins - day * $10, 0) as after, least(ends - day * $10, $10) as until
  from point
  cross join lateral generate_series(begins / $10, (ends - 1) / $10) as d (day)
),
outside as (
  select case when created_version < $7 then 0 else cardinality($3) - 2 end as point,
         case $2 when 'channel' then created_channel when 'app_id' then created_app_id
                 when 'language' then created_language else '' end as value
  from counted_contact
  where project_id = $1
    and (created_version >= $6::bigint and created_version < $7::bigint
         or created_version >= $8::bigint and created_version <= $9::bigint)
)
select value, json_agg(point) as points, json_agg(count) as counts
from (
  select point, value, sum(count) as count
  from (
    select p.point, a.value, a.contacts[p.until] - coalesce(a.contacts[p.after], 0) as count
    from piece p
    join acquisition_day a on a.day = p.day
    where a.project_id = $1 and a.dimension = $2 and a.day between $4 and $5
    union all
    select point, value, -1 from outside
  ) counted
  group by point, value
  having sum(count) <> 0
) summed
group by value`;
