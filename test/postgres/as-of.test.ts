import fc from 'fast-check';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import type { CommitQueue } from '../../src/contacts/commit-queue';
import { effectsOf, join, type Registers } from '../../src/contacts/mirror';
import { snapshotIn } from '../../src/contacts/read-notification';
import type { ProjectReads } from '../../src/database/project-reads';
import { createDatabase, type TestDatabase } from '../server/database';
import { aHistory, inProject } from '../sinch/histories';
import { openQueue, openReads } from './connections';
import { eventOf, read } from './events';

jest.setTimeout(60_000);

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
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(aHistory(10), async (history) => {
      const project = `as-of-${runs++}`;
      const bodies = history.map((body) => inProject(body, project));
      for (const body of bodies) await queue.commit(eventOf(body));
      const notifications = bodies.map(read);
      for (const { version } of notifications) {
        const effects = notifications.filter((each) => each.version <= version).flatMap(effectsOf);
        for (const id of new Set(effects.map(({ contactId }) => contactId))) {
          const { says, went } = effects
            .filter(({ contactId }) => contactId === id)
            .reduce<Registers>(join, { says: null, went: null });
          const { gone, told, isAbsent } = await histories.asOf(project, id, version);
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
          expect(told && snapshotIn(told.payload, id)?.json).toBe(isAbsent ? null : says?.snapshot.json);
        }
      }
    }),
    { numRuns: 300 },
  );
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});
