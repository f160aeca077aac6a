import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * A consumer of `contacts:changes`, in a process of its own that is killed at any moment.
 *
 * A line of its file is a page and the token after it, written and synced together; it continues from the last whole line.
 * Arguments: the file, the project, the key, and the base URLs of the replicas; each request goes to any of them.
 */
const [file = '', project = '', key = '', ...bases] = process.argv.slice(2);

/** One page, as the file keeps it. */
export interface Page {
  readonly token: string;
  readonly eventIds: readonly string[];
}

/** The whole lines of a file; what a kill left of a last one does not count. */
export function readPages(path: string): { readonly pages: readonly Page[]; readonly bytes: number } {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const pages = whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Page); // ours
  return { pages, bytes: Buffer.byteLength(whole) };
}

async function follow(): Promise<never> {
  const { pages, bytes } = readPages(file);
  let token = pages.at(-1)?.token ?? '';
  const fd = openSync(file, 'a');
  ftruncateSync(fd, bytes);
  process.on('exit', () => {
    closeSync(fd);
  });
  for (;;) {
    const page = await fetchPage(token);
    if (page === null) {
      await delay(50);
      continue;
    }
    writeSync(fd, `${JSON.stringify(page)}\n`);
    fdatasyncSync(fd);
    token = page.token;
  }
}

/** Null when nobody answers. */
async function fetchPage(token: string): Promise<Page | null> {
  const query = new URLSearchParams({
    page_size: String(1 + Math.floor(Math.random() * 40)),
    wait: Math.random() < 0.5 ? '0' : '1',
    page_token: token,
  });
  const base = bases[Math.floor(Math.random() * bases.length)] ?? '';
  try {
    const answer = await fetch(`${base}/v1/projects/${project}/contacts:changes?${query.toString()}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    if (answer.status !== 200) return null;
    const page = (await answer.json()) as { changes: { event_id: string }[]; next_page_token: string }; // as documented
    return { token: page.next_page_token, eventIds: page.changes.map((change) => change.event_id) };
  } catch {
    return null;
  }
}

if (require.main === module) void follow();
