import type { Config } from '../config';
import { StartRefusal } from '../start-refusal';
import type { ApiKeysRepository } from './api-keys.repository';

/**
 * Makes sure that somebody can make keys: without `ADMIN_API_KEY`, somebody with a key of the scope admin.
 *
 * @throws StartRefusal that says how to make one
 */
export async function requireAdmin(
  { adminApiKey }: Pick<Config, 'adminApiKey'>,
  keys: ApiKeysRepository,
): Promise<void> {
  if (adminApiKey !== null || (await keys.hasAdmin())) return;
  throw new StartRefusal(
    "ADMIN_API_KEY is off, but no key with the scope admin works: npm run keys -- create --name admin --scopes admin --projects '*'",
  );
}
