import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from './cluster';
import { Dice, type Finding, type Options } from './proof';
import { Proxy } from './proxy';
import { Replica, type Answer } from './replica';
import { Traffic } from './workload';

const backMaxMs = 2_000;
/** How long it is tried until a delivery is acknowledged again. */
const patienceMs = 30_000;

/** Postgres stopped and started again, then a wire that is silent and speaks again: 503 meanwhile, soon 200 again. */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const awayMs = isShort ? 5_000 : 60_000;
  const traffic = new Traffic(new Dice(seed), 100);
  const cluster = await Cluster.embedded();
  const proxy = await Proxy.to(cluster.port);
  const replica = await Replica.start(cluster.urlOf('mirror', proxy.port));
  const before = await replica.deliver(traffic.next());

  await cluster.stop('fast');
  const stopped = await probe(replica, traffic, awayMs);
  const ready = await replica.get('/health/ready');
  const live = await replica.get('/health/live');
  await cluster.start();
  const backMs = await untilAcknowledged(replica, traffic);

  proxy.hold('both');
  const held = Promise.all(Array.from({ length: 50 }, () => replica.deliver(traffic.next())));
  await delay(isShort ? 3_000 : 60_000);
  proxy.release();
  const backAfterSilenceMs = await untilAcknowledged(replica, traffic);
  const afterSilence = await held;

  const { isRunning } = replica;
  const ended = await replica.process.stop();
  proxy.close();
  await cluster.remove();
  const refusals = [...stopped, ...afterSilence.filter(({ status }) => status !== 200)];
  return {
    figures: {
      awayMs,
      refusals: stopped.length,
      slowestRefusalMs: Math.max(...stopped.map(({ ms }) => ms)),
      backMs,
      backAfterSilenceMs,
    },
    marks: {
      'it took deliveries before': before.status === 200,
      'the process stays alive': isRunning && ended.code === 0 && live.status === 200 && ready.status === 503,
      'everything is answered 503 with Retry-After': refusals.every(isRefusal) && stopped.length > 0,
      'the first 2xx comes within 2 s': backMs < backMaxMs && backAfterSilenceMs < backMaxMs,
    },
  };
}

function isRefusal({ status, retryAfter }: Answer): boolean {
  return status === 503 && /^\d+$/.test(retryAfter ?? '');
}

/** Delivers one after the other for a while. */
async function probe(
  replica: Replica,
  traffic: Traffic,
  forMs: number,
): Promise<readonly (Answer & { readonly ms: number })[]> {
  const answers = [];
  for (const end = Date.now() + forMs; Date.now() < end;) {
    const began = Date.now();
    const answer = await replica.deliver(traffic.next());
    answers.push({ ...answer, ms: Date.now() - began });
    await delay(10);
  }
  return answers;
}

/** How long it takes until a delivery is acknowledged, in ms. */
async function untilAcknowledged(replica: Replica, traffic: Traffic): Promise<number> {
  const began = Date.now();
  while ((await replica.deliver(traffic.next())).status !== 200) {
    if (Date.now() - began > patienceMs) return Number.POSITIVE_INFINITY;
    await delay(5);
  }
  return Date.now() - began;
}
