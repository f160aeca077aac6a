import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { FollowersRepository } from '../../src/followers/followers.repository';
import { ParkedEventsRepository } from '../../src/followers/parked-events.repository';
import { isAppScoped, type AppIdentity } from '../../src/normalise/app-channels.rule';
import type { JsonObject } from '../../src/json/canonical.rule';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import type { ContactEvent } from '../../src/audit/commit/contact-event.rule';
import { ContactsRepository } from '../../src/contacts/contacts.repository';
import { decision } from '../../src/audit/commit/decision.rule';
import { HOLDERS } from '../../src/matching/contact-values.repository';
import { registerChangesOf, join, type Registers } from '../../src/audit/commit/mirror.rule';
import { projectionsOf } from '../../src/audit/commit/projections.rule';
import { assembleFollower } from '../support/postgres/assemble-follower';
import { DismissalsRepository } from '../../src/matching/dismissals.repository';
import { EvidenceRepository } from '../../src/matching/evidence.repository';
import { ConnectedEvidenceService } from '../../src/matching/connected-evidence.service';
import type { DuplicatesFollower } from '../../src/duplicates/duplicates-follower';
import { FOLLOWER } from '../../src/duplicates/follower-name';
import { isEvidence, keysMax, namesSomeApp, valuesOf } from '../../src/matching/evidence.rule';
import { ScansRepository } from '../../src/duplicates/scans.repository';
import { PAGE, SetsRepository } from '../../src/matching/sets.repository';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import type { Queryable } from '../../src/database/queryable';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact, type Told } from '../support/sinch/callbacks';
import { ask, openPool, openReads, openQueue } from '../support/postgres/connections';
import { until } from '../support/until';
import { BEGIN, event } from '../support/postgres/events';
import { retryAll, tripOver } from '../support/postgres/tripwire';
import { runs, timeForRuns } from '../support/runs';

jest.setTimeout(timeForRuns(240_000));

let database: TestDatabase;
let pool: DataSource;
let queue: CommitQueue;
let reads: ProjectReads;
let followers: FollowersRepository;
let follower: DuplicatesFollower;
let parkedEvents: ParkedEventsRepository;

/** From more contacts at once than this Postgres is too slow to follow evidence. */
let slowAbove = Infinity;

class SlowEvidence extends EvidenceRepository {
  override async reach(
    ...[session, projectId, ids]: Parameters<EvidenceRepository['reach']>
  ): ReturnType<EvidenceRepository['reach']> {
    return ids.length > slowAbove ? null : super.reach(session, projectId, ids);
  }
}

