import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Logger } from '@nestjs/common';
import type { Client } from 'pg';
import { DatabaseAddress } from '../../src/database/database-address';
import { PostgresClient } from '../../src/database/postgres-client';
import { Session } from '../../src/database/session';
import {
  batchBytesMax,
  batchEventsMax,
  queueBytesMax,
  queueEventsMax,
  CommitQueue,
  type Outcome,
} from '../../src/audit/commit/commit-queue';
import type { ContactEvent } from '../../src/audit/commit/contact-event.rule';
import { contact } from '../support/sinch/callbacks';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { ask, connect, openQueue } from '../support/postgres/connections';
import { until } from '../support/until';
import { event, updates } from '../support/postgres/events';

jest.setTimeout(60_000);
Logger.overrideLogger(false);

const COMMITTED: Outcome = { kind: 'committed' };
const UNAVAILABLE: Outcome = { kind: 'unavailable' };

let database: TestDatabase;
let queue: CommitQueue;

beforeEach(async () => {
  database = await createDatabase();
  queue = await openQueue(database.url);
});
afterEach(async () => {
  jest.restoreAllMocks();
  await queue.close();
  await database.drop();
});

const commitAll = (events: readonly ContactEvent[]): Promise<readonly Outcome[]> =>
  Promise.all(events.map((each) => queue.commit(each)));

/** The events and the bytes of each statement, one transaction each. */
const batches = () =>
  ask<{ events: number; bytes: number }>(
    database.ownerUrl,
    'select count(*)::int as events, sum(length(payload))::int as bytes from audit_event group by tx order by tx',
  );

/** Keeps every commit waiting until the holder is ended. */
async function holdCommits(): Promise<Client> {
  const holder = await connect(database.ownerUrl);
  await holder.query('begin; lock table contact in access exclusive mode');
  return holder;
}

/** Resolves when a commit waits for the lock of `holdCommits`. */
const untilCommitWaits = (): Promise<void> =>
  until(async () => (await ask(database.ownerUrl, COMMITS_THAT_WAIT)).length > 0);

const COMMITS_THAT_WAIT = `
select from pg_stat_activity
where datname = current_database() and application_name = 'sinch-contact-mirror' and wait_event_type = 'Lock'`;

const kindsOf = (outcomes: readonly Outcome[]): Record<string, number> => {
  const kinds: Record<string, number> = {};
  for (const { kind } of outcomes) kinds[kind] = (kinds[kind] ?? 0) + 1;
  return kinds;
};

describe('batches', () => {
  it('gather what arrives while another commits, 500 events at most', async () => {
    const outcomes = await commitAll(updates('p', 1_200));
    expect(kindsOf(outcomes)).toEqual({ committed: 1_200 });
    expect((await batches()).map(({ events }) => events)).toEqual([1, batchEventsMax, batchEventsMax, 199]);
  });

  it('are 4 MiB at most', async () => {
    await commitAll(updates('p', 41, 'x'.repeat(450_000)));
    const sizes = await batches();
    expect(sizes.reduce((sum, { events }) => sum + events, 0)).toBe(41);
    for (const { bytes } of sizes) expect(bytes).toBeLessThanOrEqual(batchBytesMax);
    expect(sizes).toHaveLength(6);
  });

  it('take a single event that is larger', async () => {
    const outcomes = await commitAll(updates('p', 3, 'x'.repeat(batchBytesMax + 1)));
    expect(kindsOf(outcomes)).toEqual({ committed: 3 });
    expect((await batches()).map(({ events }) => events)).toEqual([1, 1, 1]);
  });
});

