import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import type { CommitQueue } from '../../src/audit/commit/commit-queue';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { DecisionsService } from '../../src/duplicates/decisions.service';
import type { DuplicatesFollower } from '../../src/duplicates/duplicates-follower';
import { FOLLOWER } from '../../src/duplicates/follower-name';
import { ScansRepository } from '../../src/duplicates/scans.repository';
import { FollowersRepository } from '../../src/followers/followers.repository';
import { LocksRepository } from '../../src/followers/locks.repository';
import { DismissalsRepository } from '../../src/matching/dismissals.repository';
import { SetsRepository } from '../../src/matching/sets.repository';
import { Problem } from '../../src/rest/problems/problem';
import { assembleExaminer, assembleFollower } from '../support/postgres/assemble-follower';
import { ask, openPool, openQueue, openReads } from '../support/postgres/connections';
import { event } from '../support/postgres/events';
import { runs, timeForRuns } from '../support/runs';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact, type Told } from '../support/sinch/callbacks';
import { until } from '../support/until';

jest.setTimeout(timeForRuns(240_000));
Logger.overrideLogger(false);

let database: TestDatabase;
let pool: DataSource;
let queue: CommitQueue;
let reads: ProjectReads;
let followers: FollowersRepository;
let follower: DuplicatesFollower;
let scans: ScansRepository;
let decisions: DecisionsService;

beforeAll(async () => {
  database = await createDatabase();
  pool = await openPool(database.url);
  queue = await openQueue(database.url);
  reads = openReads(database.url);
  followers = new FollowersRepository(pool);
  follower = assembleFollower(pool, reads, queue);
  scans = new ScansRepository(pool, reads);
  decisions = new DecisionsService(
    queue,
    new LocksRepository(pool),
    new SetsRepository(reads),
    new DismissalsRepository(reads),
    assembleExaminer(pool, reads),
  );
});
afterAll(async () => {
  await queue.close();
  await reads.onApplicationShutdown();
  await pool.destroy();
  await database.drop();
});

/** An event as it is kept. */
interface Kept {
  readonly tx: string;
  readonly type: string;
  readonly subject: string;
  readonly keys: readonly string[];
  readonly data: {
    readonly duplicate_id: string;
    readonly contact_ids: readonly string[];
    readonly reasons: readonly string[];
    readonly resolved_by: object | null;
  };
}

/** A set as it is kept, or as its events tell it. */
interface Known {
  readonly id: string;
  readonly status: string;
  readonly contact_ids: readonly string[];
  readonly reasons: readonly string[];
  readonly resolved_by: object | null;
}

const eventsOf = (project: string): Promise<Kept[]> =>
  ask<Kept>(
    database.ownerUrl,
    'select tx, type, subject, keys, data from domain_event where project_id = $1 order by era, tx, id',
    [project],
  );
const setsOf = (project: string): Promise<Known[]> =>
  ask<Known>(
    database.ownerUrl,
    'select id, status, contact_ids, reasons, resolved_by from duplicate_set where project_id = $1 order by id',
    [project],
  );

/** What follows from an event for the status that a receiver knows; null: it may not come then. */
const NEXT: Readonly<Record<string, (status: string | null) => string | null>> = {
  'duplicate.opened': (status) => (status === null ? 'open' : null),
  'duplicate.changed': (status) => (status === 'open' ? 'open' : null),
  'duplicate.dismissed': (status) => (status === 'open' ? 'dismissed' : null),
  // a set that was snoozed is open for a receiver
  'duplicate.reopened': (status) => (status === 'dismissed' || status === 'open' ? 'open' : null),
  'duplicate.resolved': (status) => (status === 'open' || status === 'dismissed' ? 'resolved' : null),
};

/** Applies the events of a project as a receiver does, one after the other. */
function replay(events: readonly Kept[]): ReadonlyMap<string, Known> {
  const known = new Map<string, Known>();
  for (const { type, subject, data, keys } of events) {
    const before = known.get(subject);
    const status = NEXT[type]?.(before?.status ?? null) ?? null;
    if (status === null) throw new Error(`${type} of a set that is ${before?.status ?? 'unknown'}`);
    expect(data.duplicate_id).toBe(subject);
    expect(keys).toEqual([...new Set([...data.contact_ids, ...(before?.contact_ids ?? [])])]);
    expect(data.resolved_by === null).toBe(status !== 'resolved');
    const { contact_ids, reasons, resolved_by } = data;
    const after = { id: subject, status, contact_ids, reasons, resolved_by };
    if (type === 'duplicate.changed') expect(after).not.toEqual(before);
    known.set(subject, after);
  }
  return known;
}

