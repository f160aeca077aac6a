import { setTimeout as delay } from 'node:timers/promises';

/** Pause between two requests, in ms: one that comes while a run is under way is answered by that run. */
const pauseMs = 15_000;

/**
 * Has the service reconcile its contacts with Sinch regularly, as an operator would: so the mirror learns the
 * contacts from before, and the changes of lost callbacks. Each run is confirmed, however many contacts are to be marked deleted.
 *
 * @param base of the project in the mirror's REST API
 * @param signal ends it
 * @throws Error when the service does not take the request
 */
export async function keepReconciling(base: string, key: string, signal: AbortSignal): Promise<void> {
  try {
    for (;;) {
      const { status } = await fetch(`${base}/sync-runs`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ mode: 'reconcile', confirm: true }),
        signal,
      });
      if (status !== 202) throw new Error(`The service answered a request to reconcile with ${status}.`);
      await delay(pauseMs, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
