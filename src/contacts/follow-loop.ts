import type { Logger } from '@nestjs/common';
import { describeError } from '../database/sqlstate';
import { pause } from '../pause';
import type { CommitQueue } from './commit-queue';

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
/** The pause after a failure; it doubles with each that follows, up to the longest pause that the follower takes. */
const failurePauseMs = 1_000;

/** Has a follower of the journal work as events come in, until it is stopped. */
export class FollowLoop {
  private readonly closing = new AbortController();
  private working: Promise<void> | null = null;

  /**
   * @param followOn handles a part of what is to do; answers whether there may be more
   * @param failurePauseMaxMs longer where somebody else’s service is asked, which failures should not press
   */
  constructor(
    private readonly queue: Pick<CommitQueue, 'depth' | 'onCommit'>,
    private readonly logger: Logger,
    private readonly followOn: () => Promise<boolean>,
    private readonly failurePauseMaxMs = failurePauseMs,
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
    let wake = (): void => undefined;
    const stop = this.queue.onCommit(() => {
      nudges += 1;
      wake();
    });
    while (!signal.aborted) {
      const began = Date.now();
      const nudged = nudges;
      try {
        const isMore = await this.followOn();
        failuresInRow = 0;
        const isBusy = nudges > nudged;
        if (isBusy) await pause(Math.min(this.restFactor() * (Date.now() - began), restMaxMs), signal);
        else if (!isMore) {
          const nudge = new AbortController();
          wake = () => {
            nudge.abort();
          };
          if (nudges === nudged) await pause(pollMs, AbortSignal.any([signal, nudge.signal]));
        }
      } catch (error) {
        if (this.closing.signal.aborted) break;
        this.logger.warn(`The journal was not followed, and will be again: ${describeError(error)}.`);
        await pause(Math.min(failurePauseMs * 2 ** failuresInRow, this.failurePauseMaxMs), signal);
        failuresInRow += 1;
      }
    }
    stop();
  }

  private restFactor(): number {
    return this.queue.depth.events >= pressingEvents ? restFactors.pressed : restFactors.calm;
  }
}