describe('the queue', () => {
  it('takes 5,000 events and refuses the next at once, until one is settled', async () => {
    const holder = await holdCommits();
    const [late = event('p', { create: contact('late') })] = updates('q', 1);
    const taken = commitAll(updates('p', queueEventsMax));
    const asked = Date.now();
    expect(await queue.commit(late)).toEqual(UNAVAILABLE);
    expect(Date.now() - asked).toBeLessThan(100);
    await holder.end();
    expect(kindsOf(await taken)).toEqual({ committed: queueEventsMax });
    expect(await queue.commit(late)).toEqual(COMMITTED);
  });

  it('takes 64 MiB and refuses the next at once, until one is settled', async () => {
    const holder = await holdCommits();
    const padding = 'x'.repeat(1024 * 1024 - 600);
    const [small = event('p', { create: contact('small') })] = updates('q', 1);
    const events = updates('p', 70, padding);
    const size = events[0]?.payload.length ?? 0;
    const fitting = Math.floor(queueBytesMax / size);
    const taken = commitAll(events.slice(0, fitting));
    expect(await queue.commit(event('q', { create: contact('x', { metadata: padding }) }))).toEqual(
      UNAVAILABLE,
    );
    const isSmallEnough = fitting * size + small.payload.length <= queueBytesMax;
    const fits = queue.commit(small);
    await holder.end();
    expect(await fits).toEqual(isSmallEnough ? COMMITTED : UNAVAILABLE);
    expect(kindsOf(await taken)).toEqual({ committed: fitting });
    expect(await queue.commit(event('q', { create: contact('x', { metadata: padding }) }))).toEqual(
      COMMITTED,
    );
  });

  it('answers after the commit: what is answered is there for everybody', async () => {
    const reader = await connect(database.url);
    for (const each of updates('p', 100)) {
      expect(await queue.commit(each)).toEqual(COMMITTED);
      const { rows } = await reader.query(
        `select (select count(*)::int from audit_event where fingerprint = decode($1, 'hex')) as journal,
                (select count(*)::int from contact where id = $2) as map`,
        [
          each.notification.fingerprint,
          'contact' in each.notification.content && each.notification.content.contact?.id,
        ],
      );
      expect(rows).toEqual([{ journal: 1, map: 1 }]);
    }
    await reader.end();
  });

  it('answers nothing while the commit waits', async () => {
    const holder = await holdCommits();
    let answered = 0;
    const outcomes = Promise.all(
      updates('p', 50).map(async (each) => {
        const outcome = await queue.commit(each);
        answered += 1;
        return outcome;
      }),
    );
    await untilCommitWaits();
    expect(answered).toBe(0);
    await holder.end();
    expect(kindsOf(await outcomes)).toEqual({ committed: 50 });
    expect(answered).toBe(50);
  });

  it('drains when it closes: what it took is committed, and it takes no more', async () => {
    const taken = commitAll(updates('p', 1_500));
    const closed = queue.close();
    expect(await queue.commit(event('q', { create: contact('late') }))).toEqual(UNAVAILABLE);
    await closed;
    expect(kindsOf(await taken)).toEqual({ committed: 1_500 });
    expect((await batches()).reduce((sum, { events }) => sum + events, 0)).toBe(1_500);
  });
});

/** Postgres refuses it: jsonb holds no U+0000 (22P05). */
function poison(n: number): ContactEvent {
  const signature = { nonce: '\0', timestamp: '1', signature: '', secret_id: '' };
  return { ...event('p', { create: contact(`poison-${n}`) }), signature };
}

describe('an event that Postgres refuses', () => {
  it.each([1, 7])('is found among 500, and the others are committed (%i of them)', async (count) => {
    const run = jest.spyOn(Session.prototype, 'run');
    const events: ContactEvent[] = updates('p', batchEventsMax - count);
    for (let n = 0; n < count; n++) events.splice((n * 67) % events.length, 0, poison(n));
    const outcomes = await commitAll(events);
    expect(outcomes.map(({ kind }) => kind)).toEqual(
      events.map(({ signature }) => (signature === null ? 'committed' : 'poison')),
    );
    expect(outcomes.find(({ kind }) => kind === 'poison')).toMatchObject({
      detail: expect.stringContaining('22P05'),
    });
    expect(run.mock.calls.length).toBeLessThanOrEqual(200);
    const ids = await ask(database.ownerUrl, `select from contact where id like 'poison-%'`);
    expect(ids).toEqual([]);
  });

  it('needs 200 statements at most: events not settled by then are unavailable, and no outcome is wrong', async () => {
    const run = jest.spyOn(Session.prototype, 'run');
    const commits = () => run.mock.calls.filter(([{ name }]) => name === 'commit-batch').length;
    await queue.commit(event('p', { create: contact('first') }));
    const holder = await holdCommits();
    const first = queue.commit(event('p', { create: contact('second') }));
    const events = updates('p', batchEventsMax).map((each, n) => (n % 3 === 0 ? poison(n) : each));
    const all = commitAll(events);
    await until(() => Promise.resolve(commits() === 2));
    run.mockClear();
    await holder.end();
    const outcomes = await all;
    await first;
    expect(commits()).toBeLessThanOrEqual(200);
    const kept = await ask<{ id: string }>(
      database.ownerUrl,
      `select id from contact where id like 'contact-%'`,
    );
    expect(kindsOf(outcomes)['committed']).toBe(kept.length);
    expect(kindsOf(outcomes)['unavailable']).toBeGreaterThan(0);
    for (const [at, { kind }] of outcomes.entries()) {
      if (kind === 'poison') expect(events[at]?.signature).not.toBeNull();
      if (kind === 'committed') expect(events[at]?.signature).toBeNull();
    }
    expect(await queue.commit(event('p', { create: contact('next') }))).toEqual(COMMITTED);
  });
});

