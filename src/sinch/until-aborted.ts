/** Somebody no longer waits; what was waited for may still come. */
export class WaitAborted extends Error {}

/**
 * Waits for a promise that is not one's own to end.
 *
 * Leaves no listener behind, so that a signal may live as long as the service (`AbortSignal.any` keeps them on Node 20).
 * @throws WaitAborted when the signal is aborted first.
 */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw new WaitAborted();
  let abort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => {
      reject(new WaitAborted());
    };
  });
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
