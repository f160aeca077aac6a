import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What lists of merges and of anomalies are read by. */
export class Merges1764100000000 implements MigrationInterface {
  readonly name = 'Merges1764100000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(MERGES);
    await queryRunner.query(TOLD_AFTER_GONE);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop index contact_told_after_gone;
      alter table contact drop column told_after_gone;
      drop index audit_event_merge_pair, audit_event_merge_survivor, audit_event_merge_time;
    `);
  }
}

/**
 * Merges are rare among events, so these cost an update nothing. A merge names one related contact, its loser: by the whole
 * array, not by its element, the pairs can be read from the index alone.
 */
const MERGES = `
create index audit_event_merge_time     on audit_event (project_id, version, tie_break) where type = 'CONTACT_MERGE';
create index audit_event_merge_survivor on audit_event (project_id, contact_id, version, tie_break) where type = 'CONTACT_MERGE';
create index audit_event_merge_pair     on audit_event (project_id, related_contact_ids, contact_id, version, tie_break)
  where type = 'CONTACT_MERGE'`;

/**
 * Whether Sinch reported a contact as active at a time after its end. The first byte of the tie-break is the rank
 * (src/audit/commit/mirror.rule.ts): from 3 on it is a create, an update or a merge's survivor; below are snapshots of contacts that go.
 *
 * It changes at most when a merged or deleted contact is reported; an update that leaves it unchanged stays heap-only.
 */
const TOLD_AFTER_GONE = `
alter table contact add column told_after_gone boolean not null
  generated always as (gone is not null and version > gone_version and tie_break >= '\\x03') stored;
create index contact_told_after_gone on contact (project_id, id) where told_after_gone`;
