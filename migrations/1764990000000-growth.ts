import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Functions that work as the owner. */
const OLDER_FUNCTIONS = ['end_projection_refresh()', 'record_api_key_event()'];

/**
 * Has Postgres look sooner at tables that have grown by half, and at those with an index of some rows that has doubled; and at
 * the journal too.
 *
 * In a journal that had no merge when Postgres looked at it last, it takes every index that has merges for equally good: a page of
 * the feed then read all merges for each of its 100 events, until autovacuum came. It comes once a minute, and to a large journal
 * only after a tenth of it is new.
 *
 * Functions that work as the owner no longer find a temporary table before ours.
 */
export class Growth1764990000000 implements MigrationInterface {
  readonly name = 'Growth1764990000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('drop function analyze_grown_tables()');
    await queryRunner.query(ANALYZE_GROWN_TABLE);
    for (const each of OLDER_FUNCTIONS)
      await queryRunner.query(`alter function ${each} set search_path = public, pg_temp`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    for (const each of OLDER_FUNCTIONS)
      await queryRunner.query(`alter function ${each} set search_path = "$user", public`);
    await queryRunner.query('drop function analyze_grown_table()');
    await queryRunner.query(ANALYZE_GROWN_TABLES);
  }
}

/**
 * Analyses one table that has grown; true where there was one. One alone, since a transaction that writes holds the feed back.
 * If another session holds the table's lock already, autovacuum for instance, this table is left to it.
 */
const ANALYZE_GROWN_TABLE = `
create function analyze_grown_table() returns boolean
language plpgsql security definer set search_path = public, pg_temp set lock_timeout = '100ms' as $$
declare
  grown regclass;
begin
  for grown in
    select t.oid
    from pg_class t
    where t.oid in ('audit_event'::regclass, 'contact'::regclass, 'counted_contact'::regclass, 'duplicate_report'::regclass,
                    'duplicate_set'::regclass, 'shared_value'::regclass)
      and (pg_stat_get_live_tuples(t.oid) > 1.5 * greatest(t.reltuples, 0) + 250
           or exists (
             select from pg_index i join pg_class x on x.oid = i.indexrelid
             where i.indrelid = t.oid and i.indpred is not null
               and pg_relation_size(x.oid) > (2 * x.relpages::bigint + 4) * current_setting('block_size')::bigint))
  loop
    begin
      execute format('analyze %s', grown);
      return true;
    exception
      when lock_not_available then null;
    end;
  end loop;
  return false;
end
$$;
revoke execute on function analyze_grown_table() from public`;

/** As it was before. */
const ANALYZE_GROWN_TABLES = `
create function analyze_grown_tables() returns void
language plpgsql security definer set search_path from current set lock_timeout = '100ms' as $$
declare
  grown regclass;
begin
  for grown in
    select oid
    from pg_class
    where oid in ('contact'::regclass, 'shared_value'::regclass, 'duplicate_set'::regclass)
      and pg_relation_size(oid) > 4 * relpages::bigint * current_setting('block_size')::bigint + 262144
  loop
    execute format('analyze %s', grown);
  end loop;
exception
  when lock_not_available then null;
end
$$;
revoke execute on function analyze_grown_tables() from public`;
