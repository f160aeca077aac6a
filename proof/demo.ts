import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { canonicalJson, type JsonObject } from '../src/json/canonical.rule';
import type { Identified } from '../src/sinch/read-answer.rule';
import { SinchClient, sinchPageSizeMax } from '../src/sinch/sinch-client';
import { KEY } from './replica';
import type { Finding, Options } from './proof';

const dialsPercent = 10;
const marks = { readyMaxSeconds: 90, filledMaxSeconds: 15, contactsMin: 200 };
/** After the last thing has happened: by then everything late has come, and a run has begun and ended since. */
const restMaxMs = 120_000;

/** `npm run demo` with all dials at 10 %: live soon, and in the end equal to the simulated Sinch, contact for contact. */
export async function run({ isShort, seed, minutes }: Options): Promise<Finding> {
  const dataDir = mkdtempSync(join(tmpdir(), 'mirror-demo-'));
  const seconds = minutes === null ? (isShort ? 20 : 600) : minutes * 60;
  const began = Date.now();
  const demo = spawn(process.execPath, ['scripts/demo.mjs'], {
    env: {
      PATH: process.env['PATH'],
      PORT: '0',
      DATA_DIR: dataDir,
      ADMIN_API_KEY: KEY,
      DEMO_SEED: String(seed),
      DEMO_DIALS: String(dialsPercent),
      DEMO_SECONDS: String(seconds),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(demo, 'exit');
  try {
    const printed = await linesUntil(demo.stdout, 'Press Ctrl-C to stop.');
    const readySeconds = since(began);
    const ready = Date.now();
    const mirror = new Mirror(found(printed, /^ {2}mirror +(\S+)$/m));
    while (!(await mirror.isFilled())) {
      if (since(ready) > 60) throw new Error('The mirror is not filled.');
      await delay(100);
    }
    const filledSeconds = since(ready);
    await delay(Math.max(0, ready + seconds * 1_000 - Date.now()));
    const rested = Date.now();
    let differing: number;
    do {
      await delay(1_000);
      differing = countDiffering(await sinchContacts(printed), await mirror.contacts());
    } while (differing > 0 && Date.now() - rested < restMaxMs);
    const { runs, drift, contacts } = await mirror.swept();
    return {
      figures: {
        lifeSeconds: seconds,
        readySeconds,
        filledSeconds,
        equalAfterSeconds: since(rested),
        contacts,
        contactsThatDiffer: differing,
        completedRuns: runs,
        driftFound: drift,
      },
      marks: {
        'live within 90 s': readySeconds <= marks.readyMaxSeconds,
        '200 contacts and a merge within 15 s of that': filledSeconds <= marks.filledMaxSeconds,
        'equal in the end': differing === 0,
        'sweeps found what callbacks did not tell': drift > 0,
      },
    };
  } finally {
    demo.kill('SIGTERM');
    await ended;
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** The mirror, as a client of its REST API sees it. */
class Mirror {
  constructor(private readonly base: string) {}

  /** Whether it has what the demo promises soon. */
  async isFilled(): Promise<boolean> {
    const [contacts, merges] = await Promise.all([
      this.page<{ contacts: unknown[] }>(`/contacts?page_size=${marks.contactsMin}`),
      this.page<{ merges: unknown[] }>('/merges?page_size=1'),
    ]);
    return contacts.contacts.length >= marks.contactsMin && merges.merges.length > 0;
  }

  /** All of them, as Sinch shows them. */
  async contacts(): Promise<ReadonlyMap<string, string>> {
    const contacts = new Map<string, string>();
    for (let token: string | undefined = ''; token !== undefined;) {
      const path = `/contacts?page_size=200${token === '' ? '' : `&page_token=${encodeURIComponent(token)}`}`;
      const page: { contacts: Identified[]; next_page_token?: string } = await this.page(path);
      for (const contact of page.contacts) contacts.set(contact.id, sinchPart(contact));
      token = page.next_page_token || undefined;
    }
    return contacts;
  }

  /** What the completed runs found. */
  async swept(): Promise<{ readonly runs: number; readonly drift: number; readonly contacts: number }> {
    const { sync_runs: all } = await this.page<{
      sync_runs: {
        state: string;
        contacts: number;
        drift: { created: number; updated: number; deleted: number };
      }[];
    }>('/sync-runs?page_size=200');
    const runs = all.filter(({ state }) => state === 'completed');
    return {
      runs: runs.length,
      drift: runs.reduce((sum, { drift }) => sum + drift.created + drift.updated + drift.deleted, 0),
      contacts: runs[0]?.contacts ?? 0,
    };
  }

  private async page<T>(path: string): Promise<T> {
    const response = await fetch(`${this.base}${path}`, { headers: { authorization: `Bearer ${KEY}` } });
    if (!response.ok) throw new Error(`${path} is answered ${response.status}.`);
    return (await response.json()) as T;
  }
}

/** The contacts of the simulated Sinch, of whose access the demo tells. */
async function sinchContacts(printed: string): Promise<ReadonlyMap<string, string>> {
  const [, keyId = '', keySecret = '', origin = '', projectId = ''] =
    /curl -sS -u '([^:']+):([^']+)' '(http[^']+)\/v1\/projects\/([^/']+)\/contacts/.exec(printed) ?? [];
  const client = new SinchClient({
    projectId,
    appId: 'any',
    keyId,
    keySecret,
    apiUrl: origin,
    authUrl: origin,
  });
  const contacts = new Map<string, string>();
  try {
    for (let pageToken: string | null = ''; pageToken !== null;) {
      const request = { pageSize: sinchPageSizeMax, ...(pageToken === '' ? {} : { pageToken }) };
      const page = await client.listContacts(request);
      for (const contact of page.contacts) contacts.set(contact.id, sinchPart(contact));
      pageToken = page.nextPageToken;
    }
  } finally {
    await client.close();
  }
  return contacts;
}

/** A contact without what the mirror adds to it, as a text that is equal for equal contacts. */
function sinchPart(contact: Identified): string {
  const fields = Object.entries(contact).filter(([field]) => field !== 'mirror');
  return canonicalJson(Object.fromEntries(fields) as JsonObject); // it came as JSON
}

/** How many contacts only one of them has, or has otherwise. */
function countDiffering(sinch: ReadonlyMap<string, string>, mirror: ReadonlyMap<string, string>): number {
  const ids = new Set([...sinch.keys(), ...mirror.keys()]);
  return [...ids].filter((id) => sinch.get(id) !== mirror.get(id)).length;
}

/** What was printed up to a line. */
async function linesUntil(stdout: Readable, last: string): Promise<string> {
  let printed = '';
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    printed += String(chunk);
    if (printed.includes(last)) {
      stdout.resume();
      return printed;
    }
  }
  throw new Error(`The demo ended: ${printed}`);
}

function found(text: string, pattern: RegExp): string {
  const part = pattern.exec(text)?.[1];
  if (part === undefined) throw new Error(`The demo does not tell ${pattern.source}.`);
  return part;
}

/** In seconds, to a tenth. */
function since(ms: number): number {
  return Math.round((Date.now() - ms) / 100) / 10;
}
