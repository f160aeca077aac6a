import type { DataSource } from 'typeorm';
import { BEGINNING, type Cursor } from '../../src/audit/audit.repository';
import type { DomainEvent } from '../../src/audit/domain-event.rule';
import { DomainEventsRepository, type DomainEventRow } from '../../src/audit/domain-events.repository';
import type { ProjectReads } from '../../src/database/reads/project-reads';
import { OldDeliveriesRepository } from '../../src/outward/old-deliveries.repository';
import { OutwardSweepService } from '../../src/operations/outward-sweep.service';
import { ask, connect, openPool, openReads } from '../support/postgres/connections';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { until } from '../support/until';

let database: TestDatabase;
let pool: DataSource;
let reads: ProjectReads;
let events: DomainEventsRepository;

beforeEach(async () => {
  database = await createDatabase();
  await ask(database.ownerUrl, 'insert into journal_era values (1, 1, 1)');
  pool = await openPool(database.url);
  reads = openReads(database.url);
  events = new DomainEventsRepository(pool, reads);
});
afterEach(async () => {
  await reads.onApplicationShutdown();
  await pool.destroy();
  await database.drop();
});

const opened = (subject: string, more: Partial<DomainEvent> = {}): DomainEvent => ({
  projectId: 'ours',
  type: 'duplicate.opened',
  subject,
  keys: ['A', 'B'],
  data: { duplicate_id: subject },
  ...more,
});
const placeOf = ({ era, tx, id }: DomainEventRow): Cursor => [String(era), tx, id];
const subjects = (found: readonly DomainEventRow[]): readonly string[] => found.map(({ subject }) => subject);

/** Waits until so many events are readable: transactions of other tests on the same server delay them. */
async function untilReadable(count: number): Promise<readonly DomainEventRow[]> {
  let found: readonly DomainEventRow[] = [];
  await until(async () => {
    found = (await events.page(BEGINNING, 1_000)).events;
    return found.length >= count;
  }, 45_000);
  return found;
}

it('gives back what was written, in its order, with the era of the audit log', async () => {
  const hostile = '"}\\ \u{1F600} {a,b} NULL';
  await events.add(pool, [
    opened('1', { keys: [hostile, 'B', ''], data: { duplicate_id: '1', contact_ids: [hostile], n: null } }),
    opened('2', { projectId: 'theirs', type: 'quarantine.received', keys: [] }),
  ]);
  await events.add(pool, []);
  const [first, second, ...others] = await untilReadable(2);
  expect(others).toEqual([]);
  expect(first).toMatchObject({
    era: 1,
    project_id: 'ours',
    type: 'duplicate.opened',
    subject: '1',
    keys: [hostile, 'B', ''],
    data: { duplicate_id: '1', contact_ids: [hostile], n: null },
    at: expect.any(Date) as Date,
  });
  expect(second).toMatchObject({ project_id: 'theirs', type: 'quarantine.received', subject: '2', keys: [] });
});

it('gives each event once and none too early, though transactions end in another order than they began', async () => {
  const slow = await connect(database.url);
  await slow.query('begin');
  await events.add({ query: (text, values) => slow.query(text, values) }, [opened('slow')]);
  const horizon = await events.latest();
  await events.add(pool, [opened('quick')]);
  expect((await events.page(BEGINNING, 10)).events).toEqual([]);
  await slow.query('commit');
  await slow.end();
  expect(subjects(await untilReadable(2))).toEqual(['slow', 'quick']);
  // both became readable after the horizon was asked for
  expect(subjects((await events.page(horizon, 10)).events)).toEqual(['slow', 'quick']);
});

it('begins at its end: what is readable then is not given again, and all after it is', async () => {
  await events.add(pool, [opened('before')]);
  await untilReadable(1);
  let end = await events.latest();
  await until(async () => {
    end = await events.latest();
    return (await events.page(end, 10)).events.length === 0;
  }, 45_000);
  await events.add(pool, [opened('after')]);
  await untilReadable(2);
  expect(subjects((await events.page(end, 10)).events)).toEqual(['after']);
});

