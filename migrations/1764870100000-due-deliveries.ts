import type { MigrationInterface, QueryRunner } from 'typeorm';

/** When a quarantined delivery can be applied without anybody's word: its time lies ahead of our clock. */
export class DueDeliveries1764870100000 implements MigrationInterface {
  readonly name = 'DueDeliveries1764870100000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table quarantined_delivery add column due_at timestamptz;
      update quarantined_delivery
      set due_at = to_timestamp((signature ->> 'timestamp')::bigint)
      where state = 'open' and reason = 'future-timestamp' and length(signature ->> 'timestamp') <= 10;
      create index quarantined_delivery_due on quarantined_delivery (due_at, id) where state = 'open' and due_at is not null;
      create index quarantined_delivery_stale on quarantined_delivery (received_at, id)
        where state = 'open' and reason = 'stale-timestamp'`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter table quarantined_delivery drop column due_at;
      drop index quarantined_delivery_stale`);
  }
}
