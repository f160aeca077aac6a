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
    `  seed           ${seed} (DEMO_SEED=${seed} repeats this run; without it, each run is a new project)`,
    `  faults         ${dialsPercent} % (with DEMO_DIALS=10, 10 % of the callbacks are lost, 10 % repeated, 10 % reordered, and 10 % of the requests fail)`,
    '  reconcile      every 15 s, by POST /sync-runs',
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
    '# the same contacts at the simulated Sinch',
    `curl -sS -u '${keyId}:${keySecret}' '${url}/v1/projects/${projectId}/contacts?page_size=5'`,
    '# a test event of your own, to a project that the simulated Sinch does not have, so that it stays',
    `ENV_FILE=off DATA_DIR=${quoteForShell(dataDir)} npm run mirror -- event`,
    'Press Ctrl-C to stop.',
  ];
}

/** A text as a POSIX shell reads it back unchanged. */
function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
