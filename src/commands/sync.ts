import { CommitQueue } from '../audit/commit/commit-queue';
import { commandLine } from '../base/command-line.rule';
import { pause } from '../base/pause';
import { loadConfig } from '../config/config';
import { StartRefusal } from '../config/start-refusal';
import { describeError } from '../database/sqlstate';
import { describeDrift, describeProgress } from '../sync/describe-run';
import { type SyncRun, SyncRunsRepository } from '../sync/sync-runs.repository';
import { SyncModule } from '../sync/sync.module';
import { SyncWorker } from '../sync/sync-worker';
import { EXIT } from './exit-codes';
import type { Output } from './output';
import { type Parts, withParts } from './with-parts';
import type { Mode } from '../sync/sync.dto';

/** How often a run is looked at, and how often it is looked whether it is for this process to work, in ms. */
const lookEveryMs = 200;

/**
 * Reads all contacts that Sinch has into the mirror; shows how far it is and what it found.
 *
 * Where a service with access to Sinch runs, the service works, and this shows how far it is; where none runs, this works. A run
 * that is interrupted continues when it is asked for again, or when the service runs.
 * @param confirm whether any number of contacts may be marked as deleted
 * @returns the exit code
 */
export async function syncContacts(output: Output, mode: Mode, confirm: boolean): Promise<number> {
  const given = loadConfig();
  const { sinch } = given;
  if (sinch === null) {
    throw new StartRefusal(
      'sync requires SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID and SINCH_KEY_SECRET: set them to the same values as for the service',
    );
  }
  return withParts(output, given, [SyncModule], async (parts) => {
    const [queue, runs, worker] = [
      parts.get(CommitQueue),
      parts.get(SyncRunsRepository),
      parts.get(SyncWorker),
    ];
    await queue.open();
    // a page that waits for Sinch must not keep the process
    parts.signal.addEventListener('abort', () => void worker.beforeApplicationShutdown());
    try {
      const { run, outcome } = await runs.request(sinch.projectId, mode, confirm, 'command line');
      if (outcome === 'other-mode') {
        throw new StartRefusal(`The ${run.mode} ${run.id} is running: wait until it has ended, or cancel it`);
      }
      const over = new AbortController();
      const working = workAt(worker, output, AbortSignal.any([over.signal, parts.signal]));
      const ended = await watch(parts, output, run);
      over.abort();
      await working;
      return await report(
        output,
        ended ?? (await runs.find(sinch.projectId, run.id)) ?? run,
        given.container,
      );
    } finally {
      await worker.beforeApplicationShutdown();
      await queue.close();
    }
  });
}

/** Works where no service does, until the signal. */
async function workAt(worker: SyncWorker, output: Output, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const hasWorked = await worker.workOn().catch((error: unknown) => {
      if (!signal.aborted) output.note(`The run failed; will retry: ${describeError(error)}`);
      return false;
    });
    if (!hasWorked) await pause(lookEveryMs, signal);
  }
}

/** Shows how far the run is. @returns it when it has ended or waits for a confirmation; null when it was interrupted */
async function watch({ get, signal }: Parts, output: Output, requested: SyncRun): Promise<SyncRun | null> {
  const [runs, worker] = [get(SyncRunsRepository), get(SyncWorker)];
  const began = performance.now();
  let now = requested;
  let pageAt = began;
  while (!signal.aborted) {
    const name = `${requested.mode} ${requested.id}`;
    try {
      const found = (await runs.find(requested.project_id, requested.id)) ?? now;
      if (found.pages !== now.pages) pageAt = performance.now();
      now = found;
      const isOver = now.state !== 'pending' && now.state !== 'running';
      const where = isOver || worker.isHolding || now.state === 'pending' ? '' : ', in the service';
      const progress = describeProgress(now, {
        seconds: (performance.now() - began) / 1_000,
        contactsBefore: requested.tally.contacts,
        stillSeconds: (performance.now() - pageAt) / 1_000,
      });
      output.progress(`${name}: ${progress}${where}`, isOver);
      if (isOver) return now;
    } catch (error) {
      output.progress(`${name}: waits for Postgres: ${describeError(error)}`, false);
    }
    await pause(lookEveryMs, signal);
  }
  return null;
}

/** @returns the exit code */
async function report(output: Output, run: SyncRun, container: string | null): Promise<number> {
  const { exitCode, reason, lines } = outcomeOf(run, container);
  await output.result(viewRun(run), lines);
  if (reason.length > 0) output.note(...reason);
  return exitCode;
}

interface SyncOutcome {
  readonly exitCode: number;
  /** Why it is not done, and what to do, for stderr; empty: it is. */
  readonly reason: readonly string[];
  /** The result, for stdout. */
  readonly lines: readonly string[];
}

function outcomeOf(run: SyncRun, container: string | null): SyncOutcome {
  switch (run.state) {
    case 'pending':
    case 'running':
      return {
        exitCode: EXIT.interrupted,
        reason: [
          `Interrupted after ${run.pages} pages: the run continues when you run this again, or when the service runs.`,
        ],
        lines: [],
      };
    case 'completed':
      return { exitCode: EXIT.done, reason: [], lines: ['completed', ...describeDrift(run)] };
    case 'needs_confirmation':
      return {
        exitCode: EXIT.needsConfirmation,
        reason: [
          `${run.candidates ?? 0} of ${run.active_contacts ?? 0} contacts were not found at Sinch: too many to mark as deleted without a confirmation.`,
          'Check SINCH_REGION and SINCH_PROJECT_ID first. If these contacts really no longer exist at Sinch:',
          commandLine(container, 'sync reconcile --confirm'),
        ],
        lines: describeDrift(run),
      };
    case 'failed':
    case 'cancelled':
      return {
        exitCode: EXIT.failed,
        reason: [`The ${run.mode} ${run.state}${run.error === null ? '' : `: ${run.error}`}`],
        lines: describeDrift(run),
      };
  }
}

function viewRun({
  id,
  mode,
  state,
  pages,
  tally,
  candidates,
  active_contacts: active,
  error,
}: SyncRun): object {
  return { id, mode, state, pages, ...tally, candidates, active_contacts: active, error };
}
