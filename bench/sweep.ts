import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { accessVariables } from '../simulator/demo/access-variables';
import { Contestant } from './contestant';
import { onOwnPostgres } from './own-postgres';
import type { Result } from './result';

export const SWEEP_HELP = `npm run bench -- sweep [--short]      a backfill of a simulated Sinch, then a reconcile of the same
  --short   20,000 contacts at once and 4,000 at 50 ms a page, not 100,000 and 20,000

One line of JSON on stdout. Ends with 0 when the marks are met (≥ 5,000 contacts/s at once, the chain's own speed ±10 % at
50 ms a page, ≤ 700 requests/s), 1 when they are not.
`;

const lookEveryMs = 50;
const pageContacts = 20;
/** How many pages the chain is measured by, before the sweep and after it. */
const chainPages = 100;
const latencyMs = 50;
/** The marks. */
const contactsPerSecondMin = 5_000;
const chainMin = 0.9;
const requestsMax = 700;

interface Swept {
  readonly contacts: number;
  readonly contactsPerSecond: number;
  readonly requestsPerSecondMax: number;
  readonly rssMaxMiB: number | null;
}

interface Run {
  readonly state: string;
  readonly contacts: number;
  readonly started_at: string;
  readonly finished_at: string;
  readonly error: string | null;
}

export async function benchSweep(isShort: boolean): Promise<Result> {
  const atOnce = await sweep(isShort ? 20_000 : 100_000, 0);
  const paced = await sweep(isShort ? 4_000 : 20_000, latencyMs);
  const chain = paced.backfill.contactsPerSecond / paced.chainPerSecond;
  const all = [atOnce.backfill, atOnce.reconcile, paced.backfill, paced.reconcile];
  return {
    figures: { atOnce, paced, chain: Math.round(chain * 1_000) / 1_000 },
    marks: {
      [`a backfill reads ${contactsPerSecondMin} contacts a second`]:
        atOnce.backfill.contactsPerSecond >= contactsPerSecondMin,
      [`at ${latencyMs} ms a page it does ${chainMin} of what page after page can`]: chain >= chainMin,
      [`no more than ${requestsMax} requests are sent in a second`]: all.every(
        ({ requestsPerSecondMax }) => requestsPerSecondMax <= requestsMax,
      ),
    },
  };
}

async function sweep(
  contacts: number,
  pageLatencyMs: number,
): Promise<{ readonly backfill: Swept; readonly reconcile: Swept; readonly chainPerSecond: number }> {
  const sinch = await SinchProcess.start(contacts, pageLatencyMs);
  const key = randomBytes(32).toString('hex');
  try {
    return await onOwnPostgres(async (url) => {
      const service = await Contestant.start('service', resolve('dist/src/main.js'), {
        DATABASE_URL: url,
        SINCH_WEBHOOK_SECRETS: key,
        ADMIN_API_KEY: key,
        LOG_LEVEL: 'warn',
        ...sinch.environment,
      });
      try {
        const chainBefore = await sinch.chainPerSecond();
        const backfill = await measureRun(service, sinch, key, 'backfill');
        const reconcile = await measureRun(service, sinch, key, 'reconcile');
        const chainPerSecond = Math.round((chainBefore + (await sinch.chainPerSecond())) / 2);
        return { backfill, reconcile, chainPerSecond };
      } finally {
        await service.stop();
      }
    });
  } finally {
    await sinch.stop();
  }
}

async function measureRun(
  { port, pid }: Contestant,
  sinch: SinchProcess,
  key: string,
  mode: string,
): Promise<Swept> {
  const runs = `http://127.0.0.1:${port}/v1/projects/${sinch.projectId}/sync-runs`;
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  await sinch.count();
  const asked = await fetch(runs, { method: 'POST', headers, body: JSON.stringify({ mode }) });
  const { id } = (await asked.json()) as { id: string };
  for (;;) {
    await delay(lookEveryMs);
    const run = (await (await fetch(`${runs}/${id}`, { headers })).json()) as Run;
    if (run.state === 'pending' || run.state === 'running') continue;
    if (run.state !== 'completed') throw new Error(`The run is ${run.state}: ${run.error ?? ''}`);
    const seconds = (Date.parse(run.finished_at) - Date.parse(run.started_at)) / 1_000;
    const { requestsPerSecondMax } = await sinch.count();
    return {
      contacts: run.contacts,
      contactsPerSecond: Math.round(run.contacts / seconds),
      requestsPerSecondMax,
      rssMaxMiB: rssMaxMiB(pid),
    };
  }
}

/** The most memory that a process has had; null where the system has no /proc. */
function rssMaxMiB(pid: number): number | null {
  try {
    const kiB = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kiB === undefined ? null : Math.round(Number(kiB) / 1_024);
  } catch {
    return null;
  }
}

interface Counted {
  readonly requestsPerSecondMax: number;
}

/** The simulated Sinch. */
class SinchProcess {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
    private readonly access: Readonly<Record<'url' | 'projectId' | 'appId' | 'keyId' | 'keySecret', string>>,
  ) {}

  static async start(contacts: number, pageLatencyMs: number): Promise<SinchProcess> {
    const child = spawn(
      process.execPath,
      [join(__dirname, 'sinch-server.js'), String(contacts), String(pageLatencyMs)],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return new SinchProcess(child, lines, await nextOf(lines));
  }

  get projectId(): string {
    return this.access.projectId;
  }

  get environment(): Readonly<Record<string, string>> {
    return accessVariables(this.access);
  }

  /** Contacts a second of somebody who reads a page, then the next, and does nothing else. */
  async chainPerSecond(): Promise<number> {
    const { url, projectId, keyId, keySecret } = this.access;
    const began = performance.now();
    const authorization = `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`;
    let [contacts, token] = [0, ''];
    for (let page = 0; page < chainPages; page++) {
      const query = `page_size=${pageContacts}&page_token=${encodeURIComponent(token)}`;
      const answer = await fetch(`${url}/v1/projects/${projectId}/contacts?${query}`, {
        headers: { authorization },
      });
      const { contacts: read, next_page_token: next } = (await answer.json()) as {
        contacts: unknown[];
        next_page_token: string;
      };
      contacts += read.length;
      token = next;
    }
    return (contacts * 1_000) / (performance.now() - began);
  }

  /** What it was asked for since the last count. */
  async count(): Promise<Counted> {
    this.child.stdin?.write('\n');
    return nextOf<Counted>(this.lines);
  }

  async stop(): Promise<void> {
    this.child.stdin?.end();
    await once(this.child, 'exit');
  }
}

/** The next line, which the caller knows the form of. */
async function nextOf<T>(lines: AsyncIterator<string>): Promise<T> {
  const next = await lines.next();
  if (next.done === true) throw new Error('The simulated Sinch has ended.');
  return JSON.parse(next.value) as T;
}
