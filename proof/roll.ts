import { setTimeout as delay } from 'node:timers/promises';
import { Cluster } from './cluster';
import { notificationOf, payloads } from './compare-map';
import { Dice, type Finding, type Options } from './proof';
import { Replica } from './replica';
import { Traffic } from './workload';

const sendersCount = 16;
/** Between two replacements, in ms. */
const restMs = 500;
const backOffMs = 20;
const triesMax = 200;

/** What became of the deliveries. */
interface Tally {
  readonly acknowledged: string[];
  /** Answers of 503, and connections that were refused or cut: Sinch sends again. */
  repeated: number;
  other: number;
  givenUp: number;
}

/** Two replicas replaced one after the other while Sinch sends: each delivery is acknowledged in the end, and none is lost. */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const traffic = new Traffic(new Dice(seed), 500);
  const cluster = await Cluster.embedded();
  const replicas = await Promise.all([Replica.start(cluster.url), Replica.start(cluster.url)]);
  /** Where a load balancer sends to: those that are ready and were not asked to stop. */
  let serving: readonly Replica[] = replicas;
  const tally: Tally = { acknowledged: [], repeated: 0, other: 0, givenUp: 0 };
  const state = { isOver: false };

  const deliver = async (body: Buffer): Promise<void> => {
    for (let tries = 0; tries < triesMax; tries++) {
      const replica = serving[(tries + tally.acknowledged.length) % serving.length];
      const status = await replica?.deliver(body).then(
        (answer) => answer.status,
        () => null,
      );
      if (status === 200) {
        tally.acknowledged.push(notificationOf(body).fingerprint);
        return;
      }
      if (status === 503 || status === null || status === undefined) tally.repeated += 1;
      else tally.other += 1;
      await delay(backOffMs);
    }
    tally.givenUp += 1;
  };
  const senders = Array.from({ length: sendersCount }, async () => {
    while (!state.isOver) await deliver(traffic.next());
  });

  const replacements = isShort ? 2 : 40;
  const codes: (number | null)[] = [];
  const tookMs: number[] = [];
  for (let n = 0; n < replacements; n++) {
    await delay(restMs);
    const old = serving[0];
    if (old === undefined) break;
    const began = Date.now();
    // as an orchestrator does it: once the new one is ready, requests go there alone, and the old one gets SIGTERM
    const fresh = await Replica.start(cluster.url);
    serving = [...serving.slice(1), fresh];
    codes.push((await old.process.stop()).code);
    tookMs.push(Date.now() - began);
  }
  await delay(restMs);
  state.isOver = true;
  await Promise.all(senders);
  for (const replica of serving) await replica.stop();

  const committed = new Set<string>();
  for await (const payload of payloads(cluster.url)) committed.add(notificationOf(payload).fingerprint);
  await cluster.remove();
  const lost = tally.acknowledged.filter((fingerprint) => !committed.has(fingerprint)).length;
  return {
    figures: {
      replacements: codes.length,
      acknowledged: tally.acknowledged.length,
      repeated: tally.repeated,
      acknowledgedEventsLost: lost,
      slowestReplacementMs: Math.max(...tookMs),
    },
    marks: {
      'every delivery is acknowledged in the end': tally.givenUp === 0 && tally.acknowledged.length > 0,
      'no acknowledged event is lost': lost === 0,
      'answers are 200 or 503': tally.other === 0,
      'every replica ends cleanly': codes.length === replacements && codes.every((code) => code === 0),
    },
  };
}
