import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Has deliveries of the future replayed that were quarantined before their time was kept: each is due at once. One whose time
 * has not come is put back, with the time at which it is due.
 */
export class DueFutureTimes1764910000000 implements MigrationInterface {
  readonly name = 'DueFutureTimes1764910000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      update quarantined_delivery
      set due_at = received_at
      where state = 'open' and reason = 'future-time' and due_at is null`);
  }

  async down(): Promise<void> {
    // what is due stays due
  }
}
