import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The rows of the project that a transaction names; if it names none, no rows. */
const OF_THE_PROJECT = `project_id = current_setting('mirror.project_id', true)`;

/**
 * The same where tables are looked up by the contacts that their rows name. As a mere filter: before such a table is analysed,
 * Postgres would take a project for rarer than a contact, and read all of the project for each look-up.
 */
const FILTERED_BY_PROJECT = `(project_id = (select current_setting('mirror.project_id', true))) is true`;

/** What REST reads of projects, each with a column `project_id`, and the condition of its view. */
const TABLES = [
  ['acquisition_day', OF_THE_PROJECT],
  ['audit_event', OF_THE_PROJECT],
  ['contact', OF_THE_PROJECT],
  ['contact_reference', OF_THE_PROJECT],
  ['counted_contact', OF_THE_PROJECT],
  ['duplicate_dismissal', FILTERED_BY_PROJECT],
  ['duplicate_report', FILTERED_BY_PROJECT],
  ['duplicate_scan', OF_THE_PROJECT],
  ['duplicate_set', FILTERED_BY_PROJECT],
  ['project_count', OF_THE_PROJECT],
  ['shared_value', OF_THE_PROJECT],
  ['sync_run', OF_THE_PROJECT],
] as const;

/**
 * Holds projects apart in Postgres: the role that REST reads as sees the rows of one project a transaction.
 *
 * Row-level security refuses all else on the tables. Under it, Postgres uses an index only with operators that it knows not
 * to leak, which `&&`, `@>`, `ilike` and `lower` are not: look-ups by them would read all contacts of a project. So the role
 * reads through views with the same condition, which Postgres merges into each statement; they come first in its search path
 * and have the names of the tables. A column that a later migration adds to a table is not in its view until that adds it. The
 * policies are made where the roles are: src/database/settle-rights.ts.
 */
export class Reader1764600100000 implements MigrationInterface {
  readonly name = 'Reader1764600100000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('create schema one_project');
    for (const [table, condition] of TABLES) {
      await queryRunner.query(`
        alter table ${table} enable row level security;
        create view one_project.${table} as select * from public.${table} where ${condition}`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop schema one_project cascade');
    for (const [table] of TABLES) {
      await queryRunner.query(`
        drop policy if exists everything on ${table};
        drop policy if exists one_project on ${table};
        alter table ${table} disable row level security`);
    }
  }
}
