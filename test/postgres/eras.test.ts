import { claimEra } from '../../src/audit/eras.repository';
import { batchOf, commitBatch } from '../../src/contacts/commit.repository';
import type { Session } from '../../src/database/session';
import { contact } from '../sinch/callbacks';
import { createDatabase, type TestDatabase } from '../server/database';
import { ask, openSession } from './connections';
import { event } from './events';

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

const commit = (id: string, era: number): Promise<boolean> =>
  commitBatch(session, batchOf(era, [event('p', { create: contact(id) })]));

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

it('goes on in the era in which it was, however often it connects and whatever was committed', async () => {
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

it.each([0, 1, 1_000_000])(
  'begins a new era when the journal is ahead of the cluster by %i transactions',
  async (ahead) => {
    await claimEra(session);
    await restoreRow(1, ahead + 10); // the statements in between take some
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
  expect(await Promise.all(sessions.map(claimEra))).toEqual(Array.from({ length: 8 }, () => 1));
  await ask(database.ownerUrl, 'update journal_era set timeline = timeline + 1');
  expect(await Promise.all(sessions.map(claimEra))).toEqual(Array.from({ length: 8 }, () => 2));
  expect(await eras()).toEqual([1, 2]);
  await Promise.all(sessions.map((each) => each.close()));
});
