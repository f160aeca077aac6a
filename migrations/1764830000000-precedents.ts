import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Has the feed find by one look-up whether a contact was created or deleted before an event, and which merges a contact lost,
 * however many events the contact has: without these indexes all events of the contact would be read for each page.
 */
export class Precedents1764830000000 implements MigrationInterface {
  readonly name = 'Precedents1764830000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `create index audit_event_first on audit_event (project_id, contact_id, type, era, tx, id)
         where type in ('CONTACT_CREATE', 'CONTACT_DELETE')`,
    );
    await queryRunner.query(
      `create index audit_event_merge_loser on audit_event (project_id, related_contact_ids, version, tie_break)
         where type = 'CONTACT_MERGE'`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop index audit_event_first');
    await queryRunner.query('drop index audit_event_merge_loser');
  }
}
