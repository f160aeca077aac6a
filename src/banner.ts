import { catLine, curlLine } from './base/curl-line.rule';
import { webhookPath } from './base/webhook-path.rule';
import type { Config, KeptSecrets } from './config/config';
import type { KeptSecret } from './config/kept-secrets';
import { localUrl } from './config/service-url';
import { PROGRAM } from './version';

/**
 * The lines that the service prints when it is ready, for the person who started it.
 *
 * The lines with commands work as they stand; in a container, for a person who runs Docker and reaches the service at the same
 * port.
 * @param port where it listens
 * @param isTerminal whether a person reads them: only then they show the secrets that this start made, and no log keeps them
 */
export function bannerLines(
  config: Config,
  kept: KeptSecrets,
  port: number,
  isTerminal: boolean,
): readonly string[] {
  const local = localUrl(config.host, port);
  const base = config.publicUrl ?? local;
  const { webhookSecret, adminApiKey } = kept;
  const shown = (secret: KeptSecret | null): readonly string[] =>
    isTerminal && secret?.made === true ? [`                  shown only this once: ${secret.value}`] : [];
  return [
    `Sinch contact mirror ${PROGRAM.version} is ready`,
    `  webhook         ${base}${webhookPath}`,
    `  documentation   ${base}/docs`,
    `  webhook secret  ${webhookSecret === null ? 'from SINCH_WEBHOOK_SECRETS' : keptIn(config, webhookSecret.path)}`,
    ...shown(webhookSecret),
    `  admin key       ${adminKeyPlace(config, adminApiKey)}`,
    ...shown(adminApiKey),
    'Try it:',
    adminApiKey === null ? `curl -fsS ${local}/health/ready` : curlContacts(config, local, adminApiKey.path),
  ];
}

function adminKeyPlace(config: Config, kept: KeptSecrets['adminApiKey']): string {
  if (config.adminApiKey === null) return 'off';
  return kept === null ? 'from ADMIN_API_KEY' : keptIn(config, kept.path);
}

function keptIn({ container }: Config, path: string): string {
  return container === null ? `in ${path}` : catLine(container, path);
}

function curlContacts(config: Config, local: string, keyFile: string): string {
  const [first] = config.projectIds ?? [];
  const project = first ?? config.sinch?.projectId ?? 'my-project';
  const url = `${local}/v1/projects/${encodeURIComponent(project)}/contacts`;
  return curlLine(config.container, keyFile, url, '-fsS');
}