it('counts an earlier era as complete', async () => {
  await ask(database.ownerUrl, 'insert into journal_era values (2, 1, 2)');
  await ask(
    database.ownerUrl,
    `insert into domain_event (era, tx, project_id, type, subject, keys, data)
     values (1, '18446744073709551000', 'ours', 'duplicate.opened', 'ahead', '{}', '{}')`,
  );
  await events.add(pool, [opened('now')]);
  expect(subjects(await untilReadable(2))).toEqual(['ahead', 'now']);
});

it('reads page by page, each bounded in events and in bytes, and never none', async () => {
  const large = 'x'.repeat(3 * 2 ** 20);
  for (const [at, size] of [0, 0, 0, 1, 1, 0].entries())
    await events.add(pool, [opened(String(at), size === 0 ? {} : { data: { large } })]);
  await until(async () => {
    const [row] = await ask<{ are: boolean }>(
      database.ownerUrl,
      'select max(tx) < pg_snapshot_xmin(pg_current_snapshot()) as are from domain_event',
    );
    return row?.are === true;
  }, 45_000);
  const pages: (readonly string[])[] = [];
  let after = BEGINNING;
  for (let isMore = true; isMore;) {
    const page = await events.page(after, 2);
    pages.push(subjects(page.events));
    isMore = page.isMore;
    const last = page.events.at(-1);
    if (last === undefined) break;
    after = placeOf(last);
  }
  expect(pages.filter((each) => each.length > 0)).toEqual([
    ['0', '1'],
    ['2', '3'],
    ['4', '5'],
  ]);
  const whole = await events.page(BEGINNING, 10);
  expect([subjects(whole.events), whole.isMore]).toEqual([['0', '1', '2', '3'], true]);
});

it('reads one project, whatever others have', async () => {
  for (let n = 0; n < 4; n++)
    await events.add(pool, [opened(`our ${n}`), opened(`their ${n}`, { projectId: 'theirs' })]);
  const all = await untilReadable(8);
  const first = await events.pageOf('ours', BEGINNING, 3);
  expect([subjects(first.events), first.isMore]).toEqual([['our 0', 'our 1', 'our 2'], true]);
  const [last] = first.events.slice(-1);
  if (last === undefined) throw new Error('no event');
  const rest = await events.pageOf('ours', placeOf(last), 3, pool);
  expect([subjects(rest.events), rest.isMore]).toEqual([['our 3'], false]);
  const theirs = all.find(({ project_id: project }) => project === 'theirs');
  if (theirs === undefined) throw new Error('no event of theirs');
  for (const session of [undefined, pool]) {
    expect(await events.find('theirs', theirs.era, theirs.id, session)).toEqual({
      ...theirs,
      found: undefined,
    });
    expect(await events.find('ours', theirs.era, theirs.id, session)).toBeNull();
    expect(await events.find('theirs', theirs.era + 1, theirs.id, session)).toBeNull();
  }
});

