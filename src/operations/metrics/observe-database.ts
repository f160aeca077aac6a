import { setTimeout as delay } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';
import type { FollowersRepository } from '../../audit/followers.repository';
import type { MetricsRepository } from '../metrics.repository';

/** Longest wait for what the database tells: a scrape is answered without it. */
const answerTimeoutMs = 2_000;

/**
 * What the database tells. Where it does not answer in time, its gauges are left out and `mirror_database_up` is 0.
 *
 * @param followers the names of those whose lag is told
 * @returns what brings the gauges up to date; never rejects
 */
export function observeDatabase(
  registry: Registry,
  repository: MetricsRepository,
  lags: FollowersRepository,
  followers: readonly string[],
): () => Promise<void> {
  const gauge = (name: string, help: string, labelNames: string[] = []): Gauge =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const up = gauge('mirror_database_up', 'Whether the database tells what is asked for here.');
  const quarantine = gauge('mirror_quarantine_open', 'Deliveries in quarantine that nobody has dealt with.');
  const duplicates = gauge('mirror_duplicates_open', 'Sets of duplicates that wait for somebody.');
  const horizon = gauge(
    'mirror_journal_horizon_age_seconds',
    'For how long an open transaction has kept events from feeds and followers.',
  );
  const lagEvents = gauge(
    'mirror_follower_lag_events',
    'Events that a follower is behind, counted up to 10,000.',
    ['follower'],
  );
  const lagSeconds = gauge(
    'mirror_follower_lag_seconds',
    'How long the oldest event that a follower has not handled has waited.',
    ['follower'],
  );
  const pools = gauge(
    'mirror_database_pool_connections',
    'Connections of each pool, by what they do; `waiting`: statements without one.',
    ['pool', 'state'],
  );

  async function ask(): Promise<() => void> {
    const state = await repository.state();
    const behind = await Promise.all(
      followers.map(async (follower) => ({ follower, lag: await lags.lag(follower) })),
    );
    return () => {
      quarantine.set(state.open_quarantine);
      duplicates.set(state.open_duplicates);
      horizon.set(state.horizon_age_seconds);
      for (const { follower, lag } of behind) {
        lagEvents.set({ follower }, lag.events);
        lagSeconds.set({ follower }, lag.seconds);
      }
    };
  }

  return async () => {
    for (const each of [quarantine, duplicates, horizon]) each.remove();
    for (const each of [lagEvents, lagSeconds, pools]) each.reset();
    const tell = await Promise.race([ask().catch(() => null), delay(answerTimeoutMs, null, { ref: false })]);
    up.set(tell === null ? 0 : 1);
    tell?.();
    for (const [pool, counts] of Object.entries(repository.pools()))
      for (const [state, count] of Object.entries(counts)) pools.set({ pool, state }, count);
  };
}
