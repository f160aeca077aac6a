import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { FollowersRepository } from '../../src/audit/followers.repository';
import type { CommitQueue } from '../../src/contacts/commit-queue';
import type { ContactEvent } from '../../src/contacts/contact-event';
import { decision } from '../../src/contacts/decision';
import { HOLDERS } from '../../src/contacts/holdings.repository';
import { effectsOf, join, type Registers } from '../../src/contacts/mirror';
import { projectionsOf } from '../../src/contacts/projections';
import { assembleFollower } from '../../src/duplicates/assemble-follower';
import type { DuplicatesFollower } from '../../src/duplicates/duplicates-follower';
import { FOLLOWER } from '../../src/duplicates/duplicates-follower';
import { valuesOf } from '../../src/duplicates/evidence';
import { PAGE } from '../../src/duplicates/sets.repository';
import type { ProjectReads } from '../../src/database/project-reads';
import { createDatabase, type TestDatabase } from '../server/database';
import { contact, type Told } from '../sinch/callbacks';
import { ask, openPool, openReads, openQueue, until } from './connections';
import { BEGIN, event } from './events';

jest.setTimeout(120_000);

let database: TestDatabase;
let pool: DataSource;
let queue: CommitQueue;
let reads: ProjectReads;
let followers: FollowersRepository;
let follower: DuplicatesFollower;

beforeAll(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  queue = await openQueue(database.url);
  followers = new FollowersRepository(pool);
  reads = openReads(database.url);
  follower = assembleFollower(pool, reads, queue);
});
afterAll(async () => {
  await queue.close();
  await reads.onApplicationShutdown();
  await pool.destroy();
  await database.drop();
});

/** Follows to the end of the journal. */
async function follow(): Promise<void> {
  await until(async () => {
    await follower.followOn();
    return (await followers.lag(FOLLOWER)).events === 0;
  }, 30_000);
}

/** What a set is but for its id and its times. */
interface PlainSet {
  readonly contact_ids: readonly string[];
  readonly reasons: readonly string[];
  readonly report_count: number;
}

const openSets = (project: string): Promise<PlainSet[]> =>
  ask<PlainSet>(
    database.url,
    `select contact_ids, reasons, report_count from duplicate_set
     where project_id = $1 and status = 'open' order by contact_ids, reasons`,
    [project],
  );

const ORDER = ['reported', 'identity', 'phone', 'email', 'external_id', 'hot'];

/**
 * The law, told another way: every two live contacts that something connects which is not dismissed, and whoever can be
 * reached from whom.
 */
