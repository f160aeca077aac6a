import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Keeps the phone number of each channel identity of a contact, so that SQL can read it.
 *
 * The column is null until the background refresh has read the contact again: the table is not rewritten.
 */
export class IdentityPhones1764900000000 implements MigrationInterface {
  readonly name = 'IdentityPhones1764900000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table contact add column identity_phones text[] collate "C";
      insert into projection_refresh (reading, contacts_expected, finished_at)
        select 3, count(*), case when count(*) = 0 then now() end from contact`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      delete from projection_refresh where reading = 3;
      alter table contact drop column identity_phones;
      update contact set projected_by = 2 where projected_by = 3`);
  }
}
