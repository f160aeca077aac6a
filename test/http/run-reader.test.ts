import type { Filter } from '../../src/outward/filter.rule';
import type { Message } from '../../src/outward/message.rule';
import { newestPerContact } from '../../src/outward/newest-per-contact.rule';
import type { Purpose } from '../../src/outward/purpose.rule';
import { readFilter } from '../../src/outward/read-filter.rule';
import { RunReader } from '../../src/outward/run-reader';
import type { Run } from '../../src/outward/run-request';
import { RunsRepository } from '../../src/outward/runs.repository';
import type { RunObject } from '../../src/outward/runs.dto';
import { contact } from '../support/sinch/callbacks';
import { until } from '../support/until';
import { App, at, type Project } from '../support/http/app';
import { insertDead, insertSubscription, journalOf, PlainReader } from '../support/outward/subscription-rows';

jest.setTimeout(60_000);

const CONTACTS = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay', 'gus'];
const WINDOW = { after: '2020-01-01T00:00:00Z', before: '2100-01-01T00:00:00Z' };

let app: App;
let project: Project;
let runs: RunsRepository;
let reader: RunReader;
let ids: readonly string[];

beforeAll(async () => {
  app = await App.start();
  project = app.project();
  for (const [n, id] of CONTACTS.entries()) await project.tell({ create: contact(id) }, at(n));
  runs = app.part(RunsRepository);
  reader = new RunReader(runs, new PlainReader(app));
  const counted = await insertSubscription(app, project.id);
  // open transactions of other tests keep events from being read for a while
  await until(async () => {
    const asked = { ...WINDOW, state: 'all', dry_run: true };
    const answer = await project.post(`/subscriptions/${counted}:replay`, asked);
    return (answer.json() as RunObject).total === CONTACTS.length;
  }, 30_000);
  ids = (await journalOf(app, project.id)).map(({ id, era }) => `evt_${era}_${id}_0`);
});
afterAll(() => app.stop());

function filterOf(value: object): Filter {
  const { filter } = readFilter(value, 'trigger');
  if (filter === null) throw new Error('The filter cannot be read.');
  return filter;
}

async function begin(verb: string, body: object, subscriptionId?: string): Promise<Run> {
  const id = subscriptionId ?? (await insertSubscription(app, project.id));
  const answer = await project.post(`/subscriptions/${id}:${verb}`, body);
  expect([answer.status, answer.text]).toEqual([202, answer.text]);
  const [run] = await runs.running(project.id, id);
  if (run === undefined) throw new Error('The run does not run.');
  return run;
}

/** All that a run sends, page by page, each read from the place that the page before left. */
async function pagesOf(
  run: Run,
  size: number,
  { filter = filterOf({}), purpose = 'trigger' }: { filter?: Filter; purpose?: Purpose } = {},
): Promise<{ pages: string[][]; passed: number; messages: Message[]; deadIds: string[] }> {
  const pages: string[][] = [];
  const messages: Message[] = [];
  const deadIds: string[] = [];
  let [place, passed] = [run.place, 0];
  for (let n = 0; n < 50; n++) {
    const page = await reader.next({ ...run, place }, { filter, purpose }, size);
    if (page.messages.length > 0) pages.push(page.messages.map(({ id }) => id));
    messages.push(...page.messages);
    deadIds.push(...page.deadIds);
    passed += page.passed;
    ({ place } = page);
    if (page.isFinished) return { pages, passed, messages, deadIds };
  }
  throw new Error('The run does not end.');
}

it('replays the events of a window, each once and in their order, from whatever place it is continued', async () => {
  const run = await begin('replay', { ...WINDOW, state: 'all' });
  for (const size of [1, 2, 3, 100]) {
    const { pages, passed } = await pagesOf(run, size);
    expect(pages.flat()).toEqual(ids);
    expect(pages.every((page) => page.length <= size)).toBe(true);
    expect(passed).toBe(run.total);
  }
});

it('replays events whatever their age, but only those that are asked for and that the filter lets pass', async () => {
  // they were accepted years ago, and a trigger is sent only what is at most a day old
  const filter = filterOf({
    max_age_seconds: 60,
    where: { not: { at: 'after', path: '/email', op: 'eq', value: 'bob@example.com' } },
  });
  const all = await begin('replay', { ...WINDOW, state: 'all' });
  expect((await pagesOf(all, 2, { filter })).pages.flat()).toEqual(ids.filter((_, n) => n !== 1));
  const some = await begin('replay', { ...WINDOW, state: 'all', contact_ids: ['bob', 'dan'] });
  expect((await pagesOf(some, 2)).pages.flat()).toEqual([ids[1], ids[3]]);
  const none = await begin('replay', { ...WINDOW, state: 'all', types: ['duplicate.*'] });
  expect((await pagesOf(none, 2)).pages).toEqual([]);
});