function modelSets(events: readonly ContactEvent[]): readonly PlainSet[] {
  const state = new Map<string, Registers>();
  for (const effect of events.flatMap(({ notification }) => effectsOf(notification))) {
    state.set(effect.contactId, join(state.get(effect.contactId) ?? { says: null, went: null }, effect));
  }
  const endOf = (id: string): string | null => {
    const seen = new Set<string>();
    for (let end = id; ;) {
      if (seen.has(end)) return null;
      seen.add(end);
      const registers = state.get(end);
      if (registers === undefined || registers.went?.gone === 'deleted') return null;
      if (registers.went === null) return end;
      end = registers.went.survivorId ?? '';
    }
  };
  const ends = (ids: readonly string[]): readonly string[] => [
    ...new Set(ids.flatMap((id) => endOf(id) ?? [])),
  ];
  const live = [...state].flatMap(([id, { says, went }]) =>
    says !== null && went === null ? [{ id, says }] : [],
  );
  const holders = new Map<string, { kind: string; ids: string[] }>();
  for (const { id, says } of live) {
    const { identityKeys, email, externalId } = projectionsOf(says.snapshot);
    for (const { kind, digest } of valuesOf({
      identityKeys,
      email: email?.toLowerCase() ?? null,
      externalId,
    })) {
      const holding = holders.get(digest) ?? { kind, ids: [] };
      holding.ids.push(id);
      holders.set(digest, holding);
    }
  }
  const dismissed = events.flatMap(({ notification: { content } }) =>
    content.trigger === 'duplicate.dismissed' ? [ends(content.contactIds)] : [],
  );
  const once = new Map(events.map((each) => [each.notification.fingerprint, each]));
  const reports = [...once.values()].flatMap(({ notification: { content } }) =>
    content.trigger === 'CONTACT_IDENTITIES_DUPLICATION'
      ? content.entries.map(({ contactIds }) => ({ kind: 'reported', ids: ends(contactIds) }))
      : [],
  );
  const edges = [...[...holders.values()].filter(({ ids }) => ids.length <= 20), ...reports].flatMap(
    ({ kind, ids }, n) =>
      ids.flatMap((a) =>
        ids.flatMap((b) =>
          a < b && !dismissed.some((pair) => pair.includes(a) && pair.includes(b)) ? [{ a, b, kind, n }] : [],
        ),
      ),
  );
  const sets: PlainSet[] = [];
  for (const { id } of live) {
    if (sets.some(({ contact_ids: ids }) => ids.includes(id))) continue;
    const reached = new Set([id]);
    for (const each of reached) {
      for (const { a, b } of edges) {
        if (a === each) reached.add(b);
        if (b === each) reached.add(a);
      }
    }
    if (reached.size < 2) continue;
    const own = edges.filter(({ a }) => reached.has(a));
    const kinds = new Set(own.map(({ kind }) => kind));
    sets.push({
      contact_ids: [...reached].sort(),
      reasons: ORDER.filter((kind) => kinds.has(kind)),
      report_count: new Set(own.filter(({ kind }) => kind === 'reported').map(({ n }) => n)).size,
    });
  }
  for (const { ids } of holders.values()) {
    if (ids.length > 20) sets.push({ contact_ids: ids.sort(), reasons: ['hot'], report_count: 0 });
  }
  const key = (set: PlainSet): string => JSON.stringify([set.contact_ids, set.reasons]);
  return sets.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

const sortSets = (sets: readonly PlainSet[]): readonly PlainSet[] => {
  const key = (set: PlainSet): string => JSON.stringify([set.contact_ids, set.reasons]);
  return [...sets].sort((a, b) => (key(a) < key(b) ? -1 : 1));
};

/** Few values, so that contacts meet: one number in two spellings, one on two channels, two addresses, two external ids. */
const someFields = fc.record({
  channel_identities: fc.subarray([
    { channel: 'SMS', identity: '5511987654321' },
    { channel: 'WHATSAPP', identity: '551187654321' },
    { channel: 'SMS', identity: '+15550001111' },
    { channel: 'MESSENGER', identity: 'psid' },
  ]),
  email: fc.constantFrom('', '', 'a@example.com', 'A@example.com', 'b@example.com'),
  external_id: fc.constantFrom('', '', 'crm-1', 'crm-2'),
});
type Tale = Told | { readonly dismiss: readonly string[] };

function tales(ids: readonly string[], fields: fc.Arbitrary<Record<string, unknown>>): fc.Arbitrary<Tale> {
  const anId = fc.constantFrom(...ids);
  const aContact = (id: string): fc.Arbitrary<Record<string, unknown>> =>
    fields.map((own) => contact(id, own));
  const news = anId.chain(aContact).map((update) => ({ update }));
  const some = fc.shuffledSubarray([...ids], { minLength: 2, maxLength: 3 });
  return fc.oneof(
    news,
    news,
    news,
    anId.chain(aContact).map((gone) => ({ delete: gone })),
    some.chain(([survivor = '', loser = '']) =>
      fc.tuple(aContact(survivor), aContact(loser)).map(([a, b]) => ({ merge: { survivor: a, loser: b } })),
    ),
    some.map((named) => ({ duplicates: [{ channel: 'SMS', contact_ids: named }] })),
    some.map((named) => ({ dismiss: named.slice(0, 2).sort() })),
  );
}

function eventOf(project: string, tale: Tale, at: number): ContactEvent {
  if (!('dismiss' in tale)) return event(project, tale, at);
  const [first = '', ...others] = tale.dismiss;
  return decision('duplicate.dismissed', project, [first, ...others], {}, 'somebody', BEGIN + BigInt(at));
}

const aHistory = fc.array(fc.tuple(tales(['A', 'B', 'C', 'D', 'E'], someFields), fc.nat({ max: 5 })), {
  minLength: 3,
  maxLength: 14,
});

it('ends in the sets of the model, whatever the order of events, wherever the follower stops between them', async () => {
  let run = 0;
  await fc.assert(
    fc.asyncProperty(aHistory, fc.infiniteStream(fc.nat()), async (history, dice) => {
      const roll = (sides: number): number => Number(dice.next().value) % sides;
      const project = `sets-${run++}`;
      const events = history.map(([tale, at]) => eventOf(project, tale, at));
      const shuffled = events
        .map((each) => [roll(1_000), each] as const)
        .sort(([a], [b]) => a - b)
        .map(([, each]) => each);
      for (const each of shuffled) {
        expect(await queue.commit(each)).toEqual({ kind: 'committed' });
        if (roll(3) === 0) await follower.followOn();
      }
      await follow();
      expect(sortSets(await openSets(project))).toEqual(modelSets(events));
    }),
    { numRuns: 120 },
  );
});

it('knows hot values at any order of comers and goers', async () => {
  let run = 0;
  const ids = Array.from({ length: 23 }, (_, n) => `contact-${String(n).padStart(2, '0')}`);
  const crowd = fc.constantFrom('x@example.com', 'x@example.com', 'x@example.com', 'y@example.com');
  const fields = crowd.map((email) => ({ channel_identities: [], email }));
  await fc.assert(
    fc.asyncProperty(
      fc.array(tales(ids, fields), { maxLength: 12 }),
      fc.infiniteStream(fc.nat()),
      async (later, dice) => {
        const roll = (sides: number): number => Number(dice.next().value) % sides;
        const project = `hot-${run++}`;
        const begin = ids.slice(0, 19 + roll(4)).map((id) => ({
          update: contact(id, { channel_identities: [], email: 'x@example.com' }),
        }));
        const events = [...begin, ...later].map((tale, n) =>
          eventOf(project, tale, n < begin.length ? 0 : 1 + roll(3)),
        );
        for (const each of events) {
          await queue.commit(each);
          if (roll(5) === 0) await follower.followOn();
        }
        await follow();
        expect(sortSets(await openSets(project))).toEqual(modelSets(events));
      },
    ),
    { numRuns: 40 },
  );
});

it('handles each report once, however often its session is killed', async () => {
  const project = 'killed';
  const contacts = ['A', 'B'].map((id) =>
    event(project, { update: contact(id, { channel_identities: [] }) }),
  );
  for (const each of contacts) await queue.commit(each);
  const stop = new AbortController();
  const killing = (async () => {
    while (!stop.signal.aborted) {
      await ask(
        database.ownerUrl,
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and query ilike any (array['%duplicate_report%', '%shared_value%', '%follower%'])
           and random() < 0.3`,
      );
    }
  })();
  const reports = 300;
  for (let n = 0; n < reports; n++) {
    await queue.commit(event(project, { duplicates: [{ channel: 'SMS', contact_ids: ['A', 'B'] }] }, n));
    if (n % 3 === 0) await follower.followOn().catch(() => undefined);
  }
  stop.abort();
  await killing;
  await follow();
  expect(await openSets(project)).toEqual([
    { contact_ids: ['A', 'B'], reasons: ['reported'], report_count: reports },
  ]);
});

describe('looks things up by indexes', () => {
  beforeAll(async () => {
    await ask(
      database.ownerUrl,
      `insert into contact (project_id, id, version, tie_break, snapshot, display_name, email, external_id, language, identity_keys)
       select 'large', 'contact-' || n, 1, '\\x03', '{}', 'n', 'mail-' || n || '@example.com', 'crm-' || n, 'EN', array['SMS:' || n, 'tel:' || n]
       from generate_series(1, 20000) as n`,
    );
    await ask(
      database.ownerUrl,
      `insert into duplicate_set (project_id, status, contact_ids, contact_count, reasons, channels, report_count, first_seen_at, last_seen_at)
       select 'large', 'open', array['contact-' || n, 'contact-' || n + 1], 2, '{email}', '{}', 0, now(), now() - n * interval '1 s'
       from generate_series(1, 20000) as n`,
    );
    await ask(database.ownerUrl, 'vacuum analyze contact, duplicate_set');
  });

  it.each<[string, string, readonly unknown[]]>([
    [
      'the holders of what one contact holds',
      HOLDERS,
      ['large', ['SMS:7', 'tel:7'], ['mail-7@example.com'], ['crm-7'], 100],
    ],
    ['the first page of the queue', PAGE, ['large', 'open', null, null, null, null, null, null, 51]],
    ['a later page', PAGE, ['large', 'open', null, null, null, null, '2030-01-01T00:00:00Z', '7', 51]],
    ['the sets of a contact', PAGE, ['large', 'open', null, null, 'contact-7', null, null, null, 51]],
  ])('%s', async (_, statement, values) => {
    const plan = await ask<Record<string, string>>(database.url, `explain ${statement}`, values);
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toMatch(/Index/);
    expect(text).not.toMatch(/Seq Scan on (contact|duplicate_set|shared_value)/);
  });
});
