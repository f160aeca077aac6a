import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The project that a transaction reads, which the transaction itself says; null or empty: none. */
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
 * and have the names of the tables. A column that a later migration adds to a table is not in its view until that adds it.
 */
export class Reader1764600100000 implements MigrationInterface {
  readonly name = 'Reader1764600100000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(READER_ROLE);
    await queryRunner.query(`
      create schema one_project;
      grant usage on schema public, one_project to mirror_reader;
      grant select on journal_era to mirror_reader`);
    for (const [table, condition] of TABLES) {
      await queryRunner.query(`
        alter table ${table} enable row level security;
        create policy everything on ${table} to mirror_service using (true) with check (true);
        create policy one_project on ${table} for select to mirror_reader using (${OF_THE_PROJECT});
        create view one_project.${table} as select * from public.${table} where ${condition};
        grant select on ${table}, one_project.${table} to mirror_reader`);
    }
  }

  /** The role stays: another database of the cluster may work as it. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop schema one_project cascade');
    for (const [table] of TABLES) {
      await queryRunner.query(`
        drop policy everything on ${table};
        drop policy one_project on ${table};
        alter table ${table} disable row level security;
        revoke select on ${table} from mirror_reader`);
    }
    await queryRunner.query(`
      revoke select on journal_era from mirror_reader;
      revoke usage on schema public from mirror_reader`);
  }
}

/** Roles belong to the cluster, so two databases may migrate at once: whoever comes second finds the role made. */
const READER_ROLE = `
do $$
begin
  if not exists (select from pg_roles where rolname = 'mirror_reader') then
    create role mirror_reader nologin;
  end if;
exception when duplicate_object or unique_violation then null;
end
$$;
do $$
begin
  if not pg_has_role(current_user, 'mirror_reader', 'member') then
    execute format('grant mirror_reader to %I', current_user);
  end if;
end
$$`;
