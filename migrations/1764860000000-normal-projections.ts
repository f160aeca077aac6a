import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Contacts are searched by normal forms of their names, addresses and numbers; rows tell which reading made theirs. */
export class NormalProjections1764860000000 implements MigrationInterface {
  readonly name = 'NormalProjections1764860000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(COLUMNS);
    await queryRunner.query(PROGRESS);
    await queryRunner.query(NAME_INDEX);
    await queryRunner.query(END_OF_REFRESH);
  }

  /** What was recomputed stays: the columns are still computed from the snapshot. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop function end_projection_refresh();
      drop table projection_refresh;
      drop view one_project.contact;
      drop index contact_gone_email, contact_gone_external_id;
      alter table contact drop column name_keys, drop column projected_by;
      create index if not exists contact_display_name on contact using gin (display_name gin_trgm_ops)
        with (gin_pending_list_limit = 64)`);
    await queryRunner.query(VIEW);
  }
}

const VIEW = `
create or replace view one_project.contact as
  select * from public.contact where project_id = current_setting('mirror.project_id', true)`;

/**
 * No column needs the table rewritten: rows that are there have no keys, and were made by the first reading. Deleted and merged
 * contacts are looked up by what they held, too: by an external id a caller finds whom its holder was merged into.
 */
const COLUMNS = `
alter table contact
  add column name_keys    text[] collate "C",
  add column projected_by int not null default 1;
create index contact_gone_email       on contact (project_id, lower(email), id) where gone is not null and email is not null;
create index contact_gone_external_id on contact (project_id, external_id, id) where gone is not null and external_id is not null;
create index contact_name_keys on contact using gin (name_keys) with (gin_pending_list_limit = 64);
${VIEW}`;

/**
 * How far the rows that are there have been read again, one row a reading. A walk in the order of the primary key: rows that come
 * meanwhile are made by the current reading, wherever they fall.
 */
const PROGRESS = `
create table projection_refresh (
  reading           int primary key,
  after_project_id  text collate "C" not null default '',
  after_contact_id  text collate "C" not null default '',
  contacts_expected bigint not null,
  contacts_read     bigint not null default 0,
  finished_at       timestamptz
);
insert into projection_refresh (reading, contacts_expected, finished_at)
  select 2, count(*), case when count(*) = 0 then now() end from contact`;

/** The index that only rows of the first reading are searched by. It goes with the last of them. */
const NAME_INDEX = `
do $$
begin
  if not exists (select from contact) then
    drop index contact_display_name;
  end if;
end
$$`;

/** Works as the owner, since the service's role may not drop an index. Tells false where the table is busy: try again. */
const END_OF_REFRESH = `
create function end_projection_refresh() returns boolean
language plpgsql security definer set search_path from current set lock_timeout = '100ms' as $$
begin
  drop index if exists contact_display_name;
  update projection_refresh set finished_at = now() where finished_at is null;
  return true;
exception
  when lock_not_available then return false;
end
$$;
revoke execute on function end_projection_refresh() from public`;
