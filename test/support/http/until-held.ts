import { FeedWatch } from '../../../src/history/feed-watch.service';
import { until } from '../until';
import type { App } from './app';

/** How many requests the service holds for changes of a project: they wait to be woken. */
export function countHeld(app: App, projectId: string): number {
  const { feeds } = app.part(FeedWatch) as unknown as {
    feeds: ReadonlyMap<string, { readonly wake: ReadonlySet<unknown> }>;
  };
  return feeds.get(projectId)?.wake.size ?? 0;
}

/** Resolves when the service holds so many requests for changes of a project. */
export async function untilHeld(app: App, projectId: string, count = 1): Promise<void> {
  await until(() => countHeld(app, projectId) === count);
}
