import type { WholeMergeObject } from '../../src/contacts/merges/merges.dto';
import { type MetadataPolicy } from '../../src/config/policies.rule';
import fc from 'fast-check';
import { MergesRepository, type MergeFilter } from '../../src/contacts/merges/merges.repository';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import { Config, loadConfig } from '../../src/config/config';
import { AnomaliesService } from '../../src/contacts/merges/anomalies.service';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import { ContactsRepository, type ContactFilter } from '../../src/contacts/contacts.repository';
import { ContactsService } from '../../src/contacts/contacts.service';
import { comparePositions, registerChangesOf, positionOf } from '../../src/audit/commit/mirror.rule';
import { mergeId } from '../../src/contacts/merges/merge-id.rule';
import { MergesService } from '../../src/contacts/merges/merges.service';
import type { Notification } from '../../src/audit/commit/read-notification.rule';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';
import { aHistory, inProject } from '../support/sinch/histories';
import { ask, openReads, openQueue } from '../support/postgres/connections';
import { until } from '../support/until';
import { event, eventOf, read } from '../support/postgres/events';
import { runs, timeForRuns } from '../support/runs';

jest.setTimeout(timeForRuns(60_000));

const ALL: MergeFilter = {
  contactId: null,
  survivorId: null,
  loserId: null,
  source: null,
  after: null,
  before: null,
};

const EVERYBODY: ContactFilter = {
  status: 'all',
  externalId: null,
  identity: null,
  phones: null,
  emails: null,
  name: null,
  language: null,
};

/** Fingerprints are of a project, so one project in two databases. */
interface Mirror {
  readonly database: TestDatabase;
  readonly reads: ProjectReads;
  readonly queue: CommitQueue;
}

let mirrors: readonly [Mirror, Mirror];

async function open(): Promise<Mirror> {
  const database = await createDatabase();
  return { database, reads: openReads(database.url), queue: await openQueue(database.url) };
}

async function close({ database, reads, queue }: Mirror): Promise<void> {
  await queue.close();
  await reads.onApplicationShutdown();
  await database.drop();
}

beforeAll(async () => {
  mirrors = [await open(), await open()];
});
afterAll(async () => {
  await Promise.all(mirrors.map(close));
});

const configOf = (policy: MetadataPolicy): Config =>
  new Config(loadConfig({ METADATA_CONSOLIDATION: policy }), {
    webhookSecret: { value: 'x', path: '', made: false },
    adminApiKey: { value: 'x', path: '', made: false },
    outwardKey: null,
  });

/** All that is answered about the merges of a project. */
async function answers(
  { reads }: Mirror,
  project: string,
  policy: MetadataPolicy,
): Promise<{
  merges: readonly WholeMergeObject[];
  contacts: readonly object[];
  anomalies: readonly object[];
}> {
  const merges = new MergesService(new MergesRepository(reads), configOf(policy));
  const contacts = new ContactsService(
    new ContactsRepository(reads),
    new HistoriesRepository(reads),
    configOf(policy),
  );
  const anomalies = new AnomaliesService(new ContactsRepository(reads), new MergesRepository(reads));
  const { merges: list } = await merges.page(project, ALL, null, 100);
  const whole = await Promise.all(list.map(({ id }) => merges.get(project, id)));
  expect(whole).toEqual(list.map((merge): unknown => expect.objectContaining(merge)));
  return {
    merges: whole,
    contacts: (await contacts.list(project, EVERYBODY, '', 100)).contacts.map(
      (json) => JSON.parse(json) as object,
    ),
    anomalies: (await anomalies.page(project, null, null, 100)).anomalies,
  };
}

/** Each pair once, by its first event, newest first: from the events themselves. */
function pairsOf(notifications: readonly Notification[]): readonly string[] {
  const first = new Map<string, Notification>();
  const isBefore = (a: Notification, b: Notification): boolean =>
    comparePositions(positionOf(a), positionOf(b)) < 0;
  for (const each of notifications) {
    if (each.content.trigger !== 'CONTACT_MERGE') continue;
    const pair = `${each.content.loserId}>${each.content.survivor.id}`;
    const known = first.get(pair);
    if (known === undefined || isBefore(each, known)) first.set(pair, each);
  }
  return [...first]
    .sort(([, a], [, b]) => (isBefore(a, b) ? 1 : -1))
    .map(([pair, { version }]) => `${pair}@${version}`);
}

