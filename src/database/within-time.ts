import type { Queryable } from './queryable';

/**
 * Reads within a transaction by a statement that may take so long only, and leaves the transaction usable if it took longer.
 *
 * @throws DatabaseError 57014 where it took longer
 */
export async function withinTime<T>(
  session: Queryable,
  timeoutMs: number,
  read: () => Promise<T>,
): Promise<T> {
  await session.query(`savepoint within_time; set local statement_timeout = ${timeoutMs}`);
  let result: T;
  try {
    result = await read();
  } catch (error) {
    // a connection that was lost has rolled back by itself
    await session.query(BACK).catch(() => undefined);
    throw error;
  }
  await session.query(BACK);
  return result;
}

/** Ends the savepoint, and with it the time limit. */
const BACK = 'rollback to within_time; release within_time';
