import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What asking Sinch itself may find: that a contact is absent, or that one is there which had gone.
 *
 * The stored column is of the kind of `told_after_gone`: below rank 1 is what was fetched (src/audit/commit/mirror.rule.ts).
 */
export class Fetched1764400000000 implements MigrationInterface {
  readonly name = 'Fetched1764400000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table contact
        drop constraint contact_gone_check,
        add constraint contact_gone_check check (gone in ('absent', 'deleted', 'merged')),
        add column fetched_after_gone boolean not null
          generated always as (gone is not null and version > gone_version and tie_break < '\\x01') stored;
      create index contact_fetched_after_gone on contact (project_id, id) where fetched_after_gone`);
  }

  /** Fails where contacts are absent: the older code knows no such reason. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop index contact_fetched_after_gone;
      alter table contact
        drop column fetched_after_gone,
        drop constraint contact_gone_check,
        add constraint contact_gone_check check (gone in ('deleted', 'merged'))`);
  }
}
