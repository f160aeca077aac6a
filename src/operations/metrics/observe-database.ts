import { setTimeout as delay } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';
import type { FollowersRepository } from '../../followers/followers.repository';
import type { ParkedEventsRepository } from '../../followers/parked-events.repository';
import type { OutwardFiguresRepository } from '../../outward/outward-figures.repository';
import type { DatabaseState, MetricsRepository } from '../metrics.repository';
import { observeOutward } from './observe-outward';

/** Longest wait for the answer of the database: without it, a scrape is answered without these figures. */
const answerTimeoutMs = 2_000;

/** What is read from the database. */
interface Readings {
  readonly repository: MetricsRepository;
  readonly lags: FollowersRepository;
  readonly parked: ParkedEventsRepository;
  readonly outward: OutwardFiguresRepository;
  /** The names of the followers whose lag is shown. */
  readonly followers: readonly string[];
}

/**
 * Shows what the database has. If it does not answer in time, its gauges are left out and `mirror_database_up` is 0.
 *
 * @returns brings the gauges up to date; never rejects
 */
export function observeDatabase(registry: Registry, readings: Readings): () => Promise<void> {
  const up = new Gauge({
    name: 'mirror_database_up',
    help: 'Whether the figures from the database could be read (1) or not (0).',
    registers: [registry],
  });
  const figures = [
    observeState(registry, readings),
    observeFollowers(registry, readings),
    observeOutward(registry, readings.outward),
  ];
  const showPools = observePools(registry, readings);

  async function read(): Promise<readonly Show[]> {
    const shows: Show[] = [];
    // one after the other: a scrape needs few connections
    for (const each of figures) shows.push(await each.read());
    return shows;
  }

  return async () => {
    for (const each of figures) each.clear();
    const shows = await Promise.race([
      read().catch(() => null),
      delay(answerTimeoutMs, null, { ref: false }),
    ]);
    up.set(shows === null ? 0 : 1);
    for (const show of shows ?? []) show();
    showPools();
  };
}

/** Sets gauges to what was read. */
type Show = () => void;

/** Gauges that are read from the database. */
export interface Figures {
  /** Leaves the gauges out until they are set again. */
  readonly clear: () => void;
  /** @throws the driver's error */
  readonly read: () => Promise<Show>;
}

/** The gauge of each figure of the state: its name and its help. */
const STATE_GAUGES: Readonly<Record<keyof DatabaseState, readonly [name: string, help: string]>> = {
  open_quarantine: [
    'mirror_quarantine_open',
    'Open deliveries in quarantine, which somebody must replay or discard.',
  ],
  waiting_quarantine: [
    'mirror_quarantine_waiting',
    'Deliveries in quarantine that will be replayed automatically when they are due.',
  ],
  open_duplicates: ['mirror_duplicates_open', 'Open sets of duplicates.'],
  unfinished_syncs: [
    'mirror_sync_unfinished',
    'Projects whose newest sync run failed, or waits for a confirmation.',
  ],
  contacts_to_refresh: [
    'mirror_contacts_to_refresh',
    'Contacts whose search columns are of an earlier release; they are recomputed in the background.',
  ],
  prepared_age_seconds: [
    'mirror_prepared_transaction_age_seconds',
    'Age of the oldest prepared transaction of the cluster; 0 if there is none.',
  ],
  horizon_age_seconds: [
    'mirror_journal_horizon_age_seconds',
    'For how long an open transaction has kept events from feeds and followers.',
  ],
  journal_era: [
    'mirror_journal_era',
    'The era of the journal. It grows when Postgres was restored or a standby promoted.',
  ],
  journal_era_gap_seconds: [
    'mirror_journal_era_gap_seconds',
    'How long before the begin of the era the newest event of the journal was received: what was acknowledged in between is lost.',
  ],
};

function observeState(registry: Registry, { repository }: Readings): Figures {
  const gauges = Object.entries(STATE_GAUGES).map(([figure, [name, help]]) => ({
    figure: figure as keyof DatabaseState, // as the record has them
    gauge: new Gauge({ name, help, registers: [registry] }),
  }));
  return {
    clear: () => {
      for (const { gauge } of gauges) gauge.remove();
    },
    read: async () => {
      const state = await repository.state();
      return () => {
        for (const { figure, gauge } of gauges) gauge.set(state[figure]);
      };
    },
  };
}

function observeFollowers(registry: Registry, { lags, parked, followers }: Readings): Figures {
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name, help, labelNames: ['follower'], registers: [registry] });
  const lagEvents = gauge(
    'mirror_follower_lag_events',
    'Events that a follower is behind, counted up to 10,000.',
  );
  const lagSeconds = gauge(
    'mirror_follower_lag_seconds',
    'How long the oldest event that a follower has not handled has waited.',
  );
  const parkedEvents = gauge(
    'mirror_parked_events',
    'Events that a follower could not handle and set aside; they are not in its lag.',
  );
  return {
    clear: () => {
      for (const each of [lagEvents, lagSeconds, parkedEvents]) each.reset();
    },
    read: async () => {
      const behind = await Promise.all(
        followers.map(async (follower) => ({ follower, lag: await lags.lag(follower) })),
      );
      const counts = await parked.counts();
      return () => {
        for (const follower of new Set([...followers, ...counts.keys()]))
          parkedEvents.set({ follower }, counts.get(follower) ?? 0);
        for (const { follower, lag } of behind) {
          lagEvents.set({ follower }, lag.events);
          lagSeconds.set({ follower }, lag.seconds);
        }
      };
    },
  };
}

/** The pools are the service's own: their figures need no answer of the database. */
function observePools(registry: Registry, { repository }: Readings): Show {
  const pools = new Gauge({
    name: 'mirror_database_pool_connections',
    help: 'Connections of each pool, by what they do; `waiting`: statements without one.',
    labelNames: ['pool', 'state'],
    registers: [registry],
  });
  return () => {
    pools.reset();
    for (const [pool, counts] of Object.entries(repository.pools()))
      for (const [state, count] of Object.entries(counts)) pools.set({ pool, state }, count);
  };
}
