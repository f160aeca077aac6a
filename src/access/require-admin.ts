import { commandLine } from '../base/command-line.rule';
import type { Config } from '../config/config';
import { StartRefusal } from '../config/start-refusal';
import type { ApiKeysRepository } from './api-keys.repository';

/**
 * Makes sure that somebody can make keys: without `ADMIN_API_KEY`, somebody with a key of the scope admin.
 *
 * @throws StartRefusal that says how to make one
 */
export async function requireAdmin(
  { adminApiKey, container }: Pick<Config, 'adminApiKey' | 'container'>,
  keys: ApiKeysRepository,
): Promise<void> {
  if (adminApiKey !== null || (await keys.hasAdmin())) return;
  throw new StartRefusal(
    `ADMIN_API_KEY is off, but there is no valid key with the scope admin. Create one: ${commandLine(container, "keys create --name admin --scopes admin --projects '*'")}`,
  );
}