beforeAll(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  queue = await openQueue(database.url);
  followers = new FollowersRepository(pool);
  reads = openReads(database.url);
  follower = assembleFollower(pool, reads, queue, new SlowEvidence(reads));
  parkedEvents = new ParkedEventsRepository(pool, reads);
  Logger.overrideLogger(false);
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
    await follower.followOn().catch(() => undefined);
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
  pool.query<PlainSet[]>(
    `select contact_ids, reasons, report_count from duplicate_set
     where project_id = $1 and status = 'open' order by contact_ids, reasons`,
    [project],
  );

const ORDER = ['reported', 'identity', 'phone', 'email', 'external_id', 'hot'];

function appIdentitiesOf(fields: JsonObject): readonly AppIdentity[] {
  const identities = fields['channel_identities'] as unknown as {
    channel: string;
    identity: string;
    app_id?: string;
  }[];
  return identities.flatMap(({ channel, identity, app_id: app = '' }) =>
    isAppScoped(channel) ? [{ channel, identity, appId: app === '' ? null : app }] : [],
  );
}

/**
 * The law, told another way: every two live contacts that something connects which is not dismissed, and whoever can be
 * reached from whom.
 */
function modelSets(events: readonly ContactEvent[]): readonly PlainSet[] {
  const state = new Map<string, Registers>();
  for (const effect of events.flatMap(({ notification }) => registerChangesOf(notification))) {
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
  const holders = new Map<string, { kind: string; ids: string[]; namesSome: Set<string> }>();
  for (const { id, says } of live) {
    const { identityKeys, email, externalId } = projectionsOf(says.snapshot);
    const values = valuesOf({
      identityKeys,
      email: email?.toLowerCase() ?? null,
      externalId,
      appIdentities: appIdentitiesOf(says.snapshot.fields),
    });
    for (const value of values.filter(isEvidence)) {
      const holding = holders.get(value.digest) ?? { kind: value.kind, ids: [], namesSome: new Set() };
      holding.ids.push(id);
      if (namesSomeApp(value)) holding.namesSome.add(id);
      holders.set(value.digest, holding);
    }
  }
  const dismissed = events.flatMap(({ notification: { content } }) =>
    content.trigger === 'duplicate.dismissed' ? [ends(content.contactIds)] : [],
  );
  const once = new Map(events.map((each) => [each.notification.fingerprint, each]));
  const reports = [...once.values()].flatMap(({ notification: { content } }) =>
    content.trigger === 'CONTACT_IDENTITIES_DUPLICATION'
      ? content.entries.map(({ contactIds }) => ({
          kind: 'reported',
          ids: ends(contactIds),
          namesSome: new Set<string>(),
        }))
      : [],
  );
  const edges = [...[...holders.values()].filter(({ ids }) => ids.length <= 20), ...reports].flatMap(
    ({ kind, ids, namesSome }, n) =>
      ids.flatMap((a) =>
        ids.flatMap((b) =>
          a < b &&
          !(namesSome.has(a) && namesSome.has(b)) &&
          !dismissed.some((pair) => pair.includes(a) && pair.includes(b))
            ? [{ a, b, kind, n }]
            : [],
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

/**
 * Those of contacts that the mirror does not know, by the same law: each two that one report names, where one of those that it
 * names is unknown, and which contacts can be reached from which.
 */
function modelUnknown(events: readonly ContactEvent[]): readonly (readonly string[])[] {
  const state = new Map<string, Registers>();
  for (const effect of events.flatMap(({ notification }) => registerChangesOf(notification)))
    state.set(effect.contactId, join(state.get(effect.contactId) ?? { says: null, went: null }, effect));
  const endOf = (id: string): string | null => {
    const seen = new Set<string>();
    for (let end = id; !seen.has(end);) {
      seen.add(end);
      const registers = state.get(end);
      if (registers === undefined || registers.went === null) return end;
      if (registers.went.gone === 'deleted') return null;
      end = registers.went.survivorId ?? '';
    }
    return null;
  };
  const ends = (ids: readonly string[]): readonly string[] => [
    ...new Set(ids.flatMap((id) => endOf(id) ?? [])),
  ];
  const isUnknown = (id: string): boolean => !state.has(id);
  const [dismissed, reported] = ['duplicate.dismissed', 'CONTACT_IDENTITIES_DUPLICATION'].map((trigger) =>
    events.flatMap(({ notification: { content } }) => {
      if (content.trigger !== trigger) return [];
      if (content.trigger === 'duplicate.dismissed') return [ends(content.contactIds)];
      return content.trigger === 'CONTACT_IDENTITIES_DUPLICATION'
        ? content.entries.map(({ contactIds }) => ends(contactIds))
        : [];
    }),
  ) as [(readonly string[])[], (readonly string[])[]];
  const groups = reported.filter((ids) => ids.some(isUnknown));
  const alike = (a: string, b: string): boolean =>
    groups.some((ids) => ids.includes(a) && ids.includes(b)) &&
    !dismissed.some((ids) => ids.includes(a) && ids.includes(b));
  const nodes = [...new Set(groups.flat())].sort();
  const sets: string[][] = [];
  for (const id of nodes) {
    if (sets.some((set) => set.includes(id))) continue;
    const reached = new Set([id]);
    for (const each of reached) for (const other of nodes) if (alike(each, other)) reached.add(other);
    if (reached.size > 1 && [...reached].some(isUnknown)) sets.push([...reached].sort());
  }
  return sets;
}

const unknownSets = async (project: string): Promise<readonly (readonly string[])[]> =>
  (
    await pool.query<PlainSet[]>(
      `select contact_ids from duplicate_set where project_id = $1 and status = 'unknown-members' order by contact_ids`,
      [project],
    )
  ).map((set) => set.contact_ids);

const sortSets = (sets: readonly PlainSet[]): readonly PlainSet[] => {
  const key = (set: PlainSet): string => JSON.stringify([set.contact_ids, set.reasons]);
  return [...sets].sort((a, b) => (key(a) < key(b) ? -1 : 1));
};

/**
 * Few values, so that contacts meet: one number in two spellings, one on two channels, one identity of two apps and of none, two
 * addresses, two external ids, and what is no evidence at all.
 */
const someFields = fc.record({
  channel_identities: fc.subarray([
    { channel: 'SMS', identity: '5511987654321' },
    { channel: 'WHATSAPP', identity: '551187654321' },
    { channel: 'SMS', identity: '+15550001111' },
    { channel: 'SMS', identity: '' },
    { channel: 'RCS', identity: '1111111111' },
    { channel: 'MESSENGER', identity: 'psid' },
    { channel: 'MESSENGER', identity: 'psid', app_id: 'app:1' },
    { channel: 'MESSENGER', identity: 'psid', app_id: 'app 2' },
  ]),
  email: fc.constantFrom('', '', 'a@example.com', 'A@example.com', 'b@example.com', 'N/A'),
  external_id: fc.constantFrom('', '', 'crm-1', 'crm-2', 'null'),
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
      expect(await unknownSets(project)).toEqual(modelUnknown(events));
    }),
    { numRuns: runs(120) },
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
        // too few for a hot value
        await Promise.all(events.slice(0, 18).map((each) => queue.commit(each)));
        for (const each of events.slice(18)) {
          await queue.commit(each);
          if (roll(5) === 0) await follower.followOn();
        }
        await follow();
        expect(sortSets(await openSets(project))).toEqual(modelSets(events));
        expect(await unknownSets(project)).toEqual(modelUnknown(events));
      },
    ),
    { numRuns: runs(40) },
  );
});

it('ends in the sets of the model once the events that could not be handled are retried, in any order', async () => {
  await tripOver(database.ownerUrl, [
    'shared_value',
    'duplicate_report',
    'duplicate_dismissal',
    'duplicate_set',
  ]);
  let run = 0;
  let parkedInAll = 0;
  await fc.assert(
    fc.asyncProperty(aHistory, fc.infiniteStream(fc.nat()), async (history, dice) => {
      const roll = (sides: number): number => Number(dice.next().value) % sides;
      const project = `parked-${run++}`;
      const events = history.map(([tale, at]) => eventOf(project, tale, at));
      await ask(database.ownerUrl, 'insert into tripwire values ($1, $2)', [project, 'ABCDE'[roll(5)]]);
      for (const each of events) {
        await queue.commit(each);
        if (roll(3) === 0) await follower.followOn().catch(() => undefined);
      }
      await follow();
      await ask(database.ownerUrl, 'delete from tripwire where project_id = $1', [project]);
      const parked = await retryAll(parkedEvents, project, (row) => follower.retry(row), roll);
      parkedInAll += parked;
      expect(sortSets(await openSets(project))).toEqual(modelSets(events));
      expect(await unknownSets(project)).toEqual(modelUnknown(events));
    }),
    { numRuns: runs(20) },
  );
  expect(parkedInAll).toBeGreaterThan(0);
});

it('scans all but the contacts that it cannot examine, and counts those', async () => {
  const project = 'scanned';
  const scans = new ScansRepository(pool, reads);
  const twins = ['A', 'B', 'C', 'D', 'E'].map((id, n) =>
    event(project, {
      update: contact(id, { channel_identities: [], email: `${n < 2 ? 'x' : 'y'}@example.com` }),
    }),
  );
  for (const each of twins) await queue.commit(each);
  await follow();
  const before = await openSets(project);
  expect(before.map((set) => set.contact_ids)).toEqual([
    ['A', 'B'],
    ['C', 'D', 'E'],
  ]);
  await ask(database.ownerUrl, 'delete from shared_value where project_id = $1', [project]);
  await ask(database.ownerUrl, 'insert into tripwire values ($1, $2)', [project, 'A']);
  await scans.request(project, 'somebody');
  await until(async () => {
    await follower.scanOn().catch(() => undefined);
    return (await scans.find(project))?.finished_at !== null;
  }, 60_000);
  // B looks for those who share its address, and finds A
  expect(await scans.find(project)).toMatchObject({ contacts_count: '3', contacts_skipped: 2 });
  await ask(database.ownerUrl, 'delete from tripwire where project_id = $1', [project]);
  await scans.request(project, 'somebody');
  await until(async () => {
    await follower.scanOn();
    return (await scans.find(project))?.finished_at !== null;
  }, 60_000);
  expect(await scans.find(project)).toMatchObject({ contacts_count: '5', contacts_skipped: 0 });
  expect(await openSets(project)).toEqual(before);
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

describe('evidence without end', () => {
  const link = (project: string, n: number): ContactEvent =>
    event(project, {
      update: contact(`contact-${String(n).padStart(5, '0')}`, {
        channel_identities: [n, n + 1].map((number) => ({
          channel: 'SMS',
          identity: `4915${1e8 + number}`,
          app_id: '',
        })),
      }),
    });

  it('follows a chain of a thousand contacts in as many statements as one of two, also where all were dismissed', async () => {
    const count = 1_000;
    const statements: number[] = [];
    for (const size of [2, count]) {
      const project = `chain-${size}`;
      await Promise.all(Array.from({ length: size }, (_, n) => queue.commit(link(project, n))));
      await follow();
      const [set] = await openSets(project);
      expect(set?.contact_ids).toHaveLength(size);
      await queue.commit(
        decision('duplicate.dismissed', project, set?.contact_ids as [string, ...string[]], {}, 'a', BEGIN),
      );
      await follow();
      expect(await openSets(project)).toEqual([]);
      const session = pool.createQueryRunner();
      await session.startTransaction();
      let asked = 0;
      const counting = {
        query: (text: string, values?: unknown[]) => {
          asked += 1;
          return session.query(text, values);
        },
      };
      const neighbourhood = new ConnectedEvidenceService(
        new ContactsRepository(reads),
        new EvidenceRepository(reads),
        new DismissalsRepository(reads),
        new SetsRepository(reads),
      );
      const { value } = await neighbourhood.find(counting, project, ['contact-00000']).next();
      expect([value?.groups.length, value?.isTruncated]).toEqual([expect.any(Number), false]);
      expect(value?.groups.length).toBeGreaterThanOrEqual(size - 1);
      await session.rollbackTransaction();
      await session.release();
      statements.push(asked);
    }
    expect(statements[1]).toBe(statements[0]);
  });

  it('follows no more than its bound, and marks the set as truncated', async () => {
    const project = 'truncated';
    await ask(
      database.ownerUrl,
      `insert into shared_value (project_id, digest, contact_id, kind, value)
       select $1, decode(md5((n + side)::text), 'hex'), 'contact-' || n, 'email', (n + side) || '@example.com'
       from generate_series(1, 10500) as n, generate_series(0, 1) as side`,
      [project],
    );
    await ask(
      database.ownerUrl,
      `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
       select $1, 'contact-' || n, 1, '\\x03', '{}', '{}' from generate_series(1, 10500) as n`,
      [project],
    );
    await queue.commit(
      event(project, { duplicates: [{ channel: 'SMS', contact_ids: ['contact-5000', 'contact-5001'] }] }),
    );
    await follow();
    const [set] = await ask<{ contact_count: number; is_truncated: boolean }>(
      database.url,
      `select contact_count, is_truncated from duplicate_set where project_id = $1 and status = 'open' order by contact_count desc`,
      [project],
    );
    expect(set?.is_truncated).toBe(true);
    expect(set?.contact_count).toBeGreaterThan(100);
    expect(set?.contact_count).toBeLessThanOrEqual(10_000);
  });

  it('finds who has an identity on one channel where very many have its phone number on another', async () => {
    const project = 'crowded';
    await ask(
      database.ownerUrl,
      `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
       select $1, 'contact-' || n, 1, '\\x03', '{}', array[case n when 250 then 'SMS' else 'WHATSAPP' end || ':12025550123', 'tel:12025550123']
       from generate_series(1, 250) as n`,
      [project],
    );
    const channelIdentities = [{ channel: 'SMS', identity: '12025550123' }];
    await queue.commit(
      event(project, { create: contact('late', { channel_identities: channelIdentities }) }),
    );
    await follow();
    expect(await rowsOf(project)).toContainEqual(
      expect.objectContaining({ contact_ids: ['contact-250', 'late'], reasons: ['identity'] }),
    );
  });

  it.each(['first', 'last'])(
    'finds who has an id that is another contact’s phone number, written %s',
    async (place) => {
      const project = `digits-${place}`;
      const telegram = { channel: 'TELEGRAM', identity: '4915112345678' };
      const both = [{ channel: 'SMS', identity: '+4915112345678' }, telegram];
      const events = [
        event(project, { create: contact('chat', { channel_identities: [telegram] }) }),
        event(project, { create: contact('both', { channel_identities: both }) }),
      ];
      for (const each of place === 'first' ? events : events.reverse()) {
        await queue.commit(each);
        await follow();
      }
      expect(await rowsOf(project)).toMatchObject([{ contact_ids: ['both', 'chat'], reasons: ['identity'] }]);
    },
  );

  /** A contact with very many identities: with any id the same ones, in another order. */
  const manyIdentities = (
    project: string,
    id: string,
    channel: string,
    count: number,
    padding = '',
  ): ContactEvent =>
    event(project, {
      update: contact(`${id}${padding}`, {
        channel_identities: Array.from({ length: count }, (_, n) => ({
          channel,
          identity: `${channel === 'SMS' ? '120255' : 't'}${1e5 + ((n + 100 * id.charCodeAt(0)) % count)}`,
          ...(channel === 'MESSENGER' ? { app_id: 'app-1' } : {}),
        })),
      }),
    });
  const rowsOf = (project: string): Promise<(PlainSet & { is_truncated: boolean })[]> =>
    pool.query(
      `select contact_ids, reasons, report_count, is_truncated from duplicate_set where project_id = $1 and status = 'open'`,
      [project],
    );

  /** About as many as a body may have: of 10,000 values each takes four. */
  const identitiesMax = 2_400;

  it('follows contacts with very many identities by the first ones, and nothing waits for them', async () => {
    const padding = '-'.padEnd(499, 'x');
    const many = Array.from({ length: 5 }, (_, n) =>
      manyIdentities('many', 'ABCDE'[n] ?? '', 'TELEGRAM', identitiesMax, padding),
    );
    for (const each of many) await queue.commit(each);
    for (const id of ['A', 'B'])
      await queue.commit(event('beside', { update: contact(id, { email: 'pair@example.com' }) }));
    await follow();
    expect(await rowsOf('many')).toEqual([
      {
        contact_ids: [...'ABCDE'].map((id) => `${id}${padding}`),
        reasons: ['identity'],
        report_count: 0,
        is_truncated: true,
      },
    ]);
    expect(await rowsOf('beside')).toMatchObject([{ contact_ids: ['A', 'B'], is_truncated: false }]);
    expect(await ask(database.url, `select from parked_event where project_id = 'many'`)).toEqual([]);
    const [kept] = await ask<{ count: number }>(
      database.url,
      `select count(*)::int as count from shared_value where project_id = 'many'`,
    );
    expect(kept?.count).toBe(5 * keysMax);
  });

  it.each(['TELEGRAM', 'SMS', 'MESSENGER'])(
    'keeps the same %s identities of contacts that have the same, and a scan ends in the same set',
    async (channel) => {
      const project = `cut-${channel}`;
      const [a, b] = [
        manyIdentities(project, 'A', channel, 1_009),
        manyIdentities(project, 'B', channel, 1_009),
      ];
      for (const each of [a, b]) await queue.commit(each);
      await follow();
      const before = await rowsOf(project);
      expect(before).toMatchObject([{ contact_ids: ['A', 'B'], is_truncated: true }]);
      const values = (): Promise<readonly object[]> =>
        ask(
          database.url,
          `select value from shared_value where project_id = $1 group by value having count(*) = 2 order by value`,
          [project],
        );
      const kept = await values();
      expect(kept).toHaveLength(channel === 'MESSENGER' ? 2 * keysMax : keysMax);
      await ask(database.ownerUrl, 'delete from shared_value where project_id = $1', [project]);
      await scan(project);
      expect(await values()).toEqual(kept);
      expect(await rowsOf(project)).toEqual(before);
      // with fewer identities nothing is left out
      for (const id of ['A', 'B'])
        await queue.commit(
          event(
            project,
            { update: contact(id, { channel_identities: [{ channel, identity: 't1', app_id: 'app-1' }] }) },
            1,
          ),
        );
      await follow();
      expect(await rowsOf(project)).toMatchObject([{ contact_ids: ['A', 'B'], is_truncated: false }]);
    },
  );

  /** As many contacts as one transaction of a scan examines, every six of which are one set. */
  const fillSixes = (project: string): Promise<unknown> =>
    ask(
      database.ownerUrl,
      `insert into contact (project_id, id, version, tie_break, snapshot, email, external_id, identity_keys)
       select $1, 'contact-' || n, 1, '\\x03', '{}', 'mail-' || n / 2 || '@example.com', 'crm-' || n / 3, '{}'
       from generate_series(0, 959) n`,
      [project],
    );
  const sixes = Array.from({ length: 160 }, (_, n) =>
    Array.from({ length: 6 }, (_, k) => `contact-${6 * n + k}`).sort(),
  ).sort();
  const scan = async (project: string): Promise<void> => {
    await new ScansRepository(pool, reads).request(project, 'a test');
    while (await follower.scanOn());
  };
  const setsOf = async (project: string): Promise<readonly (readonly string[])[]> =>
    (await openSets(project)).map((row) => row.contact_ids).sort();

  it.each([
    ['many contacts', 100],
    ['any contact', 0],
  ])('makes every set where it takes too long to follow %s at once', async (_, most) => {
    const project = `slow-${most}`;
    await fillSixes(project);
    slowAbove = most;
    try {
      await scan(project);
    } finally {
      slowAbove = Infinity;
    }
    expect(await setsOf(project)).toEqual(sixes);
  });
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

  it('the holders of values of a project that is new, each by its digest', async () => {
    await ask(
      database.ownerUrl,
      `insert into shared_value (project_id, digest, contact_id, kind, value)
       select 'large', sha256(n::text::bytea), 'contact-' || n + side, 'email', n || '@example.com'
       from generate_series(1, 10000) n, generate_series(0, 1) side`,
    );
    await ask(database.ownerUrl, 'vacuum analyze shared_value');
    let text = '';
    const explaining: Queryable = {
      query: async (statement: string, values: readonly unknown[] = []) => {
        const plan = await ask<Record<string, string>>(database.url, `explain ${statement}`, values);
        text = plan.map((row) => row['QUERY PLAN']).join('\n');
        return [];
      },
    };
    await new EvidenceRepository(reads).holdersOf('new', [{ digest: 'ab', size: 21 }], explaining);
    expect(text).toMatch(/shared_value_pkey/);
  });
});
