import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Gives two counts of a run the names that REST has: skipped and conflicting contacts. Locks, but rewrites nothing. */
export class SyncCounts1764940000000 implements MigrationInterface {
  readonly name = 'SyncCounts1764940000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(rename('spared', 'skipped') + rename('buried', 'conflicting'));
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(rename('skipped', 'spared') + rename('conflicting', 'buried'));
  }
}

/** A view keeps the names that its columns had. */
function rename(from: string, to: string): string {
  return `
    alter table sync_run rename column ${from} to ${to};
    alter view one_project.sync_run rename column ${from} to ${to};`;
}
