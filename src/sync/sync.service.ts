import { Inject, Injectable } from '@nestjs/common';
import { Problem } from '../rest/problems/problem';
import { type SyncRun, SyncRunsRepository } from './sync-runs.repository';
import { SYNC_OPTIONS, type SyncOptions, SyncWorker } from './sync-worker';
import type { Mode } from './sync.dto';

/** Begins and ends runs, as people ask for. */
@Injectable()
export class SyncService {
  constructor(
    @Inject(SYNC_OPTIONS) private readonly options: SyncOptions | null,
    private readonly runs: SyncRunsRepository,
    private readonly worker: SyncWorker,
  ) {}

  /**
   * Asks for a run. One of the same mode that is under way is answered instead; with `confirm`, one that waits for it continues.
   *
   * @throws Problem `upstream-unavailable` without access to Sinch, `sync-under-way` while a run of another mode is under way
   */
  async request(projectId: string, mode: Mode, confirm: boolean, actor: string): Promise<SyncRun> {
    if (this.options?.projectId !== projectId) {
      throw new Problem(
        'upstream-unavailable',
        'The service has no access to Sinch for this project. The operator sets it up with SINCH_PROJECT_ID and the other SINCH_ variables; docs/configuration.md lists them.',
      );
    }
    const { run, outcome } = await this.runs.request(projectId, mode, confirm, actor);
    if (outcome === 'other-mode')
      throw new Problem(
        'sync-under-way',
        `The ${run.mode} ${run.id} is running: wait until it has ended, or cancel it.`,
      );
    this.worker.nudge();
    return run;
  }

  /**
   * Ends a run, unless it has ended: what it was writing may still be written.
   *
   * @throws Problem `not-found`
   */
  async cancel(projectId: string, id: string): Promise<SyncRun> {
    const run = await this.runs.cancel(projectId, id);
    if (run === null) throw notFound();
    this.worker.nudge();
    return run;
  }

  /** @throws Problem `not-found` */
  async get(projectId: string, id: string): Promise<SyncRun> {
    const run = await this.runs.find(projectId, id);
    if (run === null) throw notFound();
    return run;
  }
}

function notFound(): Problem {
  return new Problem('not-found', 'Run not found in this project.');
}
