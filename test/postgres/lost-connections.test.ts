import { DataSource } from 'typeorm';
import { ownerOptions } from '../../src/database/data-source';
import { Session, serviceConnection } from '../../src/database/session';
import { isDatabaseAway } from '../../src/database/sqlstate';
import { PostgresLink } from '../support/http/postgres-link';
import { administer, createDatabase, type TestDatabase } from '../support/server/database';
import { openPool, openReads } from '../support/postgres/connections';
import { until } from '../support/until';

let database: TestDatabase;
let link: PostgresLink;
beforeAll(async () => {
  database = await createDatabase();
  link = await PostgresLink.to(database.ownerUrl);
});
afterEach(() => link.mend());
afterAll(async () => {
  await link.cut();
  await database.drop();
});

interface Opened {
  /** Asks on a connection that is opened for it. */
  readonly ask: () => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

/** Every way in which the service and its commands reach Postgres; each `ask` opens a connection, or has one open. */
const WAYS: Readonly<Record<string, () => Promise<Opened>>> = {
  'the pool of the service': async () => {
    const pool = await openPool(link.url);
    const first = pool.createQueryRunner();
    await first.connect();
    return {
      ask: () => pool.query('select 1'),
      close: async () => {
        await first.release();
        await pool.destroy();
      },
    };
  },
  'the pool of the owner': async () => {
    const pool = await new DataSource(ownerOptions(link.url)).initialize();
    await administer(database.ownerUrl, ENDS_ALL_OTHERS);
    return { ask: () => pool.query('select 1'), close: () => pool.destroy() };
  },
  'the pool of the readers': () => {
    const reads = openReads(link.url);
    return Promise.resolve({
      ask: () => reads.of('p').query('select 1'),
      close: () => reads.onApplicationShutdown(),
    });
  },
  'a session of its own': () =>
    Promise.resolve({
      ask: async () => {
        const session = await Session.open(serviceConnection(link.url), () => undefined);
        await session.run({ name: 'one', text: 'select 1' });
      },
      close: () => Promise.resolve(),
    }),
};

function open(way: string): Promise<Opened> {
  const opening = WAYS[way];
  if (opening === undefined) throw new Error(`There is no way "${way}".`);
  return opening();
}

const ENDS_ALL_OTHERS = `select pg_terminate_backend(pid, 5000) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()`;

describe('When Postgres ends a session as it opens', () => {
  it.each(Object.keys(WAYS))('%s fails as unavailable, and the process survives', async (way) => {
    const opened = await open(way);
    link.endEachAsItOpens((pid) => administer(database.ownerUrl, `select pg_terminate_backend(${pid})`));
    const thrown: unknown = await opened.ask().catch((error: unknown) => error);
    expect([String(thrown), isDatabaseAway(thrown)]).toEqual([expect.any(String), true]);
    await link.mend();
    await opened.ask();
    await opened.close();
  });
});

describe('When a connection goes silent', () => {
  it('every way gives up what waits for an answer, and asks on a new connection', async () => {
    const opened = await Promise.all([open('the pool of the service'), open('the pool of the readers')]);
    let losses = 0;
    const session = await Session.open(serviceConnection(link.url), () => losses++);
    const one = { name: 'one', text: 'select 1' };
    for (const way of opened) await way.ask();
    await session.run(one);
    link.stall();
    const asked = [...opened.map(({ ask }) => ask()), session.run(one)];
    const thrown = (await Promise.allSettled(asked)).map((each): unknown =>
      each.status === 'rejected' ? (each.reason as unknown) : null,
    );
    expect(thrown.map(String)).toEqual(
      asked.map((): unknown => expect.stringContaining('Postgres did not answer within')),
    );
    expect(thrown.map(isDatabaseAway)).toEqual([true, true, true]);
    await until(() => losses === 1);
    await link.mend();
    for (const way of opened) {
      await way.ask();
      await way.close();
    }
  });

  it('a session that is closed does not wait for the good-bye of the server', async () => {
    const session = await Session.open(serviceConnection(link.url), () => undefined);
    const [row] = await session.run<{ pid: number }>({ name: 'pid', text: 'select pg_backend_pid() as pid' });
    const cut = jest.spyOn(session, 'destroy');
    link.hush();
    await session.close();
    // it cut the connection itself, and the server does not know of it, so it has not said good-bye
    expect(cut).toHaveBeenCalledTimes(1);
    const known = await administer(
      database.ownerUrl,
      `select from pg_stat_activity where pid = ${row?.pid ?? 0}`,
    );
    expect(known).toHaveLength(1);
  });
});
