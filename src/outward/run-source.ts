import type { RunFor, RunPage } from './run-reader';
import type { Run } from './run-request';

/** What replays and snapshots have for a subscription. */
export interface RunSource {
  /** Those that are not finished. */
  running(projectId: string, subscriptionId: string): Promise<readonly Run[]>;
  /** @param size about how many messages; there may be none though it is not finished */
  next(run: Run, runFor: RunFor, size: number): Promise<RunPage>;
}