/** Requires that a receiver of all events knows the sets as they are, and has got at most one event of each in a transaction. */
async function requireTold(project: string): Promise<void> {
  const events = await eventsOf(project);
  const places = events.map(({ tx, subject }) => `${tx} ${subject}`);
  expect(places).toEqual([...new Set(places)]);
  const known = replay(events);
  for (const row of await setsOf(project)) {
    const told = known.get(row.id);
    // a set that was never open has no events
    if (told === undefined) expect(['unknown-members', 'resolved']).toContain(row.status);
    else expect(told).toEqual({ ...row, status: row.status === 'snoozed' ? 'open' : row.status });
  }
}

/** Follows to the end of the journal. */
async function follow(): Promise<void> {
  await until(async () => {
    await follower.followOn();
    return (await followers.lag(FOLLOWER)).events === 0;
  }, 60_000);
}

async function scan(project: string): Promise<void> {
  await scans.request(project, 'a test');
  while (await follower.scanOn());
}

let clock = 0;
async function tell(project: string, ...told: readonly Told[]): Promise<void> {
  for (const each of told) await queue.commit(event(project, each, (clock += 1_000)));
}

const named = (id: string, fields: Record<string, unknown> = {}): Record<string, unknown> =>
  contact(id, { channel_identities: [], ...fields });
const mailed = (id: string, email: string): Told => ({ update: named(id, { email }) });

const somebody = { actor: 'somebody', reason: null };
type Decision = 'dismiss' | 'reopen' | 'snooze';

/** Decides about a set; one that it cannot be decided about stays as it is. */
async function decide(project: string, id: string, decision: Decision, reason: string | null): Promise<void> {
  const decided = { ...somebody, reason, at: new Date(1_718_500_000_000 + (clock += 1_000)) };
  const done =
    decision === 'snooze'
      ? decisions.snooze(project, id, new Date(Date.now() + 3_600_000), decided)
      : decisions[decision](project, id, decided);
  await done.catch((error: unknown) => {
    if (!(error instanceof Problem) || error.code !== 'invalid-request') throw error;
  });
}

const IDS = ['A', 'B', 'C', 'D', 'E'] as const;
const aContact = fc.constantFrom(...IDS).chain((id) =>
  fc
    .record({
      email: fc.constantFrom('', 'x@example.com', 'y@example.com'),
      external_id: fc.constantFrom('', '', 'crm-1'),
    })
    .map((fields) => named(id, fields)),
);
const twoIds = fc.shuffledSubarray([...IDS], { minLength: 2, maxLength: 3 });
type Step =
  | { readonly tell: Told }
  | { readonly decide: Decision; readonly which: number; readonly reason: string | null }
  | 'follow'
  | 'scan';
const told = fc.oneof(
  { weight: 6, arbitrary: aContact.map((update) => ({ tell: { update } })) },
  { weight: 1, arbitrary: aContact.map((gone) => ({ tell: { delete: gone } })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(aContact, aContact)
      .filter(([a, b]) => a['id'] !== b['id'])
      .map(([survivor, loser]) => ({ tell: { merge: { survivor, loser } } })),
  },
  {
    weight: 2,
    arbitrary: twoIds.map((ids) => ({ tell: { duplicates: [{ channel: 'SMS', contact_ids: ids }] } })),
  },
);
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 7, arbitrary: told },
  {
    weight: 4,
    arbitrary: fc.record({
      decide: fc.constantFrom<Decision>('dismiss', 'reopen', 'reopen', 'snooze'),
      which: fc.nat(),
      reason: fc.constantFrom(null, 'brothers'),
    }),
  },
  { weight: 4, arbitrary: fc.constant('follow' as const) },
  { weight: 1, arbitrary: fc.constant('scan' as const) },
);

it('lets a receiver know every set as it is: after any history the events of a set, replayed, give its state', async () => {
  let run = 0;
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 8, maxLength: 24 }), async (steps) => {
      const project = `told-${run++}`;
      for (const step of steps) {
        if (step === 'follow') await follow();
        else if (step === 'scan') await scan(project);
        else if ('tell' in step) await tell(project, step.tell);
        else {
          const sets = await setsOf(project);
          const set = sets[step.which % Math.max(1, sets.length)];
          if (set !== undefined) await decide(project, set.id, step.decide, step.reason);
        }
        await requireTold(project);
      }
      await follow();
      await requireTold(project);
      const before = await eventsOf(project);
      await scan(project);
      expect(await eventsOf(project)).toEqual(before);
      for (const { type } of before) seen.add(type);
    }),
    { numRuns: runs(40) },
  );
  // the histories had all of them
  expect([...seen].sort()).toEqual(Object.keys(NEXT).sort());
});

