import { DatabaseAddress } from '../../src/database/database-address';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { ReservedPool } from '../../src/database/reserved-pool';
import {
  createDatabase,
  needed,
  READER_ROLE,
  SERVICE_ROLE,
  type TestDatabase,
} from '../support/server/database';
import { ask, openReads } from '../support/postgres/connections';

let database: TestDatabase;
let reads: ProjectReads;

beforeAll(async () => {
  database = await createDatabase();
  reads = openReads(database.url);
});
afterAll(async () => {
  await reads.onApplicationShutdown();
  await database.drop();
});

const PREPARED = `select name, statement as text, generic_plans::int as generic, custom_plans::int as custom from pg_prepared_statements where from_sql = false order by prepare_time`;

interface Prepared {
  readonly name: string;
  readonly text: string;
  readonly generic: number;
  readonly custom: number;
}

/** What the connection has prepared that reads one after the other take. */
const prepared = async (): Promise<readonly Prepared[]> =>
  (await reads.of('p').query(PREPARED)) as readonly Prepared[];

it('plans a text that is prepared once, and what is not each time', async () => {
  const text = 'select count(*)::int as count from contact where project_id = $1 and id = $2';
  for (let n = 0; n < 3; n++) {
    expect(await reads.prepared('p').query(text, ['p', `id ${n}`])).toEqual([{ count: 0 }]);
    expect(await reads.of('p').query(`${text} and true`, ['p', 'id'])).toEqual([{ count: 0 }]);
  }
  expect(await prepared()).toEqual([expect.objectContaining({ text, generic: 3, custom: 0 })]);
});

it('plans for the values where a text is not prepared', async () => {
  const plan = await reads.of('p').query('explain select from audit_event where id = $1', [7]);
  expect(JSON.stringify(plan)).toContain('(id = ');
  expect(JSON.stringify(plan)).not.toContain('$1');
});

it('keeps the statements that were used last', async () => {
  const often = 'select 0 as n, $1::text as project';
  for (let n = 1; n <= 150; n++) {
    expect(await reads.prepared('p').query(`select ${n} as n, $1::text as project`, ['p'])).toEqual([
      { n, project: 'p' },
    ]);
    await reads.prepared('p').query(often, ['p']);
  }
  const kept = await prepared();
  expect(kept).toHaveLength(60);
  expect(kept.filter(({ text }) => text === often)).toHaveLength(1);
  expect(kept.find(({ text }) => text === often)?.generic).toBe(150);
  expect(kept.map(({ text }) => text)).not.toContain('select 91 as n, $1::text as project');
  expect(kept.map(({ text }) => text)).toContain('select 92 as n, $1::text as project');
  // one that was ended is prepared again
  expect(await reads.prepared('p').query('select 1 as n, $1::text as project', ['p'])).toHaveLength(1);
});

it('continues after a statement that Postgres refuses', async () => {
  for (let n = 0; n < 3; n++) {
    await expect(reads.prepared('p').query('select nothing', [])).rejects.toMatchObject({ code: '42703' });
    await expect(reads.prepared('p').query('select 1 / $1::int as n', [0])).rejects.toMatchObject({
      code: '22012',
    });
    expect(await reads.prepared('p').query('select 1 / $1::int as n', [1])).toEqual([{ n: 1 }]);
  }
});

it('reads on where another replica has migrated what was prepared', async () => {
  const view = (columns: string): Promise<unknown> =>
    ask(
      database.ownerUrl,
      `create or replace view one_project.probe as select ${columns};
       grant select on one_project.probe to ${needed(READER_ROLE)}`,
    );
  await view('1 as first');
  const read = (): Promise<unknown> =>
    reads.prepared('p').query('select *, pg_backend_pid() as pid from probe');
  const before = (await Promise.all(Array.from({ length: 10 }, read))).flat() as { readonly pid: number }[];
  const stale = new Set(before.map(({ pid }) => pid));
  expect(stale.size).toBeGreaterThan(1);
  await view('1 as first, 2 as second');
  const answers = (await Promise.all(Array.from({ length: 30 }, read))).flat();
  expect(answers).toHaveLength(30);
  for (const answer of answers) expect(answer).toMatchObject({ first: 1, second: 2 });
  // connections that had prepared it were replaced: from now on it is prepared again
  expect(await read()).toMatchObject([{ first: 1, second: 2 }]);
  expect(await read()).toMatchObject([{ first: 1, second: 2 }]);
  const after = (await Promise.all(Array.from({ length: 10 }, read))).flat() as { readonly pid: number }[];
  expect(after.filter(({ pid }) => stale.has(pid))).toEqual([]);
});

it('looks up keys where another replica has migrated what was prepared', async () => {
  const pool = new ReservedPool(new DatabaseAddress(database.url));
  pool.open();
  const view = (columns: string): Promise<unknown> =>
    ask(
      database.ownerUrl,
      `create or replace view public.probe as select ${columns};
       grant select on public.probe to ${needed(SERVICE_ROLE)}`,
    );
  const read = (): Promise<unknown> => pool.queryPrepared('select * from public.probe where $1 > 0', [1]);
  await view('1 as first');
  for (let n = 0; n < 3; n++) expect(await read()).toEqual([{ first: 1 }]);
  await view('1 as first, 2 as second');
  for (let n = 0; n < 3; n++) expect(await read()).toEqual([{ first: 1, second: 2 }]);
  await expect(pool.queryPrepared('select 1 / $1', [0])).rejects.toMatchObject({ code: '22012' });
  expect(await read()).toEqual([{ first: 1, second: 2 }]);
  await pool.onApplicationShutdown();
});