it('replays nothing that was received outside of the window', async () => {
  const [, , third] = await journalOf(app, project.id);
  const before = third?.received_at.toISOString() ?? '';
  const run = await begin('replay', { after: WINDOW.after, before, state: 'all' });
  const received = (await journalOf(app, project.id)).map((each) => each.received_at.toISOString() < before);
  expect((await pagesOf(run, 2)).pages.flat()).toEqual(ids.filter((_, n) => received[n]));
  const future = await begin('replay', {
    after: '2099-01-01T00:00:00Z',
    before: WINDOW.before,
    state: 'all',
  });
  expect((await pagesOf(future, 2)).pages).toEqual([]);
});

it('finds the window of a time among many events by halving, also beside events that were written late', async () => {
  const other = app.project();
  await app.sql(
    `insert into audit_event (era, tx, project_id, type, contact_id, version, tie_break, received_at, source, payload, fingerprint, related_contact_ids, accepted_at)
     select 1, (3 + n / 4)::text::xid8, $1, 'CONTACT_UPDATE', 'c' || n, n, decode(lpad(to_hex(n), 66, '0'), 'hex'),
            case when n % 10 = 0 then timestamptz '2000-01-01' else timestamptz '2010-01-01' + n * interval '1 hour' end, 'webhook', '{}',
            decode(lpad(to_hex(n), 64, '0'), 'hex'), '{}', timestamptz 'epoch'
     from generate_series(1, 2000) as n`,
    [other.id],
  );
  const hour = (n: number): Date => new Date(Date.UTC(2010, 0, 1, n));
  const window = await runs.windowOf('journal', hour(1_000), hour(1_010));
  const [counted] = await app.sql<{ count: number }>(
    `select count(*)::int as count from audit_event
     where project_id = $1 and received_at >= $2 and received_at < $3
       and (era, tx, id) > ($4::int, $5::xid8, $6::bigint) and (era, tx, id) < ($7::int, $8::xid8, $9::bigint)`,
    [other.id, hour(1_000), hour(1_010), ...window.from, ...window.until],
  );
  expect(counted?.count).toBe(9);
  const read = await runs.countEvents(other.id, 'journal', window, new Date(0), new Date());
  expect(read).toBeLessThan(300);
});

it('replays what was given up, the oldest first, and says which rows go when it is sent', async () => {
  const id = await insertSubscription(app, project.id);
  const minute = (n: number): Date => new Date(Date.UTC(2026, 0, 1, 0, n));
  const journal = await journalOf(app, project.id);
  for (const n of [2, 0, 1]) {
    await insertDead(app, project.id, id, { eventId: ids[n] ?? '', at: minute(n) });
    await app.sql(
      'update dead_delivery set era = $3, tx = $4, id = $5 where subscription_id = $1 and event_id = $2',
      [id, ids[n], journal[n]?.era, journal[n]?.tx, journal[n]?.id],
    );
  }
  await insertDead(app, project.id, id, { eventId: 'evt_1_999999_0', at: minute(3) });
  const run = await begin('replay', WINDOW, id);
  for (const size of [1, 2, 100]) {
    const { pages, passed, deadIds } = await pagesOf(run, size);
    expect(pages.flat()).toEqual(ids.slice(0, 3));
    expect(deadIds).toEqual(ids.slice(0, 3));
    // one that is no longer kept is passed, and stays given up
    expect(passed).toBe(run.total);
  }
});

it('sends each active contact once as a snapshot, in the order of ids, continued after any of them', async () => {
  const run = await begin('snapshot', {});
  for (const size of [1, 3, 100]) {
    const { messages, passed } = await pagesOf(run, size);
    expect(messages.map(({ subject }) => subject)).toEqual(CONTACTS);
    expect(new Set(messages.map(({ id }) => id)).size).toBe(CONTACTS.length);
    expect(passed).toBe(run.total);
    expect(messages[0]).toMatchObject({
      id: expect.stringMatching(new RegExp(`^snp_${run.id}_[0-9a-f]{16}$`)),
      type: 'contact.snapshot',
      keys: ['ann'],
      before: null,
      after: { id: 'ann' },
      version: at(0),
    });
  }
});

it('leaves out for a replica what a later message of the contact says too, never past a merge or a deletion', () => {
  const message = (id: string, type: string, ...keys: string[]): Message =>
    ({ id, type, subject: keys[0], keys }) as unknown as Message;
  const kept = newestPerContact([
    message('1', 'contact.updated', 'ann'),
    message('2', 'contact.updated', 'bob'),
    message('3', 'contact.channel_added', 'ann'),
    message('4', 'contact.updated', 'ann'),
    message('5', 'contact.merged', 'bob', 'ann'),
    message('6', 'contact.updated', 'ann'),
    message('7', 'contact.updated', 'ann'),
    message('8', 'contact.deleted', 'ann'),
  ]);
  expect(kept.map(({ id }) => id)).toEqual(['2', '3', '4', '5', '7', '8']);
});
