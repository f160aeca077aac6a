import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../test/support/postgres/connections';
import { runDocumented } from '../test/support/process/documented-commands';
import { PROJECT } from '../test/support/sinch/callbacks';
import { until } from '../test/support/until';
import { Cluster } from './cluster';
import { Follower } from './follower';
import { Dice, type Finding, type Options } from './proof';
import { Replica } from './replica';
import { Traffic } from './workload';

const eventsCount = 300;
/** How far the old cluster's transactions are ahead of the new one's. */
const burntTransactions = 3_000;
/** How long the follower has to see everything, in ms. */
const waitMaxMs = 60_000;

const JOURNAL = 'select id, era from audit_event where project_id = $1 order by era, tx, id';

/** A dump is restored into a new cluster while a consumer follows: the service begins an era, and the old token still works. */
export async function run({ seed }: Options): Promise<Finding> {
  const old = await Cluster.debian();
  const fresh = await Cluster.debian();
  if (old === null || fresh === null)
    return { skipped: 'Debian’s Postgres 15, with its pg_dump, is not installed' };
  const traffic = new Traffic(new Dice(seed), 100);
  const follower = new Follower(PROJECT);

  await ask(
    old.url,
    `do $$ begin for n in 1..${burntTransactions} loop perform pg_current_xact_id(); commit; end loop; end $$`,
  );
  const before = await Replica.start(old.url);
  await send(before, traffic);
  follower.start([before.process.base]);
  await untilHasRead(follower, () => follower.seen().length >= eventsCount);
  await follower.kill();
  const seenBefore = follower.seen().length;
  await send(before, traffic); // what it has not seen when the cluster goes
  const answersBefore = await answersOf(before);
  await before.stop();

  const folder = mkdtempSync(join(tmpdir(), 'mirror-backup-'));
  runDocumented('back up', 'pg_dump', folder, { DATABASE_OWNER_URL: old.url });
  runDocumented('restore', 'pg_dump', folder, { DATABASE_OWNER_URL: fresh.url });
  rmSync(folder, { recursive: true });
  const after = await Replica.start(fresh.url);
  const answersAfter = await answersOf(after);
  await send(after, traffic);
  const journal = await ask<{ id: string; era: number }>(fresh.url, JOURNAL, [PROJECT]);
  follower.start([after.process.base]);
  await untilHasRead(follower, () => follower.seen().length >= journal.length);
  const pagesRead = follower.pagesCount();
  await untilHasRead(follower, () => follower.pagesCount() >= pagesRead + 3);
  await follower.kill();
  const seen = follower.seen();
  follower.remove();
  await after.stop();
  await Promise.all([old.remove(), fresh.remove()]);
  const eras = new Set(journal.map(({ era }) => era));
  return {
    figures: { events: journal.length, seenBefore, seen: seen.length, eras: [...eras].join() },
    marks: {
      'the restored dump serves the same answers':
        answersBefore.length > 100 && answersAfter.join('\n') === answersBefore.join('\n'),
      'the journal is whole': journal.length === 3 * eventsCount,
      'a new era begins': eras.size === 2,
      'nothing is skipped, nothing read twice': seen.join() === journal.map(({ id }) => id).join(),
    },
  };
}

/** What REST answers for every contact, their merges and the journal. */
async function answersOf(replica: Replica): Promise<readonly string[]> {
  const base = `/v1/projects/${PROJECT}`;
  const list = await replica.get(`${base}/contacts?status=all&page_size=200`);
  const { contacts } = JSON.parse(list.body) as { contacts: { id: string }[] };
  const paths = [
    ...contacts.flatMap(({ id }) => [`/contacts/${id}?on_merged=follow`, `/contacts/${id}/history`]),
    '/merges?page_size=200',
    '/audit-events?page_size=200',
    '/audit-events:export',
    '/anomalies',
  ];
  const answers: string[] = [];
  for (const path of ['/contacts?status=all&page_size=200', ...paths]) {
    const { status, body } = await replica.get(`${base}${path}`);
    // a problem has a trace of its own, an export the place of the feed; and duplicates are looked for meanwhile
    const told = body.replaceAll(/"(trace_id|feed_token)":"[^"]*"|"open_duplicates":\[[^\]]*\]/g, '');
    answers.push(`${path} ${status} ${told}`);
  }
  return answers;
}

async function send(replica: Replica, traffic: Traffic): Promise<void> {
  for (let n = 0; n < eventsCount; n += 10) {
    const answers = await Promise.all(Array.from({ length: 10 }, () => replica.deliver(traffic.next())));
    if (answers.some(({ status }) => status !== 200)) throw new Error('A delivery was refused');
  }
}

/** Waits until the follower has come so far. @throws when it has not by then, and ends it */
async function untilHasRead(follower: Follower, isSo: () => boolean): Promise<void> {
  const describe = (): string => `the follower has seen ${follower.seen().length} events`;
  try {
    await until(isSo, waitMaxMs, { everyMs: 50, describe });
  } catch (error) {
    await follower.kill();
    throw error;
  }
}
