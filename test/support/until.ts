import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** The pause before it is asked again, in ms. */
  readonly everyMs?: number;
  /** What the error says besides how long was waited. */
  readonly describe?: () => string;
}

/**
 * Asks again until the answer is yes.
 *
 * @param isSo what it throws ends the waiting
 * @param withinMs the longest wait: far more than is needed, since a busy machine takes its time
 * @throws when it did not come to that
 */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  withinMs = 30_000,
  { everyMs = 10, describe = () => String(isSo) }: UntilOptions = {},
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadline)
      throw new Error(`It did not come to that within ${withinMs} ms: ${describe()}`);
    await delay(everyMs);
  }
}
