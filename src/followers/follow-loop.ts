import type { Logger } from '@nestjs/common';
import { describeError } from '../database/sqlstate';
import { pause } from '../base/pause';
import { Waker } from '../base/waker';
import type { CommitQueue } from '../audit/commit/commit-queue';

/** How often the journal is looked at without a nudge, in ms: another replica may have written. */
const pollMs = 500;
/** So many events that wait to be committed, or are, tell that receiving needs all it can have. */
const pressingEvents = 32;
/**
 * While events come in, a follower rests for so many times as long as it worked: when receiving is pressed it is not to be slowed;
 * else the follower must keep up with what comes (at 1,000 events/s one that took a tenth of the time fell behind for an hour).
 */
const restFactors = { pressed: 9, calm: 1 } as const;
const restMaxMs = 1_000;
/**
 * While events come in, a follower that has handled all there are begins its next batch no sooner than this after the last, in ms:
 * a batch costs about twenty statements, however few events it has.
 */
const gatherMs = 100;
/** How long a follower pauses after failures, in ms: the first pause doubles with each failure that follows. */
export interface FailurePauses {
  readonly firstMs: number;
  readonly maxMs: number;
}

export const FAILURE_PAUSES: FailurePauses = { firstMs: 1_000, maxMs: 1_000 };

/** Has a follower of the journal work as events come in, until it is stopped. */
export class FollowLoop {
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;

  /**
   * @param followOn handles a part of what is to do; answers whether there may be more
   * @param failurePauses read at each failure; longer where somebody else’s service is asked, which failures should not press
   */
  constructor(
    private readonly queue: Pick<CommitQueue, 'depth' | 'onCommit'>,
    private readonly logger: Logger,
    private readonly followOn: () => Promise<boolean>,
    private readonly failurePauses = FAILURE_PAUSES,
  ) {}

  /** Aborted when the loop is to end: cuts what is under way. */
  get signal(): AbortSignal {
    return this.closing.signal;
  }

  /** Begins; once. */
  start(): void {
    this.working ??= this.work();
  }

  async stop(): Promise<void> {
    this.closing.abort();
    await this.working;
  }

  private async work(): Promise<void> {
    const { signal } = this.closing;
    let failuresInRow = 0;
    let nudges = 0;
    const waker = new Waker();
    const stop = this.queue.onCommit(() => {
      nudges += 1;
      waker.wake();
    });
    while (!signal.aborted) {
      const began = performance.now();
      const nudged = nudges;
      try {
        const isMore = await this.followOn();
        failuresInRow = 0;
        const isBusy = nudges > nudged;
        if (isBusy) await pause(this.restMs(performance.now() - began, isMore), signal);
        else if (!isMore) await waker.pause(pollMs, signal);
      } catch (error) {
        if (this.closing.signal.aborted) break;
        this.logger.warn(`A follower of the journal failed and will retry: ${describeError(error)}.`);
        const { firstMs, maxMs } = this.failurePauses;
        await pause(Math.min(firstMs * 2 ** failuresInRow, maxMs), signal);
        failuresInRow += 1;
      }
    }
    stop();
  }

  private restMs(workedMs: number, isMore: boolean): number {
    const factor = this.queue.depth.events >= pressingEvents ? restFactors.pressed : restFactors.calm;
    return Math.min(Math.max(factor * workedMs, isMore ? 0 : gatherMs - workedMs), restMaxMs);
  }
}
