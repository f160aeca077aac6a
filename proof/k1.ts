import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../test/support/postgres/connections';
import { PROJECT } from '../test/support/sinch/callbacks';
import { Cluster } from './cluster';
import { countDifferences, notificationOf, payloads } from './compare-map';
import { Ledger } from './ledger';
import { Dice, type Finding, type Options } from './proof';
import { Proxy } from './proxy';
import { Replica } from './replica';
import { Traffic } from './workload';

const sendersCount = 8;
/** Longest pause of a sender between two deliveries, in ms: keeps the full form's journal at a size that can be compared. */
const pauseMaxMs = 20;
/** Longest wait for the first acknowledgement after a fault, in ms. */
const recoveryMaxMs = 30_000;

/** What a fault hits: two replicas, each on a wire of its own to one Postgres. */
interface World {
  readonly cluster: Cluster;
  readonly proxies: readonly [Proxy, Proxy];
  readonly replicas: [Replica, Replica];
}

const FAULTS = {
  'service killed': async (world: World, dice: Dice) => {
    await restart(world, dice.roll(2));
  },
  'Postgres killed': async ({ cluster }: World) => {
    await cluster.stop('kill');
    await cluster.start();
  },
  'Postgres stopped immediately': async ({ cluster }: World) => {
    await cluster.stop('immediate');
    await cluster.start();
  },
  'Postgres and a service killed': async (world: World, dice: Dice) => {
    await Promise.all([world.cluster.stop('kill'), world.replicas[dice.roll(2)]?.kill()]);
    await world.cluster.start();
    for (const [at, { isRunning }] of world.replicas.entries()) {
      if (!isRunning) await restart(world, at);
    }
  },
  'backends killed': async ({ cluster }: World) => {
    await ask(
      cluster.urlOf('postgres'),
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'sinch-contact-mirror'`,
    );
  },
  'wire cut': (world: World, dice: Dice) => {
    dice.pick(world.proxies).cut();
    return Promise.resolve();
  },
  // the commit arrives, its answer does not
  'answers lost': async (world: World, dice: Dice) => {
    const proxy = dice.pick(world.proxies);
    proxy.hold('answers');
    await delay(10 + dice.roll(100));
    proxy.cut();
  },
  'wire held, then cut': async (world: World, dice: Dice) => {
    const proxy = dice.pick(world.proxies);
    proxy.hold('both');
    await delay(10 + dice.roll(300));
    proxy.cut();
  },
};
type Fault = keyof typeof FAULTS;

async function restart(world: World, at: number): Promise<void> {
  await world.replicas[at]?.kill();
  const proxy = world.proxies[at] ?? world.proxies[0];
  world.replicas[at] = await Replica.start(world.cluster.urlOf('mirror', proxy.port));
}

/** Senders that keep a ledger, while whatever serves them is killed: nothing acknowledged is lost. */
export async function run({ isShort, seed, kills }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const cluster = await Cluster.embedded();
  const proxies = [await Proxy.to(cluster.port), await Proxy.to(cluster.port)] as const;
  const [one, other] = proxies.map((proxy) => Replica.start(cluster.urlOf('mirror', proxy.port)));
  if (one === undefined || other === undefined) throw new Error('no replicas');
  const world: World = { cluster, proxies, replicas: [await one, await other] };
  const senders = new Senders(world, dice);

  const killsMax = kills ?? (isShort ? 20 : 1_000);
  const names = Object.keys(FAULTS) as [Fault, ...Fault[]];
  const counts: Partial<Record<Fault, number>> = {};
  let slowestRecoveryMs = 0;
  for (let n = 0; n < killsMax; n++) {
    await delay(100 + dice.roll(400));
    const fault = names[n % names.length] ?? names[0];
    counts[fault] = (counts[fault] ?? 0) + 1;
    await FAULTS[fault](world, dice);
    slowestRecoveryMs = Math.max(slowestRecoveryMs, await senders.nextAcknowledgement());
  }
  await senders.stop();
  const finding = await compare(world, senders, { kills: killsMax, ...counts, slowestRecoveryMs });
  await Promise.all(world.replicas.map((replica) => replica.stop()));
  for (const proxy of proxies) proxy.close();
  await cluster.remove();
  return finding;
}

async function compare(
  { cluster }: World,
  { ledger, statuses, unanswered }: Senders,
  figures: Readonly<Record<string, number>>,
): Promise<Finding> {
  const journal = [];
  for await (const payload of payloads(cluster.url)) journal.push(notificationOf(payload));
  const committed = new Set(journal.map(({ fingerprint }) => fingerprint));
  const acknowledged = ledger.read();
  ledger.remove();
  const lost = [...acknowledged].filter((fingerprint) => !committed.has(fingerprint)).length;
  const differing = await countDifferences(cluster.url, PROJECT, journal);
  return {
    figures: {
      ...figures,
      acknowledged: acknowledged.size,
      committed: committed.size,
      unanswered,
      ...statuses,
      acknowledgedEventsLost: lost,
      rowsThatDiffer: differing,
    },
    marks: {
      'no acknowledged event is missing from the journal': lost === 0 && acknowledged.size > 0,
      'the map is that of the journal': differing === 0,
      'each event is in the journal once': committed.size === journal.length,
      'answers are 200 or 503': Object.keys(statuses).every((status) => ['200', '503'].includes(status)),
    },
  };
}

/** Senders in the manner of Sinch: what is not answered 2xx may be sent again. */
class Senders {
  readonly ledger = new Ledger();
  readonly statuses: Record<string, number> = {};
  unanswered = 0;
  private isStopping = false;
  private count = 0;
  private readonly working: Promise<unknown>;

  constructor(
    private readonly world: World,
    private readonly dice: Dice,
  ) {
    const traffic = new Traffic(dice, 300);
    this.working = Promise.all(
      Array.from({ length: sendersCount }, async () => {
        while (!this.isStopping) {
          await this.send(traffic.next());
          await delay(this.dice.roll(pauseMaxMs));
        }
      }),
    );
  }

  /** How long it takes until something is acknowledged from now on, in ms. */
  async nextAcknowledgement(): Promise<number> {
    const began = Date.now();
    const before = this.count;
    while (this.count === before) {
      await delay(2);
      if (Date.now() - began > recoveryMaxMs)
        throw new Error(`Nothing was acknowledged for ${recoveryMaxMs} ms`);
    }
    return Date.now() - began;
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.working;
  }

  private async send(body: Buffer): Promise<void> {
    const { fingerprint } = notificationOf(body);
    await this.ledger.sent(fingerprint);
    do {
      const status = await this.deliver(body);
      if (status !== 200) {
        await delay(pauseMaxMs);
        continue;
      }
      await this.ledger.acknowledged(fingerprint);
      this.count += 1;
      return;
    } while (this.dice.roll(2) === 0 && !this.isStopping);
  }

  private async deliver(body: Buffer): Promise<number | null> {
    try {
      const { status } = await this.dice.pick(this.world.replicas).deliver(body);
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      return status;
    } catch {
      this.unanswered += 1;
      return null;
    }
  }
}
