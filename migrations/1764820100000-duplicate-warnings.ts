import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sets of duplicates that are truncated, those whose members the mirror does not know yet, and contacts that a scan skipped. */
export class DuplicateWarnings1764820100000 implements MigrationInterface {
  readonly name = 'DuplicateWarnings1764820100000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table duplicate_set
        add column is_truncated boolean not null default false,
        drop constraint duplicate_set_status_check,
        add constraint duplicate_set_status_check check (status in ('open', 'snoozed', 'dismissed', 'resolved', 'unknown-members'));
      create or replace view one_project.duplicate_set as
        select * from public.duplicate_set
        where (project_id = (select current_setting('mirror.project_id', true))) is true;
      alter table duplicate_scan add column contacts_skipped int not null default 0;
      create or replace view one_project.duplicate_scan as
        select * from public.duplicate_scan where project_id = current_setting('mirror.project_id', true);
      drop index duplicate_set_contacts;
      create index duplicate_set_contacts on duplicate_set using gin (contact_ids) with (fastupdate = off)
        where status in ('open', 'snoozed', 'unknown-members')`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      delete from duplicate_set where status = 'unknown-members';
      drop view one_project.duplicate_set;
      alter table duplicate_set
        drop column is_truncated,
        drop constraint duplicate_set_status_check,
        add constraint duplicate_set_status_check check (status in ('open', 'snoozed', 'dismissed', 'resolved'));
      create view one_project.duplicate_set as
        select * from public.duplicate_set
        where (project_id = (select current_setting('mirror.project_id', true))) is true;
      drop view one_project.duplicate_scan;
      alter table duplicate_scan drop column contacts_skipped;
      create view one_project.duplicate_scan as
        select * from public.duplicate_scan where project_id = current_setting('mirror.project_id', true);
      drop index duplicate_set_contacts;
      create index duplicate_set_contacts on duplicate_set using gin (contact_ids) with (fastupdate = off)
        where status in ('open', 'snoozed')`);
  }
}
