import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Has the background refresh read the phone numbers, e-mail addresses and numbers of all contacts again. Locks nothing. */
export class FourthReading1764946000000 implements MigrationInterface {
  readonly name = 'FourthReading1764946000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      insert into projection_refresh (reading, contacts_expected, finished_at)
        select 4, count(*), case when count(*) = 0 then now() end from contact`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      delete from projection_refresh where reading = 4;
      update contact set projected_by = 3 where projected_by = 4`);
  }
}
