import fc from 'fast-check';
import { decision } from '../../src/audit/commit/decision.rule';
import { batchOf, commitBatch } from '../../src/audit/commit/commit.repository';
import type { ContactEvent } from '../../src/audit/commit/contact-event.rule';
import { claimEra } from '../../src/audit/commit/eras.repository';
import { foundAbsent } from '../../src/audit/commit/fetched.rule';
import { EVENT_COLUMNS, type AuditEventRow } from '../../src/audit/audit.repository';
import type { Source } from '../../src/audit/audit-event.rule';
import { HistoriesRepository } from '../../src/audit/histories.repository';
import { TellingsRepository } from '../../src/audit/tellings.repository';
import { DatabaseAddress } from '../../src/database/database-address';
import { ProjectReads } from '../../src/database/reads/project-reads';
import type { Session } from '../../src/database/session';
import { DerivedEventsService } from '../../src/history/derived-events.service';
import type { DerivedEvent } from '../../src/history/derived-event.rule';
import { deriveNaively, type JournalRow } from '../support/outward/naive-derivation';
import { ask, openSession } from '../support/postgres/connections';
import { BEGIN, event, eventOf } from '../support/postgres/events';
import { runs, timeForRuns } from '../support/runs';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact, type Told } from '../support/sinch/callbacks';
import { aHistory, inProject } from '../support/sinch/histories';

jest.setTimeout(timeForRuns(120_000));

let database: TestDatabase;
let reads: ProjectReads;
let session: Session;
let era: number;
let derivedEvents: DerivedEventsService;

beforeAll(async () => {
  database = await createDatabase();
  session = await openSession(database.url);
  era = await claimEra(session);
  reads = new ProjectReads(new DatabaseAddress(database.url));
  reads.open();
  derivedEvents = new DerivedEventsService(new HistoriesRepository(reads), new TellingsRepository(reads));
});
afterAll(async () => {
  await session.close();
  await reads.onApplicationShutdown();
  await database.drop();
});

async function commit(events: readonly ContactEvent[]): Promise<void> {
  await commitBatch(session, await batchOf(era, events));
}

type Row = JournalRow & AuditEventRow;

async function journalOf(project: string): Promise<readonly Row[]> {
  return ask<Row>(
    database.url,
    `select ${EVENT_COLUMNS}, encode(e.tie_break, 'hex') as tie_break, e.payload
     from audit_event e where e.project_id = $1 order by e.era, e.tx, e.id`,
    [project],
  );
}

/** Derives page by page: of so many rows each, in turn. */
async function derive(
  project: string,
  rows: readonly AuditEventRow[],
  sizes: readonly number[] = [500],
): Promise<readonly (readonly DerivedEvent[])[]> {
  const derived: (readonly DerivedEvent[])[] = [];
  for (let page = 0; derived.length < rows.length; page++) {
    const size = sizes[page % sizes.length] ?? 1;
    const found = await derivedEvents.derive(project, rows.slice(derived.length, derived.length + size));
    expect(found.length).toBeGreaterThan(0);
    derived.push(...found);
  }
  return derived;
}

const bytesOf = (derived: readonly (readonly DerivedEvent[])[]): string =>
  JSON.stringify(derived, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));

/** What the model tells as well. */
const comparable = ({
  type,
  place,
  subject,
  keys,
  version,
  before,
  after,
  identities,
  data,
}: DerivedEvent): object => ({
  type,
  place,
  subject,
  keys,
  version: String(version),
  before,
  after,
  identities,
  data,
});

const METADATA = ['', '{"tier":"gold"}', '{"tier":"free","a/b~":1}', 'text', '{"tier":"gold" }'];
const IDENTITIES = [
  [],
  [{ channel: 'SMS', identity: '1555', app_id: '' }],
  [
    { channel: 'SMS', identity: '1555', app_id: '' },
    { channel: 'MESSENGER', identity: 'm', app_id: 'one' },
    { channel: 'MESSENGER', identity: 'm', app_id: 'two' },
  ],
  [
    { channel: 'MESSENGER', identity: 'm', app_id: 'two' },
    { channel: 'SMS', identity: '1555' },
  ],
];
const LANGUAGES = ['EN', 'UNSPECIFIED', null, undefined];
const FETCHES = ['backfill', 'reconcile', 'api', 'rule'] as const;

