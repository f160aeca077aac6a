import { callback, contact, PROJECT } from '../test/support/sinch/callbacks';
import { Cluster } from './cluster';
import { Dice, type Finding, type Options } from './proof';
import { type Answer, Replica } from './replica';
import { untilFollowed } from './until-followed';

const mergesCount = 1_000;
/** The mark, in ms. */
const tookMaxMs = 20;
/** Longest wait for the follower, whose work would be measured too, in ms. */
const followedMaxMs = 60_000;
/** Requests that warm up the service, its connections and the plans before those that are measured. */
const warmUpCount = 50;

const BEGIN = 1_718_460_000_000_000_000n;
const CONTACTS = `/v1/projects/${PROJECT}/contacts`;

/**
 * A chain of a thousand merges and a fan-in of a thousand, resolved (below 20 ms) and read through the service.
 *
 * The mark is on the p99 in the full form, for a quiet machine, and on the median in the short one, which shares its machine.
 */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const cluster = await Cluster.embedded();
  const replica = await Replica.start(cluster.url);
  const told = Array.from({ length: mergesCount }, (_, n) => [
    merge(`chain-${n + 1}`, `chain-${n}`, n),
    merge('survivor', `loser-${n}`, n),
  ]).flat();
  await deliverAll(replica, dice.shuffle(told));
  await untilFollowed(replica, PROJECT, followedMaxMs);

  const count = isShort ? 200 : 1_000;
  const any = (name: string): string => `${name}-${dice.roll(mergesCount)}`;
  const timings = {
    resolveChain: await time(replica, count, () => resolve(replica, 'chain-0', `chain-${mergesCount}`)),
    resolveFanIn: await time(replica, count, () => resolve(replica, any('loser'), 'survivor')),
    getChain: await time(replica, count, () => follow(replica, 'chain-0', `chain-${mergesCount}`)),
    getFanIn: await time(replica, count, () => follow(replica, any('loser'), 'survivor')),
  };
  await replica.stop();
  await cluster.remove();
  const quantile = isShort ? 'p50' : 'p99';
  const figures = Object.entries(timings).flatMap(([name, { p50, p99 }]) => [
    [`${name}P50Ms`, p50],
    [`${name}P99Ms`, p99],
  ]);
  return {
    figures: { requests: 4 * count, merges: told.length, ...Object.fromEntries(figures) },
    marks: {
      'every answer is the survivor': Object.values(timings).every(({ wrong }) => wrong === 0),
      [`a chain resolves with ${quantile} below ${tookMaxMs} ms`]: timings.resolveChain[quantile] < tookMaxMs,
      [`a fan-in resolves with ${quantile} below ${tookMaxMs} ms`]:
        timings.resolveFanIn[quantile] < tookMaxMs,
    },
  };
}

function merge(survivor: string, loser: string, n: number): Buffer {
  return callback({ merge: { survivor: contact(survivor), loser: contact(loser) } }, BEGIN + BigInt(n));
}

async function deliverAll(replica: Replica, bodies: Buffer[]): Promise<void> {
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
        const { status } = await replica.deliver(body);
        if (status !== 200) throw new Error(`A delivery was answered ${status}`);
      }
    }),
  );
}

async function resolve(replica: Replica, id: string, survivor: string): Promise<boolean> {
  const answer = await replica.post(`${CONTACTS}:resolve`, { ids: [id] });
  return isOf(answer, `"survivor_id":"${survivor}"`);
}

async function follow(replica: Replica, id: string, survivor: string): Promise<boolean> {
  const answer = await replica.get(`${CONTACTS}/${id}?on_merged=follow`);
  return isOf(answer, `"id":"${survivor}"`);
}

function isOf({ status, body }: Answer, text: string): boolean {
  return status === 200 && body.includes(text);
}

/** One request after the other. */
async function time(
  replica: Replica,
  count: number,
  ask: () => Promise<boolean>,
): Promise<{ p50: number; p99: number; wrong: number }> {
  for (let n = 0; n < warmUpCount && replica.isRunning; n++) await ask();
  const tookMs: number[] = [];
  let wrong = 0;
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    if (!(await ask())) wrong += 1;
    tookMs.push(performance.now() - began);
  }
  tookMs.sort((a, b) => a - b);
  const at = (part: number): number => Math.round((tookMs[Math.floor(count * part)] ?? 0) * 10) / 10;
  return { p50: at(0.5), p99: at(0.99), wrong };
}
