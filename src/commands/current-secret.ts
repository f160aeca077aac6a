import type { GivenConfig } from '../config/config';
import { findSecret } from '../config/kept-secrets';
import { findServiceUrl } from '../config/service-url';
import { StartRefusal } from '../config/start-refusal';

/**
 * The secret that Sinch signs with now. It is read, not made: one that no service knows would lose deliveries.
 *
 * @throws StartRefusal where neither the environment nor DATA_DIR has one
 */
export async function currentSecret({ webhookSecrets, dataDir }: GivenConfig): Promise<string> {
  const secret = webhookSecrets[0] ?? (dataDir === null ? null : await findSecret(dataDir, 'webhook-secret'));
  if (secret !== null) return secret;
  const place = dataDir ?? 'DATA_DIR';
  const url = dataDir === null ? null : await findServiceUrl(dataDir);
  // the service runs, or was killed, so it has a secret of its environment
  if (url !== null)
    throw new StartRefusal(
      `There is no webhook secret in ${place}, but the service at ${url} has one: set SINCH_WEBHOOK_SECRETS to the same value as for the service`,
    );
  throw new StartRefusal(
    `There is no webhook secret in ${place} yet: start the service once (npm start), or set DATA_DIR or SINCH_WEBHOOK_SECRETS to the same value as for the service`,
  );
}
