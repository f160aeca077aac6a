import { setTimeout as delay } from 'node:timers/promises';
import { SinchError } from '../sinch/sinch-error';
import { describeSinchError, SyncFailure } from './sync-failure';

/** How long an unavailable Sinch is waited for. */
export interface WaitLimits {
  /** From its first failure on; waits that Sinch asks for are not counted. */
  readonly waitMaxMs: number;
  /** The first pause; it doubles with each further one. */
  readonly pauseFirstMs: number;
  readonly pauseMaxMs: number;
  /** All waits together that Sinch asks for with `Retry-After` before one call succeeds. */
  readonly throttledMaxMs: number;
}

export const WAIT_LIMITS: WaitLimits = {
  waitMaxMs: 1_800_000,
  pauseFirstMs: 500,
  pauseMaxMs: 30_000,
  throttledMaxMs: 86_400_000,
};

/** A pause before Sinch is asked again. */
export interface Wait {
  readonly ms: number;
  /** One sentence: what Sinch answered. */
  readonly reason: string;
}

export interface RetryOptions {
  /** Errors that the caller handles itself: they are thrown as they are. */
  readonly isExpected?: (error: SinchError) => boolean;
  /** Called before each pause. What it throws ends the asking. */
  readonly onWait?: (wait: Wait) => Promise<void>;
}

/**
 * Asks Sinch until it answers. The client has already tried each call several times.
 *
 * Waits as long as Sinch asks for with `Retry-After`, else with growing pauses.
 * @throws SyncFailure when Sinch refuses, or is unavailable for too long
 * @throws the signal's reason when it is aborted
 */
export async function askWithRetries<T>(
  ask: () => Promise<T>,
  { waitMaxMs, pauseFirstMs, pauseMaxMs, throttledMaxMs }: WaitLimits,
  signal: AbortSignal,
  { isExpected = () => false, onWait = () => Promise.resolve() }: RetryOptions = {},
): Promise<T> {
  const began = performance.now();
  let throttledMs = 0;
  for (let pauseMs = pauseFirstMs; ; pauseMs = Math.min(2 * pauseMs, pauseMaxMs)) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof SinchError) || isExpected(error)) throw error;
      const reason = describeSinchError(error);
      if (!error.retryable) throw new SyncFailure(reason, { cause: error });
      const { retryAfterMs } = error;
      if (retryAfterMs !== null && throttledMs + retryAfterMs > throttledMaxMs) {
        throw new SyncFailure(
          `Sinch asks to wait longer than ${inMinutes(throttledMaxMs)}, the maximum of a run: ${reason}`,
          { cause: error },
        );
      }
      if (performance.now() - began - throttledMs + pauseMs > waitMaxMs) {
        throw new SyncFailure(`Sinch was unavailable for ${inMinutes(waitMaxMs)}: ${reason}`, {
          cause: error,
        });
      }
      throttledMs += retryAfterMs ?? 0;
      const ms = Math.max(pauseMs, retryAfterMs ?? 0);
      await onWait({ ms, reason });
      await delay(ms, undefined, { signal });
    }
  }
}

function inMinutes(ms: number): string {
  return `${Math.round(ms / 60_000)} minutes`;
}
