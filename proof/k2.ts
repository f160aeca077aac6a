import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../test/support/postgres/connections';
import { Cluster } from './cluster';
import { Dice, type Finding, type Options } from './proof';
import { Proxy } from './proxy';
import { Replica, type Answer } from './replica';
import { Traffic } from './workload';

const backMaxMs = 2_000;
/** How long it is tried until a delivery is acknowledged again. */
const acknowledgedMaxMs = 30_000;

/** For how long the process is paused around a stop of Postgres: what it then reads comes in one piece. */
const pauseMs = 80;
/** How many ask at once while sessions are ended, each on one path after the other: they open connections of every pool. */
const askersMax = 8;
const PATHS = ['/v1/projects/p/contacts', '/v1/quarantine', '/health/ready', '/v1/api-keys'] as const;

/**
 * Postgres stopped and started again, then a wire that is silent and speaks again: 503 meanwhile, soon 200 again. Then its
 * sessions ended at random, and stops during which the service's process is paused: it lives on.
 */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const awayMs = isShort ? 5_000 : 60_000;
  const dice = new Dice(seed);
  const traffic = new Traffic(dice, 100);
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

  const storm = await endSessions(cluster, replica, traffic, dice, isShort ? 4_000 : 60_000);
  const backAfterStormMs = await untilAcknowledged(replica, traffic);
  const stopsWhilePaused = isShort ? 2 : 20;
  for (let stop = 0; stop < stopsWhilePaused; stop++) await stopWhilePaused(cluster, replica, traffic);

  const { isRunning } = replica;
  const ended = await replica.process.stop();
  proxy.close();
  await cluster.remove();
  const refusals = [...stopped, ...afterSilence, ...storm.answers].filter(({ status }) => status !== 200);
  return {
    figures: {
      awayMs,
      refusals: stopped.length,
      slowestRefusalMs: Math.max(...stopped.map(({ ms }) => ms)),
      backMs,
      backAfterSilenceMs,
      sessionsEnded: storm.sessionsEnded,
      answersMeanwhile: storm.answers.length,
      backAfterStormMs,
      stopsWhilePaused,
      exits: isRunning ? 0 : 1,
    },
    marks: {
      'it took deliveries before': before.status === 200,
      'the process stays alive': isRunning && ended.code === 0 && live.status === 200 && ready.status === 503,
      'everything is answered 503 with Retry-After': refusals.every(isRefusal) && stopped.length > 0,
      'the first 2xx comes within 2 s': [backMs, backAfterSilenceMs, backAfterStormMs].every(
        (ms) => ms < backMaxMs,
      ),
      'sessions were ended while they were used': storm.sessionsEnded > 0,
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
    if (Date.now() - began > acknowledgedMaxMs) return Number.POSITIVE_INFINITY;
    await delay(5);
  }
  return Date.now() - began;
}

/** Ends each session of the service with one chance in two, every 20 to 100 ms, while it is asked all the time. */
async function endSessions(
  cluster: Cluster,
  replica: Replica,
  traffic: Traffic,
  dice: Dice,
  forMs: number,
): Promise<{ readonly sessionsEnded: number; readonly answers: readonly Answer[] }> {
  const administrator = await connect(cluster.url);
  const answers: Answer[] = [];
  let isOver = false;
  const asking = Array.from({ length: askersMax }, async (_, asker) => {
    for (let n = asker; !isOver && replica.isRunning; n++) {
      const path = PATHS[n % PATHS.length] ?? PATHS[0];
      // without an answer where the process has ended, which the proof finds
      const asked = [replica.deliver(traffic.next()), replica.get(path)];
      for (const each of await Promise.allSettled(asked))
        if (each.status === 'fulfilled') answers.push(each.value);
    }
  });
  let sessionsEnded = 0;
  for (const end = performance.now() + forMs; performance.now() < end && replica.isRunning;) {
    await delay(20 + dice.roll(80));
    const { rowCount } = await administrator.query(END_HALF_OF_THE_SESSIONS);
    sessionsEnded += rowCount ?? 0;
  }
  isOver = true;
  await Promise.all(asking);
  await administrator.end();
  return { sessionsEnded, answers };
}

const END_HALF_OF_THE_SESSIONS = `
select pg_terminate_backend(pid)
from (select pid from pg_stat_activity where application_name like 'sinch-contact-mirror%' and random() < 0.5) chosen`;

/** Stops Postgres while the process hands out connections and is paused; then both continue. */
async function stopWhilePaused(cluster: Cluster, replica: Replica, traffic: Traffic): Promise<void> {
  const asked = Promise.allSettled(PATHS.map((path) => replica.get(path)));
  replica.process.signal('SIGSTOP');
  const stopping = cluster.stop('fast');
  await delay(pauseMs);
  replica.process.signal('SIGCONT');
  await Promise.all([stopping, asked]);
  await cluster.start();
  await untilAcknowledged(replica, traffic);
}
