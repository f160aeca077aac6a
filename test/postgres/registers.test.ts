import fc from 'fast-check';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import { positionOf } from '../../src/audit/commit/mirror.rule';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';
import { aHistory, inProject } from '../support/sinch/histories';
import { ask, openQueue } from '../support/postgres/connections';
import { event, eventOf, read } from '../support/postgres/events';
import { MAP, rowsOf } from '../support/postgres/model-rows';
import { runs, timeForRuns } from '../support/runs';

jest.setTimeout(timeForRuns(60_000));

let database: TestDatabase;
let queues: readonly [CommitQueue, CommitQueue];

beforeAll(async () => {
  database = await createDatabase();
  queues = [await openQueue(database.url), await openQueue(database.url)];
});
afterAll(async () => {
  await Promise.all(queues.map((queue) => queue.close()));
  await database.drop();
});

const JOURNAL = `select encode(fingerprint, 'hex') as fingerprint, encode(tie_break, 'hex') as tie_break, version
                 from audit_event where project_id = $1 order by fingerprint, tie_break`;

/** Commits in chunks: each chunk at once, through either replica, so that they overlap and batch as they like. */
async function commitAtRandom(bodies: readonly Buffer[], roll: (sides: number) => number): Promise<void> {
  const left = [...bodies];
  while (left.length > 0) {
    const chunk = left.splice(0, 1 + roll(left.length));
    const outcomes = await Promise.all(
      chunk.map((body) => (queues[roll(2)] ?? queues[0]).commit(eventOf(body))),
    );
    for (const outcome of outcomes) expect(outcome).toEqual({ kind: 'committed' });
  }
}

/** A copy of an event as another app's webhook gets it: one event all the same. */
function forAnotherApp(body: Buffer): Buffer {
  return Buffer.from(body.toString().replace('"app_id":""', '"app_id":"another"'));
}

it('is the law of the mirror in SQL: any order, batches, repeats and replicas end in the rows of the model', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(aHistory(12), fc.infiniteStream(fc.nat()), async (history, dice) => {
      const roll = (sides: number): number => Number(dice.next().value) % sides;
      const project = `registers-${run++}`;
      const bodies = history.map((body) => inProject(body, project));
      const sent = [...bodies, ...bodies.filter(() => roll(3) === 0).map(forAnotherApp)];
      const shuffled = sent
        .map((body) => [roll(1_000), body] as const)
        .sort(([a], [b]) => a - b)
        .map(([, body]) => body);
      await commitAtRandom(shuffled, roll);
      const notifications = bodies.map(read);
      expect(await ask(database.url, MAP, [project])).toEqual(rowsOf(notifications));
      const once = new Map(
        notifications.map((each) => {
          const { tieBreak } = positionOf(each);
          const row = {
            fingerprint: each.fingerprint,
            tie_break: tieBreak,
            version: each.version.toString(),
          };
          return [`${each.fingerprint}${tieBreak}`, row];
        }),
      );
      expect(await ask(database.url, JOURNAL, [project])).toEqual(
        [...once].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row),
      );
    }),
    { numRuns: runs(30) },
  );
});

it('shows the later of two that are a nanosecond apart, whatever they say', async () => {
  const names = Array.from({ length: 24 }, (_, n) => `Name ${n}`);
  for (const [n, name] of names.entries()) {
    const [early, late] = [`Not ${name}`, name].map((display_name, at) =>
      event('nanoseconds', { update: contact(`contact-${n}`, { display_name }) }, at),
    );
    for (const each of n % 2 === 0 ? [early, late] : [late, early]) {
      if (each !== undefined) await queues[0].commit(each);
    }
  }
  const shown = await ask<{ display_name: string }>(
    database.url,
    `select snapshot ->> 'display_name' as display_name from contact where project_id = 'nanoseconds' order by substr(id, 9)::int`,
  );
  expect(shown.map((row) => row.display_name)).toEqual(names);
});
