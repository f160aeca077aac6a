import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Until when a run waits for Sinch, and why: shown with the run, and kept over a restart. */
export class SyncWaits1764880000000 implements MigrationInterface {
  readonly name = 'SyncWaits1764880000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table sync_run add column waiting_until timestamptz, add column waiting_reason text;
      ${VIEW}`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop view one_project.sync_run;
      alter table sync_run drop column waiting_until, drop column waiting_reason;
      ${VIEW}`);
  }
}

/** With the columns that the table has. */
const VIEW = `
create or replace view one_project.sync_run as
  select * from public.sync_run where project_id = current_setting('mirror.project_id', true)`;
