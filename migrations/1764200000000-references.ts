import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What other systems call a contact. A reference stays on the id that it was given for: merges move it without a write. */
export class References1764200000000 implements MigrationInterface {
  readonly name = 'References1764200000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      create table contact_reference (
        project_id  text collate "C" not null,
        system      text collate "C" not null,
        external_id text collate "C" not null,
        contact_id  text collate "C" not null,
        created_at  timestamptz not null default now(),
        created_by  text not null,
        primary key (project_id, system, external_id)
      );
      create index contact_reference_contact on contact_reference (project_id, contact_id, system, external_id)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop table contact_reference');
  }
}
