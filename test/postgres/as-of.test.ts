import fc from 'fast-check';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import { registerChangesOf, join, type Registers } from '../../src/audit/commit/mirror.rule';
import { snapshotIn } from '../../src/audit/commit/read-notification.rule';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { aHistory, inProject } from '../support/sinch/histories';
import { openQueue, openReads } from '../support/postgres/connections';
import { eventOf, read } from '../support/postgres/events';
import { runs, timeForRuns } from '../support/runs';

jest.setTimeout(timeForRuns(60_000));

let database: TestDatabase;
let reads: ProjectReads;
let queue: CommitQueue;
beforeAll(async () => {
  database = await createDatabase();
  reads = openReads(database.url);
  queue = await openQueue(database.url);
});
afterAll(async () => {
  await queue.close();
  await reads.onApplicationShutdown();
  await database.drop();
});

it('tells a contact as the law has it of the events until then, absences at equal times included', async () => {
  const histories = new HistoriesRepository(reads);
  const seen = { absent: 0, active: 0, gone: 0 };
  let run = 0;
  await fc.assert(
    fc.asyncProperty(aHistory(10), async (history) => {
      const project = `as-of-${run++}`;
      const bodies = history.map((body) => inProject(body, project));
      await Promise.all(bodies.map((body) => queue.commit(eventOf(body))));
      const notifications = bodies.map(read);
      for (const { version } of notifications) {
        const effects = notifications.filter((each) => each.version <= version).flatMap(registerChangesOf);
        for (const id of new Set(effects.map(({ contactId }) => contactId))) {
          const { says, went } = effects
            .filter(({ contactId }) => contactId === id)
            .reduce<Registers>(join, { says: null, went: null });
          const { gone, newest, isAbsent } = await histories.asOf(project, id, version);
          seen[went === null ? 'active' : went.gone === 'absent' ? 'absent' : 'gone'] += 1;
          expect(gone?.type).toBe(
            went?.gone === 'merged'
              ? 'CONTACT_MERGE'
              : went?.gone === 'deleted'
                ? 'CONTACT_DELETE'
                : undefined,
          );
          if (gone !== null) continue;
          expect(isAbsent).toBe(went?.gone === 'absent');
          expect(newest && snapshotIn(newest.payload, id)?.json).toBe(isAbsent ? null : says?.snapshot.json);
        }
      }
    }),
    { numRuns: runs(100) },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});
