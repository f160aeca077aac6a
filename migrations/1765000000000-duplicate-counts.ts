import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Counts sets of duplicates while they are written, so that summaries, statistics and metrics need not read them all.
 *
 * Triggers count, since sets are written by several statements; all of them run under the lock of the duplicates follower, so
 * no two transactions wait for each other's counts. Sets cannot be written while they are counted for the first time.
 */
export class DuplicateCounts1765000000000 implements MigrationInterface {
  readonly name = 'DuplicateCounts1765000000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      lock table duplicate_set in share row exclusive mode;
      ${TABLE};
      ${TRIGGERS};
      insert into duplicate_count (project_id, tally, day, dimension, value, count)
        ${countsOf('(select *, 1 as n from duplicate_set)')};
      create index duplicate_set_snoozed on duplicate_set (project_id, snoozed_until) where status = 'snoozed'`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop index duplicate_set_snoozed;
      drop trigger count_added on duplicate_set;
      drop trigger count_changed on duplicate_set;
      drop trigger count_deleted on duplicate_set;
      drop trigger count_emptied on duplicate_set;
      drop function count_duplicates();
      drop view one_project.duplicate_count;
      drop table duplicate_count`);
  }
}

/** The counts of sets, or the changes of counts where some sets have n = -1. @param sets of `duplicate_set` with n, in SQL */
function countsOf(sets: string): string {
  return `select s.project_id, t.tally, coalesce(floor(extract(epoch from t.at) / 86400)::int, 0), d.dimension, d.value, sum(s.n)
  from ${sets} s
  cross join lateral (values ('opened', s.first_seen_at, s.status <> 'unknown-members'), ('closed', s.closed_at, s.closed_at is not null),
                             ('open', null, s.status = 'open'), ('unknown-members', null, s.status = 'unknown-members')) as t (tally, at, counts)
  cross join lateral (select 'all', '' union all select 'reason', unnest(s.reasons) union all select 'channel', unnest(s.channels)) as d (dimension, value)
  where t.counts
  group by 1, 2, 3, 4, 5
  having sum(s.n) <> 0
  order by 1, 2, 3, 4, 5`;
}

const TABLE = `
create table duplicate_count (
  project_id text collate "C" not null,
  tally      text collate "C" not null check (tally in ('opened', 'closed', 'open', 'unknown-members')),
  day        int not null,
  dimension  text collate "C" not null check (dimension in ('all', 'reason', 'channel')),
  value      text collate "C" not null,
  count      bigint not null,
  primary key (project_id, tally, day, dimension, value)
) with (fillfactor = 70);
create index duplicate_count_open on duplicate_count (project_id) where tally = 'open' and dimension = 'all';
alter table duplicate_count enable row level security;
create view one_project.duplicate_count as
  select * from public.duplicate_count where project_id = current_setting('mirror.project_id', true);
comment on table duplicate_count is 'How many sets of duplicates there are. Derived: triggers on duplicate_set write it.';
comment on column duplicate_count.project_id is 'The Sinch project.';
comment on column duplicate_count.tally is
  'What is counted: sets that were opened, that were closed, that are open (not those that were snoozed until a time that has come), or that have unknown members.';
comment on column duplicate_count.day is 'When they were opened or closed, in days since 1970-01-01, UTC; else 0.';
comment on column duplicate_count.dimension is 'What value is: all (no value), reason or channel.';
comment on column duplicate_count.value is 'The reason or channel; empty for all.';
comment on column duplicate_count.count is 'How many sets; a set counts under each of its reasons and channels.';
comment on view one_project.duplicate_count is 'The rows of duplicate_count of the project that the transaction names.';
do $$
declare
  each record;
begin
  for each in
    select attname, col_description(attrelid, attnum) as comment
    from pg_attribute where attrelid = 'duplicate_count'::regclass and attnum > 0
  loop
    execute format('comment on column one_project.duplicate_count.%I is %L', each.attname, each.comment);
  end loop;
end
$$`;

const TRIGGERS = `
create function count_duplicates() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  came duplicate_set[];
  went duplicate_set[];
begin
  if tg_op = 'TRUNCATE' then
    delete from duplicate_count;
    return null;
  end if;
  if tg_op <> 'DELETE' then came := array(select s from came_rows s); end if;
  if tg_op <> 'INSERT' then went := array(select s from went_rows s); end if;
  insert into duplicate_count as c (project_id, tally, day, dimension, value, count)
  ${countsOf('(select *, 1 as n from unnest(came) union all select *, -1 from unnest(went))')}
  on conflict (project_id, tally, day, dimension, value) do update set count = c.count + excluded.count;
  return null;
end
$$;
revoke execute on function count_duplicates() from public;
create trigger count_added after insert on duplicate_set
  referencing new table as came_rows for each statement execute function count_duplicates();
create trigger count_changed after update on duplicate_set
  referencing old table as went_rows new table as came_rows for each statement execute function count_duplicates();
create trigger count_deleted after delete on duplicate_set
  referencing old table as went_rows for each statement execute function count_duplicates();
create trigger count_emptied after truncate on duplicate_set for each statement execute function count_duplicates()`;
