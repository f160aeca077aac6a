import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Gives the index of the values of a contact the order in which it serves nothing else. It began with the project: of a project
 * that was new, Postgres took it for as good as the primary key to look a digest up, and read all values of the project for
 * each of thousands of digests.
 *
 * Building the new one blocks writes of the duplicates follower only.
 */
export class SharedValueContact1764945000000 implements MigrationInterface {
  readonly name = 'SharedValueContact1764945000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(withColumns('contact_id, project_id'));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(withColumns('project_id, contact_id'));
  }
}

function withColumns(columns: string): string {
  return `
    drop index shared_value_contact;
    create index shared_value_contact on shared_value (${columns});`;
}
