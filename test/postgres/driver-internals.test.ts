import { Socket } from 'node:net';
// eslint-disable-next-line @typescript-eslint/no-restricted-imports -- pg itself is tested
import { Client, Pool } from 'pg';
import { DataSource } from 'typeorm';
import { serviceOptions } from '../../src/database/data-source';
import { PostgresClient } from '../../src/database/postgres-client';
import { createDatabase, type TestDatabase } from '../support/server/database';

/**
 * Members of pg and TypeORM that we rely on and that neither documents. Each test names the member and who relies on it: where
 * an upgrade takes it away, the test fails, and not the service.
 */
let database: TestDatabase;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(() => database.drop());

async function withClient<T>(client: Client, work: (client: Client) => Promise<T>): Promise<T> {
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

it('pg: `client.connection.stream` is the socket, which ends the session (session.ts, followers.repository.ts)', async () => {
  const client = new PostgresClient({ connectionString: database.url });
  await client.connect();
  const { stream } = client.connection;
  expect(stream).toBeInstanceOf(Socket);
  const ended = new Promise((resolve) => client.once('end', resolve));
  stream.destroy();
  await ended;
  await expect(client.query('select 1')).rejects.toThrow(/not queryable|Connection terminated/);
});

it('pg: with `pipeline`, each statement is in the corked stream at once, none waits for another (project-reads.ts)', async () => {
  const config = { connectionString: database.url, pipeline: true };
  await withClient(new PostgresClient(config), async (client) => {
    const { stream } = client.connection as unknown as { readonly stream: Socket };
    stream.cork();
    const lengths: number[] = [];
    const sent = ['begin', 'select $1::int as n', 'commit'].map((text, n) => {
      const answer = client.query(text, text.includes('$') ? [n] : undefined);
      lengths.push(stream.writableLength);
      return answer;
    });
    expect(stream.writableCorked).toBeGreaterThan(0);
    expect(lengths[0]).toBeGreaterThan(0);
    expect(lengths).toEqual([...new Set(lengths)].sort((one, other) => one - other));
    stream.uncork();
    const answers = await Promise.all(sent);
    expect(answers.map(({ rows }) => rows as unknown[])).toEqual([[], [{ n: 1 }], []]);
  });
});

it('pg: `readyForQuery`, `processID` and `secretKey` are those of the session (postgres-client.ts)', async () => {
  class Seen extends PostgresClient {
    readonly seen = (): readonly unknown[] => [this.readyForQuery, typeof this.secretKey, this.processID];
  }
  const client = new Seen({ connectionString: database.url });
  await withClient(client, async () => {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(client.seen()).toEqual([true, 'number', rows[0]?.pid]);
    const asked = client.query('select 1');
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.seen()[0]).toBe(false);
    await asked;
  });
});

it('pg: `connection` names each step of the login before the driver acts on it (postgres-client.ts)', async () => {
  const client = new Client({ connectionString: database.url });
  const steps: [string, number][] = [];
  const { connection } = client;
  expect(connection.listenerCount('readyForQuery')).toBe(0);
  for (const step of [
    'authenticationCleartextPassword',
    'authenticationMD5Password',
    'authenticationSASLFinal',
    'authenticationOk',
  ]) {
    const onStep = (): void => {
      steps.push([step, connection.listenerCount('readyForQuery')]);
    };
    connection.on(step, onStep);
    expect(connection.listeners(step)[0]).toBe(onStep);
  }
  await withClient(client, async () => {
    for (const step of [
      'authenticationCleartextPassword',
      'authenticationMD5Password',
      'authenticationSASLFinal',
    ])
      expect([step, connection.listenerCount(step)]).toEqual([step, 2]);
    await client.query('select 1');
  });
  expect(steps.at(-1)).toEqual(['authenticationOk', 1]);
});

it('pg: the pool waits for `onConnect`, and hands out no connection for which it fails (postgres-client.ts)', async () => {
  let isDone = false;
  const onConnect = async (client: Client): Promise<void> => {
    await client.query('select pg_sleep(0.05)');
    isDone = true;
  };
  const pool = new Pool({ connectionString: database.url, onConnect: onConnect as never });
  await pool.query('select 1');
  expect(isDone).toBe(true);
  await pool.end();
  const refuse = async (client: Client): Promise<void> => {
    await client.query('select 1 / 0');
  };
  const refusing = new Pool({ connectionString: database.url, onConnect: refuse as never });
  await expect(refusing.query('select 1')).rejects.toThrow('division by zero');
  await refusing.end();
});

describe('TypeORM', () => {
  let source: DataSource;
  beforeAll(async () => {
    source = await new DataSource(serviceOptions(database.url)).initialize();
  });

  it('`driver.master` is the pool of pg, whose connections are counted (metrics.repository.ts)', async () => {
    const { master } = source.driver as unknown as { readonly master: unknown };
    expect(master).toBeInstanceOf(Pool);
    await source.query('select 1');
    expect((master as Pool).totalCount).toBeGreaterThan(0);
  });

  it('`createQueryRunner().connect()` gives our client of pg (followers.repository.ts, data-source.ts)', async () => {
    const runner = source.createQueryRunner();
    expect(await runner.connect()).toBeInstanceOf(PostgresClient);
    await runner.release();
  });

  it('says `Driver not Connected` after its end, by which `isDatabaseAway` knows it (sqlstate.ts)', async () => {
    await source.destroy();
    await expect(source.query('select 1')).rejects.toThrow('Driver not Connected');
  });
});