/** The next `count` statements that write the map fail with a SQLSTATE. */
async function failCommits(sqlState: string, count: number): Promise<void> {
  await ask(
    database.ownerUrl,
    `create sequence tries;
     create function fail() returns trigger language plpgsql security definer as $$
     begin
       if nextval('tries') <= ${count} then raise exception 'planted' using errcode = '${sqlState}'; end if;
       return null;
     end
     $$;
     create trigger fail before insert on contact for each statement execute function fail()`,
  );
}

describe('a failed statement', () => {
  it.each([
    ['a deadlock', '40P01'],
    ['a serialisation failure', '40001'],
    ['a lock time-out', '55P03'],
  ])('is tried again three times after %s', async (_, sqlState) => {
    await failCommits(sqlState, 3);
    expect(await queue.commit(event('p', { create: contact('A') }))).toEqual(COMMITTED);
    expect(await ask(database.ownerUrl, 'select last_value::int as tries from tries')).toEqual([
      { tries: 4 },
    ]);
  });

  it.each([
    ['a fourth deadlock', '40P01', 4],
    ['a full disk', '53100', 1],
    ['an error of ours', '42P01', 1],
    ['a violated unique index that is not the arbiter', '23505', 1],
    ['a shutdown', '57P01', 1],
  ])('is unavailable after %s, and the queue connects again', async (_, sqlState, count) => {
    await failCommits(sqlState, count);
    expect(await queue.commit(event('p', { create: contact('A') }))).toEqual(UNAVAILABLE);
    await until(
      async () => (await queue.commit(event('p', { create: contact('A') }))).kind === 'committed',
      2_000,
    );
  });

  it('waits for a lock longer than its time-out', async () => {
    const impatient = await openQueue(database.url, { lockMs: 500 });
    const holder = await holdCommits();
    const run = jest.spyOn(Session.prototype, 'run');
    const outcome = impatient.commit(event('p', { create: contact('A') }));
    // when the second try has begun, the first is over, and there are two more
    await until(() => run.mock.calls.filter(([{ name }]) => name === 'commit-batch').length === 2);
    await expect(run.mock.results[0]?.value).rejects.toMatchObject({ code: '55P03' });
    await holder.end();
    expect(await outcome).toEqual(COMMITTED);
    await impatient.close();
  });
});

describe('a lost session', () => {
  /** The queue's search for a new session: called when one is lost, and over when one is found or the queue is closed. */
  let searches: jest.SpyInstance<Promise<void>, []>;
  beforeEach(() => {
    const prototype = CommitQueue.prototype as unknown as { reconnect: () => Promise<void> };
    searches = jest.spyOn(prototype, 'reconnect');
  });
  const untilSearching = (): Promise<void> => until(() => searches.mock.calls.length > 0);

  const killSessions = () =>
    ask(
      database.ownerUrl,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name = 'sinch-contact-mirror'`,
    );

  it('in the middle of a commit makes its events unavailable, and is replaced', async () => {
    const holder = await holdCommits();
    const outcomes = commitAll(updates('p', 10));
    await untilCommitWaits();
    await killSessions();
    expect(kindsOf(await outcomes)).toEqual({ unavailable: 10 });
    await holder.end();
    await until(async () => kindsOf(await commitAll(updates('p', 10)))['committed'] === 10, 2_000);
    expect(await ask(database.ownerUrl, 'select from audit_event')).toHaveLength(10);
  });

  it('while nothing is committed is replaced before anybody has to ask', async () => {
    await killSessions();
    await untilSearching();
    await searches.mock.results[0]?.value;
    expect(await queue.commit(event('p', { create: contact('A') }))).toEqual(COMMITTED);
  });

  it('that ends while it opens, as those of a server that shuts down do, harms nobody', async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // it listens on a port
    const emitted = jest.spyOn(PostgresClient.prototype, 'emit');
    const early = new CommitQueue(new DatabaseAddress(`postgresql://postgres@127.0.0.1:${port}/mirror`));
    await expect(early.open()).rejects.toThrow();
    await until(() => emitted.mock.calls.some(([name]) => name === 'end'));
    expect(searches).not.toHaveBeenCalled();
    expect(await early.commit(event('p', { create: contact('A') }))).toEqual(UNAVAILABLE);
    server.close();
  });

  it('is not replaced by a queue that closes meanwhile', async () => {
    await killSessions();
    await untilSearching();
    await queue.close();
    await searches.mock.results[0]?.value;
    expect(searches).toHaveBeenCalledTimes(1);
    const left = await ask(
      database.ownerUrl,
      `select from pg_stat_activity where datname = current_database() and application_name = 'sinch-contact-mirror'`,
    );
    expect(left).toEqual([]);
  });
});
