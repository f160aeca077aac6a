import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What the stats follower keeps: how each contact was counted last, and the sums of that. */
export class Stats1764500000000 implements MigrationInterface {
  readonly name = 'Stats1764500000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(TABLES);
  }

  /** The follower's cursor goes too: what is counted again must be counted from the beginning. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop table acquisition_day, project_count, counted_contact;
      delete from follower where name = 'stats'`);
  }
}

/**
 * A day of acquisitions is one of UTC: its k-th number tells how many contacts were created before the end of the day's k-th
 * quarter of an hour. Offsets of time zones are multiples of one, so the days of any zone are differences of such numbers.
 */
const TABLES = `
create table counted_contact (
  project_id        text collate "C" not null,
  contact_id        text collate "C" not null,
  status            text collate "C" not null check (status in ('active', 'merged', 'deleted')),
  language          text collate "C" not null,
  channels          text[] collate "C" not null,
  created_version   bigint,
  created_tie_break bytea,
  created_channel   text collate "C",
  created_app_id    text collate "C",
  created_language  text collate "C",
  primary key (project_id, contact_id),
  check (num_nulls(created_version, created_tie_break, created_channel, created_app_id, created_language) in (0, 5))
);
create index counted_contact_created on counted_contact (project_id, created_version) where created_version is not null;

create table project_count (
  project_id text collate "C" not null,
  kind       text collate "C" not null check (kind in ('status', 'channel', 'language', 'without_create', 'merges')),
  value      text collate "C" not null,
  count      bigint not null,
  primary key (project_id, kind, value)
);

create table acquisition_day (
  project_id text collate "C" not null,
  dimension  text collate "C" not null check (dimension in ('all', 'channel', 'app_id', 'language')),
  day        int not null,
  value      text collate "C" not null,
  contacts   int[] not null check (array_length(contacts, 1) = 96),
  primary key (project_id, dimension, day, value)
)`;
