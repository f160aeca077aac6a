import { until } from '../test/support/until';
import type { Replica } from './replica';

/**
 * Waits until those who follow the journal of a project, for duplicates and for statistics, have come to its end.
 *
 * @throws when they have not by then
 */
export async function untilFollowed(replica: Replica, projectId: string, withinMs: number): Promise<void> {
  const began = performance.now();
  for (const path of ['/duplicates:summary', '/stats/overview']) {
    let body = '';
    await until(
      async () => {
        ({ body } = await replica.get(`/v1/projects/${projectId}${path}`));
        return body.includes('"lag_events":0');
      },
      withinMs - (performance.now() - began),
      { everyMs: 100, describe: () => `${path} answers ${body}` },
    );
  }
}