it('answers alike about merges, whatever the order in which the events came', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      aHistory(12).chain((history) =>
        fc.tuple(fc.constant(history), fc.shuffledSubarray(history, { minLength: history.length })),
      ),
      fc.constantFrom<MetadataPolicy>('survivor', 'deep', 'newest'),
      async ([history, shuffled], policy) => {
        const project = `project-${run++}`;
        for (const body of history) await mirrors[0].queue.commit(eventOf(inProject(body, project)));
        for (const body of shuffled) await mirrors[1].queue.commit(eventOf(inProject(body, project)));
        const told = await answers(mirrors[0], project, policy);
        expect(await answers(mirrors[1], project, policy)).toEqual(told);
        const notifications = history.map((body) => read(inProject(body, project)));
        expect(
          told.merges.map(({ loser_id, survivor_id, version }) => `${loser_id}>${survivor_id}@${version}`),
        ).toEqual(pairsOf(notifications));
      },
    ),
    { numRuns: runs(15) },
  );
});

it('shows the survivor before each merge as its newest snapshot before it, whatever the events', async () => {
  let run = 0;
  const [{ reads, queue }] = mirrors;
  const merges = new MergesService(new MergesRepository(reads), configOf('survivor'));
  await fc.assert(
    fc.asyncProperty(aHistory(10), async (history) => {
      const project = `before-${run++}`;
      const notifications = history.map((body) => read(inProject(body, project)));
      for (const body of history) await queue.commit(eventOf(inProject(body, project)));
      for (const row of await new MergesRepository(reads).page(project, ALL, null, 100)) {
        const place = [row.version, row.tie_break] as const;
        const earlier = notifications
          .filter(({ content }) => content.trigger !== 'CONTACT_DELETE')
          .flatMap(registerChangesOf)
          .filter(({ contactId, went }) => contactId === row.survivor_id && went === null)
          .flatMap(({ says }) => (says === null ? [] : [says]))
          .map(({ version, tieBreak, snapshot }) => ({ version, tieBreak, json: snapshot.json }))
          .filter((each) =>
            each.version === BigInt(place[0]) ? each.tieBreak < place[1] : each.version < BigInt(place[0]),
          )
          .sort((a, b) =>
            a.version === b.version ? (a.tieBreak < b.tieBreak ? 1 : -1) : a.version < b.version ? 1 : -1,
          );
        const { survivor_before } = await merges.get(project, mergeId(row.loser_id, row.survivor_id));
        expect(survivor_before && JSON.stringify(survivor_before)).toEqual(earlier[0]?.json ?? null);
      }
    }),
    { numRuns: runs(12) },
  );
});

it('takes as many queries for a page of merges as for one', async () => {
  const [{ reads, queue }] = mirrors;
  const merges = new MergesService(new MergesRepository(reads), configOf('deep'));
  for (let n = 0; n < 20; n++) {
    const told = { merge: { survivor: contact('S'), loser: contact(`L${n}`) } };
    await queue.commit(event('queries', told, n));
    await queue.commit(eventOf(withoutLoser('queries', `M${n}`, n)));
  }
  const counts: number[] = [];
  for (const size of [2, 40]) {
    const query = jest.spyOn(reads, 'of');
    expect((await merges.page('queries', ALL, null, size)).merges).toHaveLength(size);
    counts.push(query.mock.calls.length);
    query.mockRestore();
  }
  expect(counts).toEqual([3, 3]);
});

/** A merge in the documented variant, which names the loser by its id alone. */
function withoutLoser(project: string, loserId: string, at: number): Buffer {
  const accepted_time = `2024-06-15T14:00:00.${String(at).padStart(9, '0')}Z`;
  const contact_merge_notification = { preserved_contact: contact('S'), deleted_contact_id: loserId };
  return Buffer.from(JSON.stringify({ project_id: project, accepted_time, contact_merge_notification }));
}

it('leaves updates heap-only with the index on contacts updated after they were merged or deleted', async () => {
  const { database, reads, queue } = await open();
  // so few that one page has room for them, whatever the transactions of other tests keep alive
  const updates = 6;
  for (let n = 0; n <= updates; n++) {
    await queue.commit(event('hot', { update: contact('A', { metadata: `${n}` }) }, n));
  }
  // Postgres counts when a session ends, if not before
  await queue.close();
  const counted = async (): Promise<unknown> =>
    ask(
      database.ownerUrl,
      `select n_tup_upd::int as updated, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = 'contact'`,
    );
  const expected = JSON.stringify([{ updated: updates, hot: updates }]);
  await until(async () => JSON.stringify(await counted()) === expected);
  await reads.onApplicationShutdown();
  await database.drop();
});