describe('the sweep', () => {
  /** Events of so many days ago, oldest first, in transactions 100, 101, … of era 1. */
  const write = (...daysAgo: readonly number[]): Promise<unknown> =>
    ask(
      database.ownerUrl,
      `insert into domain_event (era, tx, project_id, type, subject, keys, data, at)
       select 1, (99 + n)::text::xid8, 'ours', 'duplicate.opened', days::text, '{}', '{}', now() - make_interval(days => days)
       from unnest($1::int[]) with ordinality as d (days, n)`,
      [daysAgo],
    );
  /** A subscription that has passed the first so many events. */
  const subscribe = (id: string, passed: number, state = 'active'): Promise<unknown> =>
    ask(
      database.ownerUrl,
      `with subscribed as (
         insert into subscription (project_id, id, name, purpose, filter, destination, signing_keys, schema_version, mode, concurrency,
                                   log, state)
         values ('ours', $1, $1, 'trigger', '{}', '{}', '[]', '2026-12-01', 'full', 8, 'all', $3))
       insert into subscription_progress (project_id, subscription_id, era, tx, id, domain_era, domain_tx, domain_id, breaker, figures)
       select 'ours', $1, 1, '1', 1, 1, e.tx, e.id, '{}', '{}' from domain_event e order by e.id limit 1 offset $2 - 1`,
      [id, passed, state],
    );
  const left = async (): Promise<readonly string[]> =>
    (await ask<{ subject: string }>(database.ownerUrl, 'select subject from domain_event order by id')).map(
      ({ subject }) => subject,
    );

  it('removes what is older than 30 days where nobody subscribes', async () => {
    await write(95, 60, 31, 29, 1);
    await new OutwardSweepService(events, new OldDeliveriesRepository(pool)).sweep(2);
    expect(await left()).toEqual(['29', '1']);
  });

  it('keeps what a subscription has not passed, but nothing for more than 90 days', async () => {
    await write(95, 91, 89, 60, 40, 20);
    await subscribe('slow', 4);
    await subscribe('quick', 6);
    await subscribe('deleted', 1, 'deleted');
    await new OutwardSweepService(events, new OldDeliveriesRepository(pool)).sweep(1);
    expect(await left()).toEqual(['40', '20']);
  });

  it('keeps for one that is disabled too: somebody may resume it', async () => {
    await write(95, 60, 40);
    await subscribe('disabled', 1, 'disabled');
    await new OutwardSweepService(events, new OldDeliveriesRepository(pool)).sweep();
    expect(await left()).toEqual(['60', '40']);
  });

  it('looks at no more of the first events than it may remove', async () => {
    await write(1, 1, 1, 40);
    expect(await events.removeOld(3)).toBe(0);
    expect(await events.removeOld(4)).toBe(1);
    expect(await left()).toEqual(['1', '1', '1']);
  });

  it('removes attempts after 7 days, with what destinations answered, and what was given up after 30', async () => {
    const days = [40, 29, 8, 6, 1];
    for (const [n, age] of days.entries()) {
      const at = new Date(Date.now() - age * 86_400_000);
      await pool.query(
        `insert into delivery_attempt (project_id, subscription_id, event_id, type, subject, at, outcome, duration_ms, excerpt)
         values ('ours', 's', $1, 'contact.updated', 'c', $2, 'failed', 1, 'what it answered')`,
        [`evt_1_${n}_0`, at],
      );
      await pool.query(
        `insert into dead_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, reason, died_at)
         values ('ours', 's', $1, 'contact.updated', 'c', 'journal', 1, '1', 1, 0, '{c}', 1, 'status-5xx', $2)`,
        [`evt_1_${n}_0`, at],
      );
    }
    await new OutwardSweepService(events, new OldDeliveriesRepository(pool)).sweep(1);
    const kept = async (table: string): Promise<readonly string[]> =>
      (await ask<{ id: string }>(database.ownerUrl, `select event_id as id from ${table} order by 1`)).map(
        ({ id }) => id,
      );
    expect(await kept('delivery_attempt')).toEqual(['evt_1_3_0', 'evt_1_4_0']);
    expect(await kept('dead_delivery')).toEqual(['evt_1_1_0', 'evt_1_2_0', 'evt_1_3_0', 'evt_1_4_0']);
  });

  it('removes nothing once the service stops', async () => {
    await write(95, 95, 95);
    const sweep = new OutwardSweepService(events, new OldDeliveriesRepository(pool));
    await sweep.beforeApplicationShutdown();
    sweep.start();
    await sweep.sweep();
    expect(await left()).toHaveLength(3);
  });

  it('begins when the service starts', async () => {
    await write(95, 1);
    const sweep = new OutwardSweepService(events, new OldDeliveriesRepository(pool));
    sweep.start();
    await until(async () => (await left()).length === 1);
    await sweep.beforeApplicationShutdown();
  });
});
