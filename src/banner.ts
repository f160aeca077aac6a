import { isIPv6 } from 'node:net';
import type { Config, KeptSecrets } from './config';
import { webhookPath } from './rest/webhook-path';

/**
 * The lines that the service prints when it is ready, for the person who started it.
 *
 * A secret's value is in them only when this start made it. The line that begins with `curl` works as it stands.
 * @param port where it listens
 */
export function bannerLines(config: Config, kept: KeptSecrets, port: number): readonly string[] {
  const local = `http://${reachable(config.host)}:${port}`;
  const base = config.publicUrl ?? local;
  const { webhookSecret, adminApiKey } = kept;
  return [
    'Sinch contact mirror is ready',
    `  webhook         ${base}${webhookPath}`,
    `  documentation   ${base}/docs`,
    `  webhook secret  ${webhookSecret === null ? 'from SINCH_WEBHOOK_SECRETS' : `in ${webhookSecret.path}`}`,
    ...(webhookSecret?.made === true ? [`                  shown this once: ${webhookSecret.value}`] : []),
    `  admin key       ${adminKeyPlace(config, adminApiKey)}`,
    ...(adminApiKey?.made === true ? [`                  shown this once: ${adminApiKey.value}`] : []),
    'Try it:',
    adminApiKey === null ? `curl -fsS ${local}/health/ready` : curlContacts(config, local, adminApiKey.path),
  ];
}

function adminKeyPlace(config: Config, kept: KeptSecrets['adminApiKey']): string {
  if (config.adminApiKey === null) return 'off';
  return kept === null ? 'from ADMIN_API_KEY' : `in ${kept.path}`;
}

function curlContacts(config: Config, local: string, keyFile: string): string {
  const [project = 'my-project'] = config.projectIds ?? [];
  const url = `${local}/v1/projects/${encodeURIComponent(project)}/contacts`;
  // the quotes inside "$(…)" are a context of their own
  return `curl -fsS -H "Authorization: Bearer $(cat ${quoteForShell(keyFile)})" ${quoteForShell(url)}`;
}

/** A text as a POSIX shell reads it back unchanged. */
function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The name by which this machine reaches a server that listens on `host`. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}