type Roll = <Side>(sides: readonly Side[]) => Side;

/** A callback with other values in its contacts. */
function varied(body: Buffer, roll: Roll): Buffer {
  const envelope = JSON.parse(body.toString()) as Record<string, unknown>;
  for (const notification of Object.values(envelope))
    for (const each of Object.values(notification ?? {}) as unknown[])
      if (typeof each === 'object' && each !== null && 'display_name' in each)
        Object.assign(each, {
          metadata: roll(METADATA),
          channel_identities: roll(IDENTITIES),
          language: roll(LANGUAGES),
        });
  return Buffer.from(JSON.stringify(envelope));
}

function onTheWay(body: Buffer, roll: Roll): ContactEvent {
  const made = eventOf(body);
  const { notification } = made;
  if (notification.content.trigger === 'contact.absent')
    return absent(notification.projectId, notification.content.contactId, notification.version);
  const source: Source =
    notification.shape === 'fetched' ? roll(FETCHES) : roll(['webhook', 'webhook', 'backfill']);
  return { ...made, source };
}

function absent(projectId: string, id: string, version: bigint): ContactEvent {
  return foundAbsent(id, version, { projectId, source: 'reconcile', actor: null, receivedAt: version });
}

function reference(
  project: string,
  action: 'reference.set' | 'reference.removed',
  id: string,
  system: string,
  externalId: string,
  at: number,
): ContactEvent {
  return decision(action, project, [id], { system, external_id: externalId }, 'somebody', BEGIN + BigInt(at));
}

