import { setTimeout as delay } from 'node:timers/promises';
import { claimEra } from '../src/audit/commit/eras.repository';
import { batchOf, commitBatch } from '../src/audit/commit/commit.repository';
import type { Session } from '../src/database/session';
import { ask, openSession } from '../test/support/postgres/connections';
import { eventOf } from '../test/support/postgres/events';
import { PROJECT } from '../test/support/sinch/callbacks';
import { Cluster } from './cluster';
import { Follower } from './follower';
import { Dice, type Finding, type Options } from './proof';
import { Replica } from './replica';
import { Traffic } from './workload';

const sendersCount = 8;
/** For how long a follower may bring nothing new, though something is left, when the writers have stopped. */
const stalledMaxMs = 20_000;
const lookEveryMs = 500;

const JOURNAL = 'select id from audit_event where project_id = $1 order by era, tx, id';

/** Followers killed at random while replicas, and one slow transaction after another, commit out of order. */
export async function run({ isShort, seed, kills }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const cluster = await Cluster.embedded();
  const replicas = [await Replica.start(cluster.url), await Replica.start(cluster.url)] as const;
  const bases = replicas.map(({ process }) => process.base);
  const followers = [new Follower(PROJECT), new Follower(PROJECT), new Follower(PROJECT)];
  const traffic = new Traffic(dice, 400);
  const writing = { isDone: false };
  const writers = [
    ...Array.from({ length: sendersCount }, () => keepSending(replicas, traffic, dice, writing)),
    keepHolding(cluster.url, dice, writing),
  ];

  const killsMax = kills ?? (isShort ? 30 : 500);
  for (const follower of followers) follower.start(bases);
  for (let n = 0; n < killsMax; n++) {
    await delay(100 + dice.roll(500));
    const follower = followers[n % followers.length];
    await follower?.kill();
    follower?.start(bases);
  }
  writing.isDone = true;
  await Promise.all(writers);
  const journal = (await ask<{ id: string }>(cluster.url, JOURNAL, [PROJECT])).map(({ id }) => id);
  const seen = await Promise.all(followers.map((follower) => caughtUp(follower, journal.length)));
  for (const follower of followers) follower.remove();
  await Promise.all(replicas.map((replica) => replica.stop()));
  await cluster.remove();
  return {
    figures: {
      kills: killsMax,
      events: journal.length,
      outOfIdOrder: journal.filter((id, at) => BigInt(id) < BigInt(journal[at - 1] ?? 0)).length,
      followers: followers.length,
      skipped: seen.map((ids) => skipped(journal, ids)).join(),
      behind: seen.map((ids) => journal.length - ids.length).join(),
      repeated: seen.map((ids) => ids.length - new Set(ids).size).join(),
    },
    marks: {
      'no event is skipped': seen.every((ids) => skipped(journal, ids) === 0),
      'everyone comes to the end': seen.every((ids) => ids.at(-1) === journal.at(-1)),
      'each event comes once': seen.every((ids) => ids.length === new Set(ids).size),
      'events come in journal order': seen.every((ids) => ids.join() === journal.join()),
    },
  };
}

/** How many events before the last that a follower has seen it has not seen. */
function skipped(journal: readonly string[], seen: readonly string[]): number {
  const known = new Set(seen);
  const last = journal.indexOf(seen.at(-1) ?? '');
  return journal.slice(0, last + 1).filter((id) => !known.has(id)).length;
}

async function keepSending(
  replicas: readonly [Replica, Replica],
  traffic: Traffic,
  dice: Dice,
  writing: { readonly isDone: boolean },
): Promise<void> {
  while (!writing.isDone) {
    await dice.pick(replicas).deliver(traffic.next());
    await delay(dice.roll(10));
  }
}

/** A replica that takes its time before its statement and before the commit: its place is taken, and not yet to be seen. */
async function keepHolding(url: string, dice: Dice, writing: { readonly isDone: boolean }): Promise<void> {
  const session: Session = await openSession(url);
  const era = await claimEra(session);
  const traffic = new Traffic(dice, 1_000_000);
  while (!writing.isDone) {
    await session.run({ name: 'hold', text: 'begin' });
    await session.run({ name: 'take-place', text: 'select pg_current_xact_id()' });
    await delay(dice.roll(20));
    await commitBatch(session, await batchOf(era, [eventOf(traffic.next()), eventOf(traffic.next())]));
    await delay(dice.roll(200));
    await session.run({ name: 'let-go', text: 'commit' });
  }
  await session.close();
}

/** What a follower has seen when it has seen enough, or nothing new for too long. */
async function caughtUp(follower: Follower, count: number): Promise<readonly string[]> {
  let seen = follower.seen().length;
  for (let end = Date.now() + stalledMaxMs; seen < count && Date.now() < end;) {
    await delay(lookEveryMs);
    const now = follower.seen().length;
    if (now > seen) end = Date.now() + stalledMaxMs;
    seen = now;
  }
  await delay(200);
  await follower.kill();
  return follower.seen();
}
