/**
 * Follows the changes of contacts and prints one line for each. Needs nothing but Node.js; before version 22.18 also a runner for
 * TypeScript, such as `npx tsx`.
 *
 *     MIRROR_URL=http://127.0.0.1:3000 MIRROR_KEY=… PROJECT_ID=my-project node follow-changes.ts [token file]
 *
 * The token file is written after each page that was handled, so a consumer that is stopped continues where it was. It may then
 * see its last page again: handle changes idempotently, by event_id.
 */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

interface Change {
  readonly event_id: string;
  readonly type: 'created' | 'updated' | 'deleted' | 'merged';
  readonly contact_id: string;
  /** Only of a merge. */
  readonly survivor_id?: string;
}

interface Page {
  readonly changes: readonly Change[];
  /** Never empty. */
  readonly next_page_token: string;
}

const { MIRROR_URL = '', MIRROR_KEY = '', PROJECT_ID = '' } = process.env;
const feed = `${MIRROR_URL}/v1/projects/${encodeURIComponent(PROJECT_ID)}/contacts:changes`;
const tokenFile = process.argv[2] ?? 'feed-token';

/** One page. Repeats what is answered 429 or 503; every other error ends the program. */
async function ask(parameters: Record<string, string>): Promise<Page> {
  for (;;) {
    const response = await fetch(`${feed}?${new URLSearchParams(parameters).toString()}`, {
      headers: { authorization: `Bearer ${MIRROR_KEY}` },
    });
    if (response.ok) return (await response.json()) as Page;
    const problem = await response.text();
    if (response.status !== 429 && response.status !== 503) throw new Error(`${response.status} ${problem}`);
    await delay(1_000 * Number(response.headers.get('retry-after') ?? 1));
  }
}

/** Null where no token was saved yet. */
async function savedToken(): Promise<string | null> {
  try {
    return await readFile(tokenFile, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Whole or not at all. */
async function save(token: string): Promise<void> {
  await writeFile(`${tokenFile}.new`, token);
  await rename(`${tokenFile}.new`, tokenFile);
}

function handle({ event_id, type, contact_id, survivor_id = '' }: Change): void {
  process.stdout.write(`${event_id} ${type} ${contact_id} ${survivor_id}\n`);
}

async function main(): Promise<void> {
  let token = await savedToken();
  if (token === null) {
    // Start at the end. A consumer that keeps a copy lists all contacts after this.
    token = (await ask({ page_token: 'latest' })).next_page_token;
    await save(token);
  }
  for (;;) {
    const page = await ask({ page_token: token, page_size: '200', wait: '20' });
    for (const change of page.changes) handle(change);
    token = page.next_page_token;
    await save(token);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