describe('Derived events', () => {
  it('are those of a plain model of the journal, in any pages, again, and after more has come (promise 4)', async () => {
    let run = 0;
    let told = 0;
    await fc.assert(
      fc.asyncProperty(
        aHistory(14),
        fc.infiniteStream(fc.nat()),
        fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 }),
        async (history, dice, sizes) => {
          const roll: Roll = (sides) => {
            const side = sides[Number(dice.next().value) % sides.length];
            return side as (typeof sides)[number];
          };
          const project = `derived-${run++}`;
          const events = history.map((body) => onTheWay(varied(inProject(body, project), roll), roll));
          const first: (readonly [rows: number, bytes: string])[] = [];
          for (let n = 0; events.length > 0; n++) {
            await commit(events.splice(0, roll([1, 1, 2, 3])));
            if (roll([true, false]))
              await commit([
                reference(
                  project,
                  roll(['reference.set', 'reference.removed']),
                  roll(['A', 'B']),
                  roll(['crm', 'erp']),
                  roll(['1', '2']),
                  n,
                ),
              ]);
            const rows = await journalOf(project);
            first.push([rows.length, bytesOf(await derive(project, rows))]);
          }
          const journal = await journalOf(project);
          const derived = await derive(project, journal, sizes);
          expect(derived.map((each) => each.map(comparable))).toEqual(deriveNaively(journal));
          for (const [count, bytes] of first) expect(bytesOf(derived.slice(0, count))).toBe(bytes);
          told += derived.flat().length;
        },
      ),
      { numRuns: runs(30) },
    );
    expect(told).toBeGreaterThan(runs(30));
  });

  /** What the rows of a project are told as, row by row: the types and places, and what one picks of each. */
  async function told(
    project: string,
    pick: (derived: DerivedEvent) => unknown = ({ type }) => type,
  ): Promise<readonly (readonly unknown[])[]> {
    return (await derive(project, await journalOf(project))).map((each) => each.map(pick));
  }
  const tell = async (project: string, events: readonly (Told | ContactEvent)[]): Promise<void> => {
    for (const [n, each] of events.entries())
      await commit(['notification' in each ? each : event(project, each, n * 1_000)]);
  };
  const named = (id: string, display_name: string): Record<string, unknown> => contact(id, { display_name });
  const late = (project: string, what: Told, at: number): ContactEvent => event(project, what, at);

  it('are created once, by the first creation that the webhook reports, whatever came before it', async () => {
    await tell('created', [
      { update: named('A', 'newer') },
      late('created', { create: named('A', 'older') }, -5_000),
      { create: named('A', 'second') },
    ]);
    const shown = await told('created', ({ type, version, before, after, data }) => [
      type,
      version,
      before?.['display_name'],
      after?.['display_name'],
      Object.keys(data),
    ]);
    expect(shown[1]).toEqual([
      ['contact.created', BEGIN, undefined, 'newer', ['contact_id', 'after', 'references']],
    ]);
    expect(shown[2]?.[0]).toEqual([
      'contact.updated',
      BEGIN + 2_000n,
      'newer',
      'second',
      ['contact_id', 'before', 'changed', 'after', 'references'],
    ]);
  });

  it('never look like news where the mirror fetched a contact (promise 5), until the webhook reports its creation', async () => {
    for (const source of FETCHES)
      await commit([{ ...event('fetched', { create: contact(source) }), source }]);
    await commit([event('fetched', { create: named('backfill', 'told') }, 7)]);
    const shown = await told('fetched', ({ type, before }) => [type, before === null]);
    for (const each of shown.slice(0, 4))
      expect(each).toEqual([
        ['contact.updated', true],
        ['contact.channel_added', true],
      ]);
    expect(shown[4]).toEqual([['contact.created', true]]);
  });

  it('tell a deletion, an absence and a return, and nothing of deleted contacts', async () => {
    await tell('gone', [
      { create: named('A', 'one') },
      absent('gone', 'A', BEGIN + 1_500n),
      absent('gone', 'A', BEGIN + 1_600n),
      { update: named('A', 'one') },
      { delete: named('A', 'one') },
      { update: named('A', 'two') },
      { create: named('A', 'three') },
      { delete: named('B', 'unknown') },
      late('gone', { create: named('B', 'unknown') }, -1),
    ]);
    const shown = await told('gone', ({ type, place, data }) => [
      type,
      place,
      data['reason'],
      data['before'] === null,
    ]);
    expect(shown).toEqual([
      [['contact.created', 0, undefined, false]],
      [['contact.deleted', 0, 'absent', false]],
      [],
      [
        ['contact.updated', 0, undefined, true],
        ['contact.channel_added', 1, undefined, false],
      ],
      [['contact.deleted', 0, 'deleted', false]],
      [],
      [],
      [['contact.deleted', 0, 'deleted', true]],
      [],
    ]);
  });

  it('tell a merge of the loser and of the survivor, with the references and redirects of that time', async () => {
    await tell('merged', [
      { create: contact('X') },
      { create: contact('A') },
      { create: contact('B', { metadata: '{"tier":"free"}' }) },
      reference('merged', 'reference.set', 'A', 'crm', '1', 1),
      reference('merged', 'reference.set', 'A', 'crm', '2', 2),
      reference('merged', 'reference.removed', 'A', 'crm', '1', 3),
      { merge: { survivor: contact('A'), loser: contact('X') } },
      { merge: { survivor: contact('B', { metadata: '{"tier":"gold"}' }), loser: contact('A') } },
      reference('merged', 'reference.set', 'B', 'crm', '1', 4),
      // once more, as we were answered
      {
        ...event('merged', { merge: { survivor: contact('B'), loser: contact('A') } }, 6_999),
        source: 'api',
      },
    ]);
    const rows = await journalOf('merged');
    const derived = await derive('merged', rows);
    expect(
      derived.map((each) => each.map(({ type, place, subject }) => [type, place, subject])).slice(6),
    ).toEqual([
      [['contact.merged', 0, 'X']],
      [
        ['contact.merged', 0, 'A'],
        ['contact.updated', 4, 'B'],
        ['contact.metadata_changed', 7, 'B'],
      ],
      [['reference.set', 0, 'B']],
      [],
    ]);
    const [merge, , metadata] = derived[7] ?? [];
    expect(merge).toMatchObject({
      keys: ['A', 'B'],
      data: {
        contact_id: 'A',
        survivor_id: 'B',
        merge_id: merge?.mergeId,
        loser_before: { id: 'A' },
        survivor_before: { metadata: '{"tier":"free"}' },
        survivor_after: { metadata: '{"tier":"gold"}' },
        redirects: [
          { from: 'A', to: 'B' },
          { from: 'X', to: 'B' },
        ],
        references: { loser: { crm: ['2'] }, survivor: {} },
      },
    });
    expect(metadata).toMatchObject({
      keys: ['B'],
      data: { changes: [{ pointer: '/metadata/tier', before: 'free', after: 'gold' }] },
    });
    expect(derived[8]?.[0]?.data).toEqual({ contact_id: 'B', system: 'crm', external_id: '1' });
  });

  it('say what was newest when each was received, however many newer ones have come since', async () => {
    const count = 450;
    const create = { create: named('busy', 'newest') };
    await commit([event('busy', create, 1_000_000)]);
    const updates = Array.from({ length: count }, (_, n) =>
      event('busy', { update: named('busy', `Number ${n}`) }, n),
    );
    // of the first, those that are newer next have all come later
    for (const each of updates) await commit([each]);
    const derived = await derive('busy', await journalOf('busy'), [37]);
    expect(derived.flat().map(({ type }) => type)).toEqual(['contact.created']);
    for (let n = 0; n < count; n++)
      await commit([event('calm', { update: named('busy', `Number ${n}`) }, n)]);
    const calm = await derive('calm', await journalOf('calm'), [100]);
    expect(calm.map((each) => each[0]?.before?.['display_name'])).toEqual(
      updates.map((_, n) => (n === 0 ? undefined : `Number ${n - 1}`)),
    );
  });

  it('bear what callbacks may hold: odd names, odd values, and texts that Postgres cannot keep', async () => {
    const hostile = {
      ...contact('\u{1f600}/~', {
        display_name: '\ud800\u0000',
        email: 17,
        channel_identities: [null, 1, { channel: 1 }, [], { channel: 'SMS', identity: 1555 }],
      }),
      mirror: { status: 'mine' },
      'metadata.x': 1,
      'a/b~c': [1],
      big: 1,
    };
    await tell('hostile', [
      { create: contact('\u{1f600}/~') },
      { update: hostile },
      {
        update: JSON.parse('{"id":"P","__proto__":{"x":1},"metadata":"{\\"__proto__\\":1}"}') as Record<
          string,
          unknown
        >,
      },
    ]);
    const [, [update] = [], proto] = await derive('hostile', await journalOf('hostile'));
    expect(update?.data['changed']).toEqual([
      '/a~1b~0c',
      '/big',
      '/channel_identities',
      '/display_name',
      '/email',
      '/metadata.x',
    ]);
    expect(update?.after).toMatchObject({ display_name: '\ufffd\ufffd', email: 17 });
    expect(update?.after).not.toHaveProperty('mirror');
    expect(proto?.map(({ type, data }) => [type, data['changes'] ?? data['changed']])).toEqual([
      ['contact.updated', ['/__proto__', '/metadata/__proto__']],
      ['contact.metadata_changed', [{ pointer: '/metadata/__proto__', before: null, after: 1 }]],
    ]);
  });

  it('are derived in steps where much has to be read', async () => {
    const padding = 'x'.repeat(400_000);
    await tell(
      'large',
      Array.from({ length: 8 }, (_, n) => ({
        update: contact(n % 2 === 0 ? 'A' : 'B', { metadata: `${n}${padding}` }),
      })),
    );
    await tell('large', [late('large', { merge: { survivor: contact('B'), loser: contact('A') } }, 90_000)]);
    const rows = await journalOf('large');
    const found = await derivedEvents.derive('large', rows);
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThan(rows.length);
    expect((await derive('large', rows)).flat().at(-1)?.type).toBe('contact.metadata_changed');
  });
});