it('reports what happened to a set in the order in which it did, with ids and names of reasons alone', async () => {
  const project = 'a story';
  await tell(project, mailed('A', 'x@example.com'), mailed('B', 'x@example.com'));
  await follow();
  const [set] = await setsOf(project);
  const id = set?.id ?? '';
  await decide(project, id, 'dismiss', null);
  await decide(project, id, 'dismiss', 'because');
  await decide(project, id, 'reopen', null);
  await decide(project, id, 'snooze', null);
  await decide(project, id, 'reopen', null);
  await tell(project, mailed('C', 'x@example.com'));
  await follow();
  await tell(project, { delete: named('C') });
  await follow();
  await tell(project, { merge: { survivor: named('A', { email: 'x@example.com' }), loser: named('B') } });
  await follow();
  const [merge] = await ask<{ id: string }>(
    database.ownerUrl,
    `select id from audit_event where project_id = $1 and type = 'CONTACT_MERGE'`,
    [project],
  );
  const data = { duplicate_id: id, contact_ids: ['A', 'B'], reasons: ['email'], resolved_by: null };
  const all = { ...data, contact_ids: ['A', 'B', 'C'] };
  const closed = { ...data, resolved_by: { type: 'CONTACT_MERGE', event_id: merge?.id } };
  const told = (await eventsOf(project)).map(({ type, keys, data: said }) => [type, keys, said]);
  expect(told).toEqual([
    ['duplicate.opened', ['A', 'B'], data],
    ['duplicate.dismissed', ['A', 'B'], data],
    ['duplicate.reopened', ['A', 'B'], data],
    ['duplicate.reopened', ['A', 'B'], data],
    ['duplicate.changed', ['A', 'B', 'C'], all],
    // C was in the set before, so this waits for C's events too
    ['duplicate.changed', ['A', 'B', 'C'], data],
    ['duplicate.resolved', ['A', 'B'], closed],
  ]);
});

it('reports once a set that is reopened and is no longer what it was', async () => {
  const project = 'reopened';
  const both = { email: 'x@example.com', external_id: 'crm-1' };
  await tell(project, mailed('A', 'x@example.com'), mailed('B', 'x@example.com'));
  await follow();
  const [set] = await setsOf(project);
  await decide(project, set?.id ?? '', 'dismiss', null);
  await tell(project, { update: named('A', both) }, { update: named('B', both) });
  await follow();
  await decide(project, set?.id ?? '', 'reopen', null);
  const told = (await eventsOf(project)).map(({ type, data }) => [type, data.reasons]);
  expect(told).toEqual([
    ['duplicate.opened', ['email']],
    ['duplicate.dismissed', ['email']],
    ['duplicate.reopened', ['email', 'external_id']],
  ]);
});

it('reports a set whose contacts were merged by rule or by a person with the decision that closes it', async () => {
  const project = 'merged';
  await tell(project, mailed('A', 'x@example.com'), mailed('B', 'x@example.com'));
  await follow();
  await tell(project, { merge: { survivor: named('A', { email: 'x@example.com' }), loser: named('B') } });
  // what a merge of the set asks for, before the follower comes to the event
  await decisions.examine(project, ['A', 'B'], { type: 'CONTACT_MERGE', event_id: '7' });
  await follow();
  const told = (await eventsOf(project)).map(({ type, data }) => [type, data.resolved_by]);
  expect(told).toEqual([
    ['duplicate.opened', null],
    ['duplicate.resolved', { type: 'CONTACT_MERGE', event_id: '7' }],
  ]);
});

it('reports a set when its contacts are known, not before', async () => {
  const project = 'unknown';
  await tell(project, { duplicates: [{ channel: 'SMS', contact_ids: ['A', 'B'] }] });
  await follow();
  expect(await setsOf(project)).toMatchObject([{ status: 'unknown-members' }]);
  expect(await eventsOf(project)).toEqual([]);
  await tell(project, { update: named('A') }, { update: named('B') });
  await follow();
  expect(await eventsOf(project)).toMatchObject([
    { type: 'duplicate.opened', data: { contact_ids: ['A', 'B'], reasons: ['reported'] } },
  ]);
});

