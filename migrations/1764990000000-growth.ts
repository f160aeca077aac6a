import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Has Postgres look sooner at tables that have grown by half, and at those with an index of some rows that has doubled; and at
 * the journal too.
 *
 * In a journal that had no merge when Postgres looked at it last, it takes every index that has merges for equally good: a page of
 * the feed then read all merges for each of its 100 events, until autovacuum came. It comes once a minute, and to a large journal
 * only after a tenth of it is new.
 */
export class Growth1764990000000 implements MigrationInterface {
  readonly name = 'Growth1764990000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      analyzeGrownTables(
        ['audit_event', 'contact', 'counted_contact', 'duplicate_report', 'duplicate_set', 'shared_value'],
        `(pg_stat_get_live_tuples(oid) > 1.5 * greatest(reltuples, 0) + 250
        or exists (
          select from pg_index i join pg_class x on x.oid = i.indexrelid
          where i.indrelid = pg_class.oid and i.indpred is not null
            and pg_relation_size(x.oid) > (2 * x.relpages::bigint + 4) * current_setting('block_size')::bigint))`,
      ),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      analyzeGrownTables(
        ['contact', 'shared_value', 'duplicate_set'],
        `pg_relation_size(oid) > 4 * relpages::bigint * current_setting('block_size')::bigint + 262144`,
      ),
    );
  }
}

/** Works as the owner, since the service's role may not. If another session holds the table's lock already, it is left to it. */
function analyzeGrownTables(tables: readonly string[], isGrown: string): string {
  return `
create or replace function analyze_grown_tables() returns void
language plpgsql security definer set search_path from current set lock_timeout = '100ms' as $$
declare
  grown regclass;
begin
  for grown in
    select oid
    from pg_class
    where oid in (${tables.map((table) => `'${table}'::regclass`).join(', ')})
      and ${isGrown}
  loop
    execute format('analyze %s', grown);
  end loop;
exception
  when lock_not_available then null;
end
$$`;
}
