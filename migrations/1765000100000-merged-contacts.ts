import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Lists merged contacts and their survivors in the order of ids, for the search for circles of merges. Locks `contact` for writing. */
export class MergedContacts1765000100000 implements MigrationInterface {
  readonly name = 'MergedContacts1765000100000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'create index contact_merged on contact (project_id, id, survivor_id) where survivor_id is not null',
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop index contact_merged');
  }
}
