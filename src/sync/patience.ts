import { setTimeout as delay } from 'node:timers/promises';
import { SinchError } from '../sinch/sinch-error';
import { describeSinchError, SyncFailure } from './sync-failure';

/** For how long something that is away is waited for. */
export interface Patience {
  /** From its first failure on. */
  readonly waitMaxMs: number;
  /** The first pause; it doubles with each further one. */
  readonly pauseFirstMs: number;
  readonly pauseMaxMs: number;
}

export const PATIENCE: Patience = { waitMaxMs: 1_800_000, pauseFirstMs: 500, pauseMaxMs: 30_000 };

/**
 * Asks Sinch, again and again while it is away: each call has been tried several times by the client itself.
 *
 * @throws SyncFailure when it has been away for too long, or refuses; what the caller knows better, by `isExpected`, is thrown as it is
 * @throws the signal's reason when it is aborted
 */
export async function askPatiently<T>(
  ask: () => Promise<T>,
  { waitMaxMs, pauseFirstMs, pauseMaxMs }: Patience,
  signal: AbortSignal,
  isExpected: (error: SinchError) => boolean = () => false,
): Promise<T> {
  const deadline = Date.now() + waitMaxMs;
  for (let pauseMs = pauseFirstMs; ; pauseMs = Math.min(2 * pauseMs, pauseMaxMs)) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SinchError) || isExpected(error)) throw error;
      if (!error.retryable) throw new SyncFailure(describeSinchError(error), { cause: error });
      if (Date.now() + pauseMs > deadline) {
        const minutes = Math.round(waitMaxMs / 60_000);
        throw new SyncFailure(`Sinch was away for ${minutes} minutes: ${describeSinchError(error)}`, {
          cause: error,
        });
      }
      await delay(pauseMs, undefined, { signal });
    }
  }
}
