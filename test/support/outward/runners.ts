import { performance } from 'node:perf_hooks';
import type { DataSource } from 'typeorm';
import { Connector } from '../../../src/egress/connector';
import { readNetworks } from '../../../src/egress/read-networks.rule';
import { CLOSED } from '../../../src/outward/breaker.rule';
import { NO_FIGURES } from '../../../src/outward/figures.rule';
import { type Lease, LeasesRepository } from '../../../src/outward/leases.repository';
import type { MessageReader } from '../../../src/outward/message-reader';
import { ProgressRepository } from '../../../src/outward/progress.repository';
import { readFilter } from '../../../src/outward/read-filter.rule';
import { SocketBudget } from '../../../src/outward/socket-budget';
import type { Subscription } from '../../../src/outward/subscription.rule';
import { type Pace, type RunnerParts, SubscriptionRunner } from '../../../src/outward/subscription-runner';
import { WebhookSender } from '../../../src/outward/webhook-sender';

const allowed = readNetworks('127.0.0.0/8');
const NETWORKS = allowed.kind === 'networks' ? allowed.networks : [];

/** A clock that runs so many times faster. */
export function fastPace(speed: number): Pace {
  const [began, from] = [Date.now(), performance.now()];
  return { nowMs: () => began + (performance.now() - from) * speed, waitMs: (ms) => ms / speed };
}

export const SUBSCRIPTION = 'sub_1';

/** A subscription to everything, with what a test wants otherwise. */
export function subscriptionTo(url: string, more: Partial<Subscription> = {}): Subscription {
  const purpose = more.purpose ?? 'trigger';
  const { filter } = readFilter(more.filterJson ?? {}, purpose);
  if (filter === null) throw new Error('The filter is at fault');
  return {
    projectId: 'p',
    id: SUBSCRIPTION,
    name: 'orders',
    purpose,
    filterJson: {},
    filter,
    destination: { kind: 'webhook', url, header_names: [] },
    credentials: null,
    signingKeys: [],
    schemaVersion: '2026-12-01',
    mode: 'full',
    concurrency: 8,
    ratePerSecond: null,
    log: 'all',
    state: 'active',
    stateReason: null,
    revision: 1n,
    createdAt: new Date(),
    updatedAt: new Date(),
    ...more,
  };
}

/** Puts a subscription into the tables, at the beginning of both streams. */
export async function storeSubscription(
  pool: DataSource,
  { id, name, purpose }: Subscription,
): Promise<void> {
  await pool.query(
    `insert into subscription (project_id, id, name, purpose, filter, destination, signing_keys, schema_version, mode, concurrency, log, state)
     values ('p', $1, $2, $3, '{}', '{}', '[]', '2026-12-01', 'full', 8, 'all', 'active')`,
    [id, name, purpose],
  );
  await pool.query(
    `insert into subscription_progress (project_id, subscription_id, era, tx, id, domain_era, domain_tx, domain_id, breaker, figures)
     values ('p', $1, 0, '0', 0, 0, '0', 0, $2, $3)`,
    [id, JSON.stringify(CLOSED), JSON.stringify(NO_FIGURES)],
  );
}

export interface StartedRunner {
  readonly runner: SubscriptionRunner;
  readonly lease: Lease;
  /** Aborts and waits for its end. */
  readonly stop: () => Promise<void>;
  /** Ends as a process that is killed does: nothing more is sent or written. */
  readonly kill: () => Promise<void>;
}

export interface RunnerOptions {
  readonly owner?: string;
  readonly pace?: Pace;
  /** Called before each commit; what it throws is what the commit throws. */
  readonly beforeCommit?: () => Promise<void> | void;
  readonly leaseEnd?: () => number;
  /** Instead of HTTP to the sink. */
  readonly send?: RunnerParts['send'];
}

const NOTHING = (): void => undefined;

/** Takes the lease of the subscription and begins to work on it. */
export async function startRunner(
  pool: DataSource,
  subscription: Subscription,
  reader: MessageReader,
  { owner = 'one', pace = fastPace(1), beforeCommit, leaseEnd, send }: RunnerOptions = {},
): Promise<StartedRunner | null> {
  const leases = new LeasesRepository(pool);
  const lease = (await leases.renew(owner)).find(({ subscriptionId }) => subscriptionId === subscription.id);
  if (lease === undefined) return null;
  const progress = new ProgressRepository(pool);
  const commit = progress.commit.bind(progress);
  let isKilled = false;
  progress.commit = async (...given) => {
    await beforeCommit?.();
    return isKilled ? null : commit(...given);
  };
  const sender = new WebhookSender(new Connector({ allowed: NETWORKS, connectMaxMs: 5_000 }));
  const end = new AbortController();
  const listeners = new Set<() => void>();
  const runner = new SubscriptionRunner(
    lease,
    subscription,
    {
      reader,
      progress,
      watch: {
        follow: (_projectId, tell) => {
          listeners.add(tell);
          return () => listeners.delete(tell);
        },
        generationOf: () => 0,
      },
      sockets: new SocketBudget(),
      runs: {
        running: () => Promise.resolve([]),
        next: () => Promise.resolve({ messages: [], place: '', isFinished: true, passed: 0, deadIds: [] }),
      },
      metrics: { attempted: NOTHING, gaveUp: NOTHING, leaseLost: NOTHING, passedOver: NOTHING },
      send:
        send ??
        ((_subscription, delivery) =>
          sender.send({
            url: subscription.destination.url,
            headers: { 'content-type': 'application/json', 'webhook-id': delivery.eventId },
            body: Buffer.from(JSON.stringify(delivery.message?.data ?? {})),
          })),
      find: () => Promise.resolve(subscription),
      pace,
      logger: { warn: () => undefined },
    },
    leaseEnd ?? (() => (isKilled ? Number.NEGATIVE_INFINITY : performance.now() + 45_000)),
    end.signal,
  );
  const done = runner.run();
  return {
    runner,
    lease,
    stop: async () => {
      end.abort();
      await done;
      await leases.release(owner, [lease]);
      await sender.close();
    },
    kill: async () => {
      isKilled = true;
      await sender.close();
      end.abort();
      await done;
      // its lease ends with time, which a test does not wait for
      await pool.query(`update subscription_progress set lease_until = now() where owner = $1`, [owner]);
    },
  };
}
