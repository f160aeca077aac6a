import { claimEra, type EndedEra } from '../../src/audit/commit/eras.repository';
import { batchOf, commitBatch } from '../../src/audit/commit/commit.repository';
import type { Session } from '../../src/database/session';
import { contact } from '../support/sinch/callbacks';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, openSession } from '../support/postgres/connections';
import { event } from '../support/postgres/events';

let database: TestDatabase;
let session: Session;

beforeEach(async () => {
  database = await createDatabase();
  session = await openSession(database.url);
});
afterEach(async () => {
  await session.close();
  await database.drop();
});

const eras = async (): Promise<readonly number[]> =>
  (await ask<{ era: number }>(database.ownerUrl, 'select era from journal_era order by era')).map(
    ({ era }) => era,
  );

const commit = async (id: string, era: number): Promise<boolean> =>
  commitBatch(session, await batchOf(era, [event('p', { create: contact(id) })]));

/** A row as a dump of a cluster that had come further would bring it. */
const restoreRow = (era: number, ahead: number): Promise<object[]> =>
  ask(
    database.ownerUrl,
    `insert into audit_event (era, tx, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break,
                              received_at, source, fingerprint, payload)
     values ($1, ((pg_snapshot_xmax(pg_current_snapshot())::text::bigint + $2)::text)::xid8, 'p', 'CONTACT_CREATE', 'restored', '{}',
             now(), 1, '\\x03', now(), 'webhook', '\\x00', '')`,
    [era, ahead],
  );

it('begins the first era of a new database', async () => {
  expect(await eras()).toEqual([]);
  expect(await claimEra(session)).toBe(1);
  expect(await eras()).toEqual([1]);
});

it('stays in the same era, however often it connects and whatever was committed', async () => {
  expect(await claimEra(session)).toBe(1);
  await commit('A', 1);
  for (let n = 0; n < 3; n++) {
    const another = await openSession(database.url);
    expect(await claimEra(another)).toBe(1);
    await another.close();
    await commit(`B${n}`, 1);
  }
  expect(await eras()).toEqual([1]);
});

it.each(['system_identifier', 'timeline'])('begins a new era when the %s is another', async (column) => {
  await claimEra(session);
  await commit('A', 1);
  await ask(database.ownerUrl, `update journal_era set ${column} = ${column} + 1`);
  expect(await claimEra(session)).toBe(2);
  expect(await claimEra(session)).toBe(2);
  expect(await eras()).toEqual([1, 2]);
});

// Other tests use transactions of the same cluster meanwhile, so the least lead has to outlast a pause of a busy machine.
it.each([20_000, 1_000_000])(
  'begins a new era when the journal is ahead of the cluster by %i transactions',
  async (ahead) => {
    await claimEra(session);
    await restoreRow(1, ahead);
    expect(await claimEra(session)).toBe(2);
    expect(await claimEra(session)).toBe(2);
  },
);

it('passes over what an older era has ahead of the cluster', async () => {
  await claimEra(session);
  await restoreRow(1, 1_000_000);
  await claimEra(session);
  await commit('A', 2);
  expect(await claimEra(session)).toBe(2);
});

it('begins one era when many sessions find at once that one has ended', async () => {
  const sessions = await Promise.all(Array.from({ length: 8 }, () => openSession(database.url)));
  expect(await Promise.all(sessions.map((each) => claimEra(each)))).toEqual(
    Array.from({ length: 8 }, () => 1),
  );
  await ask(database.ownerUrl, 'update journal_era set timeline = timeline + 1');
  expect(await Promise.all(sessions.map((each) => claimEra(each)))).toEqual(
    Array.from({ length: 8 }, () => 2),
  );
  expect(await eras()).toEqual([1, 2]);
  await Promise.all(sessions.map((each) => each.close()));
});

it('begins a new era when a follower has handled an event that the journal does not have', async () => {
  await claimEra(session);
  await commit('A', 1);
  const stand = (era: number, tx: string, id: number | string): Promise<object[]> =>
    ask(
      database.ownerUrl,
      `insert into follower (name, era, tx, id) values ('one', $1, $2, $3)
       on conflict (name) do update set era = excluded.era, tx = excluded.tx, id = excluded.id`,
      [era, tx, id],
    );
  const [last] = await ask<{ tx: string; id: string }>(database.ownerUrl, 'select tx, id from audit_event');
  if (last === undefined) throw new Error('There is no event.');
  // where followers stand otherwise: at an event, or before all that is to come
  for (const [tx, id] of [
    [last.tx, last.id],
    [last.tx, 0],
    [String(BigInt(last.tx) + 1n), 0],
  ] as const) {
    await stand(1, tx, id);
    expect(await claimEra(session)).toBe(1);
  }
  await stand(1, last.tx, Number(last.id) + 1);
  expect(await claimEra(session)).toBe(2);
  // once
  expect(await claimEra(session)).toBe(2);
  await stand(2, String(BigInt(last.tx) + 1_000_000n), 0);
  expect(await claimEra(session)).toBe(3);
});

it('tells where the journal ended when an era begins, and of the first era nothing', async () => {
  const ended: EndedEra[] = [];
  const claim = (): Promise<number> => claimEra(session, (each) => ended.push(each));
  await claim();
  await commit('A', 1);
  await claim();
  expect(ended).toEqual([]);
  await ask(database.ownerUrl, 'update journal_era set timeline = timeline + 1');
  await claim();
  await claim();
  const [newest] = await ask<{ id: string; received_at: Date }>(
    database.ownerUrl,
    'select id, received_at from audit_event',
  );
  expect(ended).toEqual([{ era: 2, newest: { ...newest, age_seconds: expect.any(Number) } }]);
});
