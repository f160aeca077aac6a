import type { Queryable } from './queryable';
import { rows } from './rows';

/** Random bytes by which this service alone signs, and the names of the roles that it works as. */
export type SettingName = 'access_token_key' | 'page_token_key' | 'service_role' | 'reader_role';

/**
 * Finds what a migration settled for good, for every replica alike.
 *
 * @throws Error when there is no such setting: migrations make them all
 */
export async function findSetting(database: Queryable, name: SettingName): Promise<Buffer> {
  const [row] = rows<{ value: Buffer }>(
    await database.query('select value from setting where name = $1', [name]),
  );
  if (row === undefined) throw new Error(`The setting ${name} is missing.`);
  return row.value;
}
