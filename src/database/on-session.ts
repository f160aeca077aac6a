import type { PoolClient } from 'pg';
import type { DataSource } from 'typeorm';
import { isStale, nameStatement } from './reads/prepared-statements';
import type { Queryable } from './queryable';

/**
 * Runs `work` on a connection of the pool. Where it fails, what it has not committed is undone.
 *
 * @param signal cuts the connection
 * @throws what `work` throws; Postgres's own words where it has ended the session
 */
export async function onSession<T>(
  database: DataSource,
  signal: AbortSignal | undefined,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  const runner = database.createQueryRunner();
  const client = (await runner.connect()) as PoolClient; // TypeORM's driver is pg
  const cut = (): void => {
    client.connection.stream.destroy();
  };
  // Postgres ends a session that is idle in a transaction with a word of its own, between two statements
  const lastWords: Error[] = [];
  const onError = (error: Error): void => {
    lastWords.push(error);
  };
  client.on('error', onError);
  try {
    signal?.throwIfAborted();
    signal?.addEventListener('abort', cut, { once: true });
    return await work(client);
  } catch (error) {
    // one that has prepared what no longer fits is not used again
    if (isStale(error)) cut();
    // a closed connection has rolled back by itself
    await client.query('rollback').catch(() => undefined);
    throw lastWords[0] ?? error;
  } finally {
    client.off('error', onError);
    signal?.removeEventListener('abort', cut);
    await runner.release();
  }
}

/** Prepares each statement that has parameters, once a connection. */
export function prepared(client: PoolClient): Queryable {
  return {
    query: async (text, values) => {
      if (values === undefined) return (await client.query<object>(text)).rows;
      const { name, deallocated } = nameStatement(client, text);
      if (deallocated !== '') await client.query(deallocated);
      return (await client.query<object>({ name, text, values })).rows;
    },
  };
}
