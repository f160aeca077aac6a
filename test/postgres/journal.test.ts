import { contact } from '../support/sinch/callbacks';
import { createDatabase, needed, SERVICE_ROLE, type TestDatabase } from '../support/server/database';
import { requireProtectedJournal } from '../../src/audit/journal-protection';
import { StartRefusal } from '../../src/config/start-refusal';
import { DataSource } from 'typeorm';
import { ask, openPool, openQueue } from '../support/postgres/connections';
import { event } from '../support/postgres/events';

const CHANGES = [
  `update audit_event set actor = 'nobody'`,
  'update audit_event set payload = payload where false',
  'delete from audit_event',
  'truncate audit_event',
  'truncate audit_event cascade',
  'merge into audit_event e using (select 1) one on true when matched then delete',
  `insert into audit_event (era, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break,
                            received_at, source, fingerprint, payload)
   select era, project_id, type, contact_id, related_contact_ids, accepted_at, version, tie_break,
          received_at, source, fingerprint, payload
   from audit_event
   on conflict (project_id, contact_id, version, tie_break) do update set actor = 'nobody'`,
];
const REFUSED = { code: '42501' }; // insufficient_privilege

describe('a committed event', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase();
    const queue = await openQueue(database.url);
    await queue.commit(event('p', { create: contact('A') }));
    await queue.close();
  });
  afterEach(async () => {
    expect(await ask(database.ownerUrl, 'select actor from audit_event')).toEqual([{ actor: null }]);
  });
  afterAll(() => database.drop());

  it.each(CHANGES)('cannot be changed by the service: %s', async (change) => {
    await expect(ask(database.url, change)).rejects.toMatchObject(REFUSED);
  });

  describe.each(['origin', 'replica', 'local'])('in the session replication role %s', (role) => {
    it.each(CHANGES)('cannot be changed by a slip of the owner: %s', async (change) => {
      const url = new URL(database.ownerUrl);
      url.searchParams.set('options', `-c session_replication_role=${role}`);
      const asOwner = url.href.replaceAll('+', '%20'); // pg reads a plus as a plus
      expect(await ask(asOwner, 'show session_replication_role')).toEqual([
        { session_replication_role: role },
      ]);
      await expect(ask(asOwner, change)).rejects.toMatchObject(REFUSED);
    });
  });
});

async function refusal(source: DataSource): Promise<string> {
  try {
    await requireProtectedJournal(source);
    return 'none';
  } catch (error) {
    if (!(error instanceof StartRefusal)) throw error;
    return error.message;
  } finally {
    await source.destroy();
  }
}

it('starts where the journal is protected', async () => {
  const database = await createDatabase();
  expect(await refusal(await openPool(database.url))).toBe('none');
  await database.drop();
});

const LOOPHOLES = [
  ['UPDATE is granted', `grant update on audit_event to ${needed(SERVICE_ROLE)}`],
  ['UPDATE of one column is granted', `grant update (actor) on audit_event to ${needed(SERVICE_ROLE)}`],
  ['DELETE is granted', `grant delete on audit_event to ${needed(SERVICE_ROLE)}`],
  ['TRUNCATE is granted', `grant truncate on audit_event to ${needed(SERVICE_ROLE)}`],
  ['everybody may UPDATE', 'grant update on audit_event to public'],
  ['the service owns the journal', `alter table audit_event owner to ${needed(SERVICE_ROLE)}`],
  ['the trigger is disabled', 'alter table audit_event disable trigger audit_event_immutable'],
  ['the trigger sleeps for replicas', 'alter table audit_event enable trigger audit_event_immutable'],
  ['the trigger is gone', 'drop trigger audit_event_immutable on audit_event'],
  [
    'the trigger lets a DELETE pass',
    `create or replace trigger audit_event_immutable before update or truncate on audit_event
       for each statement execute function refuse_journal_change();
     alter table audit_event enable always trigger audit_event_immutable`,
  ],
] as const;

it.each(LOOPHOLES)('refuses to start when %s', async (_, loophole) => {
  const database = await createDatabase();
  await ask(database.ownerUrl, loophole);
  expect(await refusal(await openPool(database.url))).toMatch(/journal/);
  await database.drop();
});

it('refuses to start as a superuser who did not become the role of the service', async () => {
  const database = await createDatabase();
  const source = new DataSource({ type: 'postgres', url: database.ownerUrl, installExtensions: false });
  expect(await refusal(await source.initialize())).toMatch(/could change the journal/);
  await database.drop();
});
