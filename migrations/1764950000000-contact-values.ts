import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Keeps of each contact when what it is found and counted by changed last, so that followers pass over updates of anything else.
 *
 * Both columns are null until an event changes the contact: the table is not rewritten.
 */
export class ContactValues1764950000000 implements MigrationInterface {
  readonly name = 'ContactValues1764950000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table contact add column values_digest bigint, add column values_tx xid8;
      comment on column contact.values_digest is
        'A digest of the e-mail address, external id, language and channel identities of the snapshot.';
      comment on column contact.values_tx is
        'The transaction that changed one of these values, or deleted or merged the contact, last; null where that is not known.'`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('alter table contact drop column values_digest, drop column values_tx');
  }
}
