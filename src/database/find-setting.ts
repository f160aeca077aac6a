import type { DataSource } from 'typeorm';
import { rows } from './rows';

/**
 * Finds what the first migration settled for good, for every replica alike.
 *
 * @throws Error when there is no such setting: migrations make them all
 */
export async function findSetting(database: DataSource, name: 'page_token_key'): Promise<Buffer> {
  const [row] = rows<{ value: Buffer }>(
    await database.query('select value from setting where name = $1', [name]),
  );
  if (row === undefined) throw new Error(`The setting ${name} is missing.`);
  return row.value;
}
