import type { Logger } from '@nestjs/common';
import { describeError } from '../database/sqlstate';
import { pause } from '../base/pause';
import { Waker } from '../base/waker';
import type { CommitQueue } from '../audit/commit/commit-queue';
import { SharedRest } from './shared-rest';

/** How often the journal is looked at without a nudge, in ms: another replica may have written. */
export const pollMs = 500;
/** So many events that wait to be committed, or are, tell that receiving needs all it can have. */
export const pressingEvents = 32;
/**
 * While events come in, a follower rests for so many times as long as it worked: when receiving is pressed it is not to be slowed;
 * else the follower must keep up with what comes (at 1,000 events/s one that took a tenth of the time fell behind for an hour).
 */
const restFactors = { pressed: 9, calm: 1 } as const;
const restMaxMs = 1_000;
/**
 * A follower that has handled all there are begins its next batch no sooner than this after the last, in ms: a batch costs about
 * twenty statements, however few events it has.
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
   * @param followOn handles a part of what is to do; answers whether there may be more. `isPoll`: there was no more when it last
   *   answered, and this process has committed nothing since
   * @param failurePauses read at each failure; longer where somebody else’s service is asked, which failures should not press
   * @param rest of those who rest together
   */
  constructor(
    private readonly queue: Pick<CommitQueue, 'depth' | 'onCommit'>,
    private readonly logger: Logger,
    private readonly followOn: (isPoll: boolean) => Promise<boolean>,
    private readonly failurePauses = FAILURE_PAUSES,
    private readonly rest = new SharedRest(),
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
    let isPoll = false;
    const waker = new Waker();
    const stop = this.queue.onCommit(() => {
      nudges += 1;
      waker.wake();
    });
    for (;;) {
      await this.rest.isOver(signal);
      if (signal.aborted) break;
      const began = performance.now();
      const nudged = nudges;
      try {
        const isMore = await this.followOn(isPoll);
        failuresInRow = 0;
        const [isBusy, workedMs] = [nudges > nudged, performance.now() - began];
        if (isBusy || !isPoll) this.rest.extend(this.restMs(workedMs, isBusy, isMore));
        if (!isBusy && !isMore) await waker.pause(pollMs, signal);
        isPoll = !isMore && nudges === nudged;
      } catch (error) {
        isPoll = false;
        if (this.closing.signal.aborted) break;
        this.logger.warn(`A follower of the journal failed and will retry: ${describeError(error)}.`);
        const { firstMs, maxMs } = this.failurePauses;
        await pause(Math.min(firstMs * 2 ** failuresInRow, maxMs), signal);
        failuresInRow += 1;
      }
    }
    stop();
  }

  /** @param isBusy whether events came in meanwhile */
  private restMs(workedMs: number, isBusy: boolean, isMore: boolean): number {
    const { pressed, calm } = restFactors;
    const factor = this.queue.depth.events >= pressingEvents ? pressed : calm;
    const sharedMs = isBusy ? factor * workedMs : 0;
    return Math.min(Math.max(sharedMs, isMore ? 0 : gatherMs - workedMs), restMaxMs);
  }
}
