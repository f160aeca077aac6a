import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Has lists of events of one type read off an index whatever the type: a page of merges behind a million updates took seconds,
 * since the planner took merges to be spread evenly, and of creations and updates there was no index.
 */
export class EventsByType1764700000000 implements MigrationInterface {
  readonly name = 'EventsByType1764700000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('create index audit_event_type on audit_event (project_id, type, era, tx, id)');
    await queryRunner.query('drop index audit_event_rare_type');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `create index audit_event_rare_type on audit_event (project_id, type, era, tx, id)
         where type not in ('CONTACT_CREATE', 'CONTACT_UPDATE')`,
    );
    await queryRunner.query('drop index audit_event_type');
  }
}
