import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import type { Client } from 'pg';
import {
  AuditRepository,
  BEGINNING,
  NO_FILTER,
  type AuditEventRow,
  type Cursor,
  type FeedPlace,
} from '../../src/audit/audit.repository';
import { claimEra } from '../../src/audit/commit/eras.repository';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, connect, openReads, openSession } from '../support/postgres/connections';
import { until } from '../support/until';
import { runs, timeForRuns } from '../support/runs';

jest.setTimeout(timeForRuns(60_000));

const PROJECT = 'p';

let database: TestDatabase;
let reads: ProjectReads;
let audit: AuditRepository;

beforeEach(async () => {
  database = await createDatabase();
  reads = openReads(database.url);
  audit = new AuditRepository(reads);
  const session = await openSession(database.url);
  await claimEra(session);
  await session.close();
});
afterEach(async () => {
  await reads.onApplicationShutdown();
  await database.drop();
});

/** Adds an event to the journal, in whatever transaction the client is, and in the newest era. */
async function append(
  client: Client,
  contactId: string,
  project = PROJECT,
  type = 'CONTACT_CREATE',
): Promise<void> {
  await client.query(
    `insert into audit_event (era, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break, received_at,
                              source, fingerprint, payload)
     values ((select max(era) from journal_era), $1, $3, $2, '{}', now(), 1, '\\x03', now(), 'webhook',
             sha256(convert_to($2, 'UTF8')), '')`,
    [project, contactId, type],
  );
}

const cursorOf = (row: AuditEventRow): Cursor => [String(row.era), row.tx, row.id];
const told = async (after: Cursor | FeedPlace = BEGINNING, size = 1_000): Promise<readonly string[]> =>
  (await audit.feed(PROJECT, NO_FILTER, after, size)).map((row) => row.contact_id);

it('tells nothing at or past a transaction that is open, then everything, each once', async () => {
  const [early, late] = [await connect(database.ownerUrl), await connect(database.ownerUrl)];
  await append(late, 'before');
  await until(async () => (await told()).length === 1);
  const [before] = await audit.feed(PROJECT, NO_FILTER, BEGINNING, 10);
  const cursor = before === undefined ? BEGINNING : cursorOf(before);
  await early.query('begin');
  await append(early, 'early');
  await append(late, 'late');
  await append(late, 'later');
  for (let n = 0; n < 3; n++) expect(await told(cursor)).toEqual([]);
  await early.query('commit');
  await until(async () => (await told(cursor)).length === 3);
  expect(await told(cursor)).toEqual(['early', 'late', 'later']);
  await Promise.all([early.end(), late.end()]);
});

it('tells the events of the types asked for, however many of other types and projects lie between, and waits for open transactions', async () => {
  const [writer, open] = [await connect(database.ownerUrl), await connect(database.ownerUrl)];
  const types = ['CONTACT_CREATE', 'CONTACT_UPDATE'];
  const ofTypes = async (after: Cursor, size: number): Promise<readonly AuditEventRow[]> =>
    audit.feed(PROJECT, { ...NO_FILTER, types }, after, size);
  const asked: string[] = [];
  for (const [run, between] of [0, 1, 4, 5, 40, 9, 10, 11].entries()) {
    for (let n = 0; n < between; n++) {
      await append(writer, `other-${run}-${n}`, PROJECT, 'CONTACT_DELETE');
      await append(writer, `theirs-${run}-${n}`, 'q');
    }
    asked.push(`asked-${run}`);
    await append(writer, `asked-${run}`, PROJECT, types[run % 2]);
  }
  await append(writer, 'last', PROJECT, 'CONTACT_DELETE');
  await until(async () => (await told()).at(-1) === 'last');
  for (const size of [1, 2, 3, 100]) {
    const found: string[] = [];
    for (let after = BEGINNING; ;) {
      const page = await ofTypes(after, size);
      found.push(...page.map((row) => row.contact_id));
      const last = page.at(-1);
      if (last === undefined || page.length < size) break;
      after = cursorOf(last);
    }
    expect(found).toEqual(asked);
  }
  await open.query('begin');
  await append(open, 'early');
  await append(writer, 'late');
  expect((await ofTypes(BEGINNING, 100)).map((row) => row.contact_id)).toEqual(asked);
  await open.query('commit');
  await until(async () => (await ofTypes(BEGINNING, 100)).length === asked.length + 2);
  await Promise.all([writer.end(), open.end()]);
});

it('goes past a transaction that was rolled back, and past one that wrote elsewhere, once they end', async () => {
  const [failing, elsewhere, writer] = await Promise.all([1, 2, 3].map(() => connect(database.ownerUrl)));
  if (!failing || !elsewhere || !writer) throw new Error('no connections');
  await failing.query('begin');
  await append(failing, 'never');
  await elsewhere.query('begin');
  await elsewhere.query('create table elsewhere ()');
  await append(writer, 'later');
  await failing.query('rollback');
  expect(await told()).toEqual([]);
  await elsewhere.query('commit');
  await until(async () => (await told()).length === 1);
  expect(await told()).toEqual(['later']);
  await Promise.all([failing, elsewhere, writer].map((client) => client.end()));
});

