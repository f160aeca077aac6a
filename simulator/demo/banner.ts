import { join } from 'node:path';
import type { Simulator } from '../simulator';
import type { DemoOptions } from './options';

/** What the demo prints when it runs: what to open, and lines that work as they stand in another shell. */
export function demoLines(
  { seed, dialsPercent, dataDir, adminApiKey }: DemoOptions,
  { url, projectId, keyId, keySecret }: Simulator,
  service: string,
): readonly string[] {
  const base = `${service}/v1/projects/${projectId}`;
  const key =
    adminApiKey === null
      ? `KEY=$(cat ${quoteForShell(join(dataDir, 'admin-api-key'))})`
      : 'KEY=$ADMIN_API_KEY';
  const curl = (path: string): string => `curl -sS -H "Authorization: Bearer $KEY" '${base}${path}'`;
  return [
    'The demo is running: a simulated Sinch, and the mirror of its contacts',
    `  mirror         ${base}`,
    `  documentation  ${service}/docs`,
    `  simulator      ${url}/v1/projects/${projectId} (Sinch’s own API)`,
    `  seed           ${seed} (DEMO_SEED=${seed} lives the same life; without it, each run is a project of its own)`,
    `  faults         ${dialsPercent} % (DEMO_DIALS=10 repeats, reorders, delays and loses callbacks, and fails requests)`,
    '  sweeps         every 15 s all contacts are reconciled, as POST /sync-runs does it',
    `  data           ${dataDir}`,
    'Try it, in another shell:',
    key,
    curl('/contacts?page_size=5'),
    curl('/merges?page_size=5'),
    curl('/duplicates?page_size=5'),
    curl('/duplicates:summary'),
    curl('/audit-events?page_size=5'),
    curl('/contacts:changes?page_size=5'),
    curl('/sync-runs?page_size=5'),
    '# what Sinch has',
    `curl -sS -u '${keyId}:${keySecret}' '${url}/v1/projects/${projectId}/contacts?page_size=5'`,
    'Ctrl-C ends it.',
  ];
}

/** A text as a POSIX shell reads it back unchanged. */
function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
