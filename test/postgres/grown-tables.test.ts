import { createDatabase, type TestDatabase } from '../support/server/database';
import { TableGrowthRepository } from '../../src/operations/table-growth.repository';
import { ask, openPool, openQueue } from '../support/postgres/connections';
import { event } from '../support/postgres/events';
import { contact, type Told } from '../support/sinch/callbacks';
import { until } from '../support/until';

let database: TestDatabase;
beforeEach(async () => {
  database = await createDatabase();
  // autovacuum would do the same, some time
  await ask(database.ownerUrl, 'alter table contact set (autovacuum_enabled = off)');
});
afterEach(() => database.drop());

async function grow(count: number): Promise<void> {
  await ask(
    database.ownerUrl,
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
     select 'p', gen_random_uuid()::text, i, '\\x03', '{}', '{}' from generate_series(1, ${count}) i`,
  );
}

/** How many rows Postgres plans for, as it looked last. @param relation a table or an index */
async function plannedFor(relation = 'contact'): Promise<number> {
  const [row] = await ask<{ reltuples: number }>(
    database.ownerUrl,
    `select reltuples::float8 as reltuples from pg_class where oid = '${relation}'::regclass`,
  );
  return row?.reltuples ?? Number.NaN;
}

/** How many rows of the journal Postgres has counted. */
async function countedRows(): Promise<number> {
  const [row] = await ask<{ rows: number }>(
    database.ownerUrl,
    `select pg_stat_get_live_tuples('audit_event'::regclass)::int as rows`,
  );
  return row?.rows ?? Number.NaN;
}

it('has a table analysed that has grown by half, and no sooner', async () => {
  const pool = await openPool(database.url);
  const tables = new TableGrowthRepository(pool);
  try {
    for (const [more, planned] of [
      [100, -1],
      [900, 1_000],
      [600, 1_000],
      [200, 1_800],
    ] as const) {
      await grow(more);
      while (await tables.analyzeGrownTable());
      expect(await plannedFor()).toBe(planned);
    }
  } finally {
    await pool.destroy();
  }
});

it('has the journal analysed, so that its first merges are planned for', async () => {
  await ask(database.ownerUrl, 'alter table audit_event set (autovacuum_enabled = off)');
  const pool = await openPool(database.url);
  // by a session that ends, as then it says at once how much it wrote
  const tell = async (count: number, tellOne: (n: number) => Told): Promise<void> => {
    const queue = await openQueue(database.url);
    await Promise.all(Array.from({ length: count }, (_, n) => queue.commit(event('p', tellOne(n)))));
    await queue.close();
  };
  try {
    await tell(2_000, (n) => ({ create: contact(`contact-${n}`) }));
    await until(async () => (await countedRows()) === 2_000);
    await ask(database.ownerUrl, 'vacuum (analyze) audit_event');
    expect(await plannedFor('audit_event_merge_loser')).toBe(0);
    await tell(500, (n) => ({ merge: { survivor: contact('survivor'), loser: contact(`contact-${n}`) } }));
    await until(async () => {
      await new TableGrowthRepository(pool).analyzeGrownTable();
      return (await plannedFor('audit_event_merge_loser')) > 0;
    });
  } finally {
    await pool.destroy();
  }
});

it('skips a table that another session has locked', async () => {
  const pool = await openPool(database.url);
  const holder = await openPool(database.ownerUrl);
  const session = holder.createQueryRunner();
  try {
    await grow(10_000);
    await session.query('reset role');
    await session.startTransaction();
    await session.query('lock table contact in share update exclusive mode');
    await new TableGrowthRepository(pool).analyzeGrownTable();
    expect(await plannedFor()).toBe(-1);
    await session.rollbackTransaction();
  } finally {
    await session.release();
    await holder.destroy();
    await pool.destroy();
  }
});

it('lets no other role have tables analysed', async () => {
  await ask(database.ownerUrl, 'create role stranger_of_the_test');
  try {
    await expect(
      ask(database.ownerUrl, 'set role stranger_of_the_test; select analyze_grown_table()'),
    ).rejects.toThrow('permission denied');
  } finally {
    await ask(database.ownerUrl, 'drop role stranger_of_the_test');
  }
});
