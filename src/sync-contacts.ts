import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { loadConfig } from './config';
import { CommitQueue } from './contacts/commit-queue';
import { DatabaseAddress } from './database/database-address';
import { serviceOptions } from './database/data-source';
import { EmbeddedPostgres } from './database/embedded-postgres';
import { ProjectReads } from './database/project-reads';
import { pause } from './pause';
import { SinchClient } from './sinch/sinch-client';
import { reasonOf, StartRefusal } from './start-refusal';
import { assembleSync } from './sync/assemble-sync';
import { describeDrift, describeProgress } from './sync/describe-run';
import { MODES, type Mode, type SyncRun, SyncRunsRepository } from './sync/sync-runs.repository';
import type { SyncWorker } from './sync/sync-worker';

const USAGE = 'npm run sync -- backfill|reconcile [--confirm]';
/** How often a run is looked at, in ms: for a bar, and for lines. */
const barEveryMs = 200;
const linesEveryMs = 5_000;
/** How often it is looked whether it is for this process to work, in ms. */
const lookPauseMs = 200;

const EXIT = { completed: 0, failed: 1, cancelled: 1, needs_confirmation: 2, interrupted: 130 } as const;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stopping.abort();
  });
}

/**
 * `npm run sync -- backfill|reconcile [--confirm]`: reads all contacts that Sinch has, and tells how far it is and what it found.
 *
 * Works on the service's database. Where a service with access to Sinch runs, that works, and this looks on; where none does,
 * this works itself (with the embedded server the service has to run). A run that is broken off goes on when it is asked for
 * again, or when the service runs.
 */
void run().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    const isRefusal = error instanceof StartRefusal || !(error instanceof Error);
    process.stderr.write(`${isRefusal ? reasonOf(error) : (error.stack ?? error.message)}\n`);
    process.exitCode = 1;
  },
);

async function run(): Promise<number> {
  const { mode, confirm } = readArguments();
  const { databaseUrl, dataDir, sinch } = loadConfig();
  if (sinch === null) {
    throw new StartRefusal(
      'To ask Sinch takes SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID and SINCH_KEY_SECRET, as the service has them',
    );
  }
  const url = databaseUrl ?? (dataDir === null ? null : await EmbeddedPostgres.runningUrl(dataDir));
  if (url === null) {
    throw new StartRefusal(
      `No service runs in ${dataDir ?? 'DATA_DIR'}: start it first, or set DATABASE_URL`,
    );
  }
  Logger.overrideLogger(['error', 'fatal']);
  const database = await new DataSource(serviceOptions(url)).initialize();
  const reads = new ProjectReads(new DatabaseAddress(url));
  reads.open();
  const queue = new CommitQueue(new DatabaseAddress(url));
  const client = new SinchClient(sinch);
  const { projectId } = sinch;
  const worker = assembleSync(database, reads, queue, { projectId, client, reconcileEveryMs: null });
  const end = once(() => worker.beforeApplicationShutdown());
  stopping.signal.addEventListener('abort', () => void end());
  try {
    await queue.open();
    const runs = new SyncRunsRepository(database, reads);
    const { run: requested, outcome } = await runs.request(projectId, mode, confirm, 'command line');
    if (outcome === 'other-mode') {
      throw new StartRefusal(
        `The ${requested.mode} ${requested.id} is under way: wait for its end, or cancel it`,
      );
    }
    const over = new AbortController();
    const working = workAt(worker, AbortSignal.any([over.signal, stopping.signal]));
    const ended = await lookOn(runs, requested, worker);
    over.abort();
    await working;
    return report(ended ?? (await runs.find(projectId, requested.id)) ?? requested);
  } finally {
    await end();
    await client.close();
    await queue.close();
    await reads.onApplicationShutdown();
    await database.destroy();
  }
}

/** @throws StartRefusal */
function readArguments(): { readonly mode: Mode; readonly confirm: boolean } {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { confirm: { type: 'boolean', default: false } },
    });
    const mode = MODES.find((each) => each === positionals[0]);
    if (mode !== undefined && positionals.length === 1) return { mode, confirm: values.confirm };
  } catch {
    // an option that there is not
  }
  throw new StartRefusal(USAGE);
}

/** Works where no service is there to do it, until the signal. */
async function workAt(worker: SyncWorker, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const hasWorked = await worker.workOn().catch((error: unknown) => {
      if (!signal.aborted) process.stderr.write(`${reasonOf(error)}\n`);
      return false;
    });
    if (!hasWorked) await pause(lookPauseMs, signal);
  }
}

/** Tells how far the run is. @returns it when it has ended or waits; null when this was told to stop */
async function lookOn(
  runs: SyncRunsRepository,
  requested: SyncRun,
  worker: SyncWorker,
): Promise<SyncRun | null> {
  const began = Date.now();
  const show = process.stdout.isTTY ? showBar : showLines();
  let now = requested;
  while (!stopping.signal.aborted) {
    const found = await runs.find(requested.project_id, requested.id).catch(() => null);
    now = found ?? now;
    const isOver = now.state !== 'pending' && now.state !== 'running';
    const where = worker.isHolding ? '' : ', in the service';
    const progress = describeProgress(now, (Date.now() - began) / 1_000, requested.tally.contacts);
    show(`${now.mode} ${now.id}: ${progress}${isOver ? '' : where}`, isOver);
    if (isOver) return now;
    await pause(barEveryMs, stopping.signal);
  }
  return null;
}

/** Writes over the line before. */
function showBar(line: string, isLast: boolean): void {
  process.stdout.write(`\r\x1b[K${line.slice(0, (process.stdout.columns || 80) - 1)}${isLast ? '\n' : ''}`);
}

/** Writes a line now and then, and the last one. */
function showLines(): (line: string, isLast: boolean) => void {
  let shownAt = Number.NEGATIVE_INFINITY;
  return (line, isLast) => {
    if (!isLast && Date.now() - shownAt < linesEveryMs) return;
    shownAt = Date.now();
    process.stdout.write(`${line}\n`);
  };
}

/** @returns the exit code */
function report(run: SyncRun): number {
  const say = (...lines: readonly string[]): boolean => process.stdout.write(`${lines.join('\n')}\n`);
  switch (run.state) {
    case 'pending':
    case 'running':
      say(
        '',
        `Broken off after ${run.pages} pages: the run goes on when it is asked for again, or when the service runs.`,
      );
      return EXIT.interrupted;
    case 'completed':
      say('completed', ...describeDrift(run));
      return EXIT.completed;
    case 'needs_confirmation':
      say(
        ...describeDrift(run),
        `${run.candidates ?? 0} of ${run.active_contacts ?? 0} contacts were not met: too many to mark without a word.`,
        `Should Sinch really have them no more: npm run sync -- reconcile --confirm`,
      );
      return EXIT.needs_confirmation;
    case 'failed':
    case 'cancelled':
      say(`${run.state}${run.error === null ? '' : `: ${run.error}`}`, ...describeDrift(run));
      return EXIT[run.state];
  }
}

function once<T>(work: () => Promise<T>): () => Promise<T> {
  let working: Promise<T> | null = null;
  return () => (working ??= work());
}