it('reports two sets that became one', async () => {
  const project = 'combined';
  await tell(project, mailed('A', 'x@example.com'), mailed('B', 'x@example.com'));
  await tell(project, mailed('C', 'y@example.com'), mailed('D', 'y@example.com'));
  await follow();
  await tell(project, { duplicates: [{ channel: 'SMS', contact_ids: ['B', 'C'] }] });
  await follow();
  const [first, second, ...others] = await setsOf(project);
  const told = (await eventsOf(project)).slice(2).map(({ type, subject, data }) => [type, subject, data]);
  expect(others).toEqual([]);
  expect(told).toEqual([
    [
      'duplicate.changed',
      first?.id,
      {
        duplicate_id: first?.id,
        contact_ids: ['A', 'B', 'C', 'D'],
        reasons: ['reported', 'email'],
        resolved_by: null,
      },
    ],
    [
      'duplicate.resolved',
      second?.id,
      {
        duplicate_id: second?.id,
        contact_ids: ['C', 'D'],
        reasons: ['email'],
        resolved_by: { type: 'combined', duplicate_id: first?.id },
      },
    ],
  ]);
});

it('reports a value that too many contacts share, and of its end, once each', async () => {
  const project = 'hot';
  const ids = Array.from({ length: 24 }, (_, n) => `contact-${String(n).padStart(2, '0')}`);
  await tell(project, ...ids.slice(0, 22).map((id) => mailed(id, 'x@example.com')));
  await follow();
  const isHot = ({ data }: Kept): boolean => data.reasons[0] === 'hot';
  expect((await eventsOf(project)).filter(isHot)).toMatchObject([
    {
      type: 'duplicate.opened',
      data: { reasons: ['hot'], contact_ids: ids.slice(0, 22), resolved_by: null },
    },
  ]);
  await tell(project, ...ids.slice(2, 22).map((id) => mailed(id, '')));
  await follow();
  await requireTold(project);
  expect((await eventsOf(project)).filter(isHot).map(({ type }) => type)).toEqual([
    'duplicate.opened',
    'duplicate.resolved',
  ]);
});

it('writes nothing where nothing of a set changes that its events show', async () => {
  const project = 'the same';
  const report: Told = { duplicates: [{ channel: 'SMS', contact_ids: ['A', 'B'] }] };
  await tell(project, mailed('A', 'x@example.com'), mailed('B', 'x@example.com'), report);
  await follow();
  const before = await eventsOf(project);
  // one report more of the same contacts, another identity, and a scan that finds the same set
  const channel_identities = [{ channel: 'SMS', identity: '15557654321' }];
  await tell(project, report, { update: named('A', { email: 'x@example.com', channel_identities }) });
  await follow();
  const [set] = await ask<{ report_count: number }>(
    database.ownerUrl,
    'select report_count from duplicate_set where project_id = $1',
    [project],
  );
  expect(set?.report_count).toBe(2);
  await scan(project);
  expect(await eventsOf(project)).toEqual(before);
});

it('changes no set without its event: both are one transaction', async () => {
  const project = 'together';
  await tell(project, mailed('A', 'x@example.com'), mailed('B', 'x@example.com'));
  await follow();
  const [[set], before] = [await setsOf(project), await eventsOf(project)];
  await ask(
    database.ownerUrl,
    `alter table domain_event add constraint refused check (project_id <> 'together') not valid`,
  );
  try {
    const at = new Date();
    await expect(decisions.dismiss(project, set?.id ?? '', { ...somebody, at })).rejects.toThrow('refused');
    await tell(project, mailed('C', 'x@example.com'));
    await expect(decisions.examine(project, ['C'], { type: 'scan' })).rejects.toThrow('refused');
    expect([await setsOf(project), await eventsOf(project)]).toEqual([[set], before]);
  } finally {
    await ask(database.ownerUrl, 'alter table domain_event drop constraint refused');
  }
  await follow();
  await requireTold(project);
});

it('changes each set with its event, wherever its session is killed', async () => {
  const project = 'killed';
  const stop = new AbortController();
  const killing = (async () => {
    while (!stop.signal.aborted)
      await ask(
        database.ownerUrl,
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()
           and query ilike any (array['%duplicate_set%', '%domain_event%', '%shared_value%', '%follower%']) and random() < 0.3`,
      );
  })();
  for (let n = 0; n < 120; n++) {
    const [from, to] = [
      IDS[n % 5] ?? 'A',
      n % 3 === 0 ? 'y@example.com' : n % 7 === 0 ? '' : 'x@example.com',
    ];
    await tell(project, mailed(from, to));
    await follower.followOn().catch(() => undefined);
  }
  stop.abort();
  await killing;
  await until(async () => {
    await follower.followOn().catch(() => undefined);
    return (await followers.lag(FOLLOWER)).events === 0;
  }, 60_000);
  await requireTold(project);
  expect((await eventsOf(project)).length).toBeGreaterThan(0);
});