it('goes by transactions, not by ids: a lower id of a later transaction comes later', async () => {
  const [one, other] = [await connect(database.ownerUrl), await connect(database.ownerUrl)];
  await one.query('begin; select pg_current_xact_id()');
  await other.query('begin');
  await append(other, 'second');
  await append(one, 'first');
  await other.query('commit');
  await one.query('commit');
  await until(async () => (await told()).length === 2);
  expect(await told()).toEqual(['first', 'second']);
  const [row] = await audit.feed(PROJECT, NO_FILTER, BEGINNING, 1);
  expect(await told(row && cursorOf(row))).toEqual(['second']);
  await Promise.all([one.end(), other.end()]);
});

it('tells everything of older eras, whatever their transaction ids', async () => {
  const writer = await connect(database.ownerUrl);
  await append(writer, 'old');
  await writer.query(
    `insert into audit_event (era, tx, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break, received_at, source, fingerprint, payload)
     values (1, '9000000000', 'p', 'CONTACT_CREATE', 'restored', '{}', now(), 1, '\\x03', now(), 'webhook', '\\x01', '')`,
  );
  await until(async () => (await told()).length === 1); // of the era that is current yet
  const session = await openSession(database.url);
  expect(await claimEra(session)).toBe(2);
  await session.close();
  const open = await connect(database.ownerUrl);
  await open.query('begin; select pg_current_xact_id()');
  await append(writer, 'new');
  expect(await told()).toEqual(['old', 'restored']);
  const last = (await audit.feed(PROJECT, NO_FILTER, BEGINNING, 10)).at(-1);
  await open.query('commit');
  await until(async () => (await told()).length === 3);
  expect(await told(last && cursorOf(last))).toEqual(['new']);
  await Promise.all([writer.end(), open.end()]);
});

it('shows events of its own project alone', async () => {
  const writer = await connect(database.ownerUrl);
  await append(writer, 'theirs', 'q');
  await append(writer, 'ours');
  await until(async () => (await told()).length > 0);
  expect(await told()).toEqual(['ours']);
  await writer.end();
});

it('ends at the horizon: events of transactions that were open then come after it', async () => {
  const [open, writer] = [await connect(database.ownerUrl), await connect(database.ownerUrl)];
  await append(writer, 'before');
  await until(async () => (await told()).length === 1);
  await open.query('begin');
  await append(open, 'open');
  await append(writer, 'committed');
  const horizon = await audit.latest(PROJECT);
  await append(writer, 'later');
  await open.query('commit');
  await until(async () => (await told()).length === 4);
  expect(await told(horizon)).toEqual(['open', 'committed', 'later']);
  await Promise.all([open.end(), writer.end()]);
});

/** Transactions of one writer: how many events each, whether it is kept, and for how long it stays open. */
const aWriter = fc.array(
  fc.record({
    events: fc.integer({ min: 1, max: 4 }),
    isKept: fc.integer({ min: 0, max: 4 }).map((die) => die > 0),
    openMs: fc.constantFrom(0, 0, 1, 3, 12),
  }),
  { minLength: 3, maxLength: 8 },
);

it('tells each event once and none too few to one who follows while writers commit out of order', async () => {
  const writers = await Promise.all(Array.from({ length: 5 }, () => connect(database.ownerUrl)));
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(aWriter, { minLength: 5, maxLength: 5 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 7 })),
      async (plans, sizes) => {
        const prefix = `run-${run++}`;
        const kept = new Set<string>();
        let writing = writers.length;
        // before the first of them begins: what is committed by then is told before the horizon, not after it
        let cursor: Cursor | FeedPlace = await audit.latest(PROJECT);
        const written = Promise.all(
          writers.map(async (writer, w) => {
            for (const [t, { events, isKept, openMs }] of (plans[w] ?? []).entries()) {
              await writer.query('begin');
              for (let n = 0; n < events; n++) {
                await append(writer, `${prefix}/${w}/${t}/${n}`);
                if (isKept) kept.add(`${prefix}/${w}/${t}/${n}`);
              }
              await delay(openMs);
              await writer.query(isKept ? 'commit' : 'rollback');
            }
            writing -= 1;
          }),
        );
        const seen: string[] = [];
        await until(async () => {
          const isDone = writing === 0;
          const rows = await audit.feed(PROJECT, NO_FILTER, cursor, Number(sizes.next().value));
          seen.push(...rows.map((row) => row.contact_id));
          const last = rows.at(-1);
          if (last !== undefined) cursor = cursorOf(last);
          return isDone && last === undefined && seen.length >= kept.size;
        }, 20_000); // the tests beside this one write to the same cluster, in long transactions too
        await written;
        expect(seen).toHaveLength(new Set(seen).size);
        expect(new Set(seen)).toEqual(kept);
      },
    ),
    { numRuns: runs(8), endOnFailure: true },
  );
  await Promise.all(writers.map((writer) => writer.end()));
  expect(await ask(database.ownerUrl, 'select from journal_era')).toHaveLength(1);
});
