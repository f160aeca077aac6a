import { setTimeout as delay } from 'node:timers/promises';
import type { AuditEventsPage } from '../../src/audit/audit.dto';
import type { SyncRunObject, SyncRunsPage } from '../../src/sync/sync.dto';
import { until } from '../support/until';
import { App, expectProblem, type Project } from '../support/http/app';
import { send } from '../support/sinch/at-simulator';
import { hurrySinchClient } from '../support/sinch/hurried-clock';
import { createContact } from '../support/http/simulated';
import { type Fate, SinchLink } from '../support/http/sinch-link';
import { SyncStory } from '../support/http/sync-story';

jest.setTimeout(60_000);

/** Longest wait for a run, in ms. */
const runMaxMs = 30_000;

hurrySinchClient();

/** What a test left running. */
const endings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function begin(...args: Parameters<typeof SyncStory.begin>): Promise<SyncStory> {
  const story = await SyncStory.begin(...args);
  endings.push(() => story.end());
  return story;
}

/** A service that reaches Sinch by a link. */
async function beginLinked(): Promise<{ story: SyncStory; link: SinchLink }> {
  const links: SinchLink[] = [];
  endings.push(() => Promise.all(links.map((link) => link.close())));
  const story = await begin(
    {},
    {
      apiUrlOf: async (url) => {
        const link = await SinchLink.to(url);
        links.push(link);
        return link.url;
      },
    },
  );
  const [link] = links;
  if (link === undefined) throw new Error('There is no link.');
  return { story, link };
}

const UNCHANGED = { created: 0, updated: 0, deleted: 0, skipped: 0, conflicting: 0, unusable: 0, fields: {} };

describe('A backfill', () => {
  it('brings every contact of an account that was there before, and a second one writes nothing', async () => {
    const story = await begin();
    story.simulator.seed(230);
    const first = await story.sweep('backfill');
    expect(first).toMatchObject({
      mode: 'backfill',
      state: 'completed',
      requested_by: 'admin',
      pages: 12,
      contacts: 230,
      contacts_expected: null,
      drift: { ...UNCHANGED, created: 230, unchanged: 0 },
      absence_candidates: null,
      error: null,
    });
    await story.expectEqual();
    expect(await story.journalRows()).toBe(230);

    const second = await story.sweep('backfill');
    expect(second).toMatchObject({ contacts_expected: 230, drift: { ...UNCHANGED, unchanged: 230 } });
    expect(await story.journalRows()).toBe(230);
    const { sync_runs: listed } = await story.project.read<SyncRunsPage>('/sync-runs');
    expect(listed).toEqual([second, first]);
    const pages = await story.project.pages('/sync-runs', 'sync_runs', { page_size: '1' });
    expect(pages).toEqual([[second], [first]]);
  });

  it('tells in the audit log where its contacts come from, by Sinch’s clock', async () => {
    const story = await begin({ dials: { dateOffsetSeconds: -3_600 } });
    story.simulator.seed(1);
    await story.sweep('backfill');
    const { audit_events: events } = await story.project.read<AuditEventsPage>('/audit-events');
    expect(events).toMatchObject([{ type: 'CONTACT_CREATE', source: 'backfill', actor: 'admin' }]);
    const age = Date.now() - Date.parse(events[0]?.accepted_at ?? '');
    expect(Math.abs(age - 3_602_500)).toBeLessThan(3_000);
  });

  it('deletes nothing', async () => {
    const story = await begin();
    await story.subscribe();
    story.simulator.live(30);
    await story.simulator.settled();
    story.simulator.dials.set({ loss: 1 });
    await send(story.simulator, 'DELETE', `/contacts/${story.simulator.contacts()[0]?.id ?? ''}`);
    story.pass(10);
    const living = (await story.mirrored()).size;
    expect(await story.sweep('backfill')).toMatchObject({ state: 'completed', drift: { deleted: 0 } });
    expect((await story.mirrored()).size).toBe(living);
  });
});

describe('A reconcile', () => {
  it('makes the mirror equal after creates, updates, deletes and merges were lost, and then writes nothing', async () => {
    const story = await begin({ seed: 7, populationMin: 100 });
    await story.subscribe();
    story.simulator.live(150);
    await story.simulator.settled();
    story.simulator.dials.set({ loss: 0.5 });
    story.simulator.live(400);
    await story.simulator.settled();
    story.pass(10);
    const before = await story.mirrored();
    const lost = story.simulator.contacts().filter(({ id }) => !before.has(id)).length;
    const left = [...before.keys()].filter((id) => story.simulator.find(id) === null).length;

    const run = await story.sweep('reconcile', true);
    expect(run).toMatchObject({
      state: 'completed',
      contacts: story.simulator.contacts().length,
      drift: { created: lost, deleted: left, skipped: 0, conflicting: 0, unusable: 0 },
      absence_candidates: left,
      active_contacts: story.simulator.contacts().length + left,
    });
    expect([lost > 20, left > 10, run.drift.updated > 20]).toEqual([true, true, true]);
    expect(Object.keys(run.drift.fields)).toEqual(expect.arrayContaining(['email', 'metadata']));
    await story.expectEqual();

    const rows = await story.journalRows();
    story.pass(10);
    const further = await story.sweep('reconcile');
    expect(further.drift).toEqual({ ...UNCHANGED, unchanged: story.simulator.contacts().length });
    expect(await story.journalRows()).toBe(rows);
    expect(await story.app.sql('select from sync_seen')).toEqual([]);
  });

  it('marks a contact as deleted that Sinch answers 404 for, until a newer event of it arrives', async () => {
    const { story, link } = await beginLinked();
    const id = await createContact(story.simulator, { display_name: 'Ann' });
    await createContact(story.simulator);
    await story.sweep('backfill');
    story.pass(10);
    // missing from the list and from the map of contacts, at the simulator, is as much as deleted
    await send(story.simulator, 'DELETE', `/contacts/${id}`);
    expect(await story.sweep('reconcile')).toMatchObject({ state: 'completed', drift: { deleted: 1 } });
    expectProblem(await story.project.get(`/contacts/${id}`), 410, 'contact-deleted');
    const { audit_events: events } = await story.project.read<AuditEventsPage>(
      '/audit-events?type=contact.absent',
    );
    expect(events).toMatchObject([{ contact_id: id, source: 'reconcile', actor: 'admin' }]);
    expect(link.count(/^GET \/contacts\/./)).toBe(1);

    await story.project.tell(
      { update: { id, display_name: 'Ann is back' } },
      BigInt(Date.now() + 60_000) * 1_000_000n,
    );
    expect(await story.project.contact(id)).toMatchObject({ display_name: 'Ann is back' });
  });

  it('leaves a contact that is missing from the list, yet there when it is asked for', async () => {
    const { story, link } = await beginLinked();
    const [hidden, ...others] = await Promise.all(
      Array.from({ length: 3 }, () => createContact(story.simulator)),
    );
    await story.sweep('backfill');
    story.pass(10);
    const listed = others.map((id) => story.simulator.find(id));
    link.plan(/^GET \/contacts$/, {
      kind: 'answer',
      status: 200,
      isDone: false,
      headers: { date: story.date() },
      body: { contacts: listed, next_page_token: '' },
    });
    const run = await story.sweep('reconcile');
    expect(run).toMatchObject({ state: 'completed', contacts: 3, drift: { ...UNCHANGED, unchanged: 3 } });
    expect(link.count(new RegExp(`^GET /contacts/${hidden ?? ''}$`))).toBe(1);
    await story.expectEqual();
  });

  it('stops before it marks many, and continues when it is confirmed', async () => {
    const story = await begin();
    story.simulator.seed(250);
    await story.sweep('backfill');
    story.pass(10);
    const gone = story.simulator.contacts().slice(0, 3);
    for (const { id } of gone) await send(story.simulator, 'DELETE', `/contacts/${id}`);

    const waiting = await story.sweep('reconcile');
    expect(waiting).toMatchObject({
      state: 'needs_confirmation',
      finished_at: null,
      absence_candidates: 3,
      active_contacts: 250,
      drift: { ...UNCHANGED, unchanged: 247 },
    });
    expect((await story.mirrored()).size).toBe(250);

    // by now one of them is reported by a callback, and skipped
    await story.project.tell(
      { update: { id: gone[0]?.id ?? '', email: 'a@example.com' } },
      BigInt(Date.now() + 20_000) * 1_000_000n,
    );
    const confirmed = await story.sweep('reconcile', true);
    expect(confirmed).toMatchObject({
      id: waiting.id,
      state: 'completed',
      confirmed: true,
      absence_candidates: 2,
      drift: { ...UNCHANGED, unchanged: 247, deleted: 2 },
    });
    expect((await story.mirrored()).size).toBe(248);
  });

  it('starts again where an earlier run waits for a confirmation that never came', async () => {
    const story = await begin();
    story.simulator.seed(150);
    await story.sweep('backfill');
    story.pass(10);
    for (const { id } of story.simulator.contacts().slice(0, 2))
      await send(story.simulator, 'DELETE', `/contacts/${id}`);
    const first = await story.sweep('reconcile');
    const second = await story.sweep('reconcile');
    expect([first.state, second.state, second.id === first.id]).toEqual([
      'needs_confirmation',
      'needs_confirmation',
      false,
    ]);
    expect(await story.run(first.id)).toMatchObject({
      state: 'cancelled',
      error: expect.stringContaining('Another run'),
    });
    expect((await story.sweep('reconcile', true)).id).toBe(second.id);
  });

  it('may always mark a single one', async () => {
    const story = await begin();
    story.simulator.seed(2);
    await story.sweep('backfill');
    story.pass(10);
    await send(story.simulator, 'DELETE', `/contacts/${story.simulator.contacts()[0]?.id ?? ''}`);
    expect(await story.sweep('reconcile')).toMatchObject({ state: 'completed', drift: { deleted: 1 } });
    await story.expectEqual();
  });

  it('reports contacts that exist at Sinch although deleted here, and does not revive them', async () => {
    const story = await begin();
    const id = await createContact(story.simulator, { display_name: 'Zoe' });
    await story.sweep('backfill');
    await story.project.tell({ delete: { id } }, BigInt(Date.now() - 60_000) * 1_000_000n);
    story.pass(10);
    expect(await story.sweep('reconcile')).toMatchObject({
      drift: { ...UNCHANGED, unchanged: 0, conflicting: 1 },
    });
    expectProblem(await story.project.get(`/contacts/${id}`), 410, 'contact-deleted');
    expect(await story.anomalies()).toMatchObject([{ kind: 'fetched-after-delete', contact_id: id }]);
    const rows = await story.journalRows();
    expect((await story.sweep('reconcile')).drift.conflicting).toBe(1);
    expect(await story.journalRows()).toBe(rows);
  });

  it('never overrides callbacks that arrive while it runs, however late and in whatever order', async () => {
    const story = await begin({
      seed: 3,
      populationMin: 150,
      dials: { delayMs: 150, reorder: 0.3, repeats: 0.2 },
    });
    await story.subscribe();
    story.simulator.seed(150);
    story.simulator.live(100);
    await story.simulator.settled();
    story.pass(10);
    story.simulator.dials.set({ pageLatencyMs: 15 });
    const { id } = await story.request('reconcile', true);
    for (let step = 0; step < 40; step++) {
      story.simulator.live(10);
      await delay(10);
    }
    const run = await story.when(id, ({ state }) => state !== 'pending' && state !== 'running');
    await story.simulator.settled();
    expect(run).toMatchObject({ state: 'completed', drift: { conflicting: 0 } });
    await story.expectEqual();
  });

  it('comes to its end though Sinch fails and throttles', async () => {
    const story = await begin({ dials: { failures: 0.1, throttles: 0.1, lostAnswers: 0.05 } });
    story.simulator.seed(300);
    expect(await story.sweep('reconcile')).toMatchObject({ state: 'completed', drift: { created: 300 } });
    await story.expectEqual();
  });
});

describe('A run fails, and changes nothing, when', () => {
  it('the region is the wrong one', async () => {
    const story = await begin();
    story.simulator.seed(30);
    await story.sweep('backfill');
    story.pass(10);
    story.simulator.dials.set({ wrongRegion: true });
    const run = await story.sweep('reconcile');
    expect(run).toMatchObject({ state: 'failed', error: expect.stringContaining('SINCH_REGION') });
    expect(run.finished_at).not.toBeNull();
    await story.expectEqual();
  });

  it('the region becomes the wrong one before absences are looked for', async () => {
    const { story, link } = await beginLinked();
    story.simulator.seed(5);
    await story.sweep('backfill');
    story.pass(10);
    const [missing, ...listed] = story.simulator.contacts();
    const answer = { kind: 'answer', isDone: false, headers: { date: story.date() } } as const;
    const notFound = { ...answer, status: 404 } as const;
    link.plan(
      /^GET \/contacts$/,
      { ...answer, status: 200, body: { contacts: listed, next_page_token: '' } },
      notFound,
    );
    link.plan(new RegExp(`^GET /contacts/${missing?.id ?? ''}$`), notFound);
    expect(await story.sweep('reconcile')).toMatchObject({ state: 'failed', drift: { deleted: 0 } });
    await story.expectEqual();
  });

  it('the access key is refused, and does not tell it', async () => {
    const story = await begin({}, { config: {} });
    story.simulator.expireTokens();
    const { app, simulator } = story;
    const other = await App.start({
      database: app.database,
      config: {
        sinch: {
          projectId: simulator.projectId,
          appId: 'a',
          keyId: 'k',
          keySecret: 'a-very-secret-key',
          apiUrl: simulator.url,
          authUrl: simulator.url,
        },
      },
    });
    endings.push(() => other.stop());
    // the first holds the lock as long as it lives
    await app.drain();
    const project = other.project(simulator.projectId);
    const answer = await project.post('/sync-runs', { mode: 'backfill' });
    const { id } = answer.json() as { id: string };
    let shown = '';
    await until(async () => {
      shown = (await project.get(`/sync-runs/${id}`)).text;
      expect(shown).not.toContain('a-very-secret-key');
      return shown.includes('"state":"failed"');
    }, runMaxMs);
    expect(shown).toContain('SINCH_KEY_SECRET');
  });

  it('answers tell no date: our clock orders nothing', async () => {
    const story = await begin({ dials: { dateOffsetSeconds: 'missing' } });
    story.simulator.seed(30);
    expect(await story.sweep('backfill')).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('Date'),
      pages: 0,
    });
    expect(await story.journalRows()).toBe(0);
  });

  it('page tokens repeat, in a loop of any length, after a bounded number of requests', async () => {
    const { story, link } = await beginLinked();
    const tokens = ['A', 'B', 'C'];
    link.plan(
      /^GET \/contacts$/,
      ...Array.from({ length: 100 }, (_, n) => listAnswer([], tokens[n % tokens.length])),
    );
    expect(await story.sweep('backfill')).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('page tokens repeat'),
    });
    expect(link.count(/^GET \/contacts$/)).toBeLessThan(20);
  });

  it('even a page of one contact is too large', async () => {
    const { story, link } = await beginLinked();
    story.simulator.seed(1);
    link.plan(/^GET \/contacts$/, ...Array.from({ length: 5 }, () => listAnswer([tooLarge('C1')])));
    expect(await story.sweep('backfill')).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('too large'),
    });
    expect(link.count(/^GET \/contacts$/)).toBe(5);
  });
});

it('A run asks for smaller pages where one is too large, and reads all contacts', async () => {
  const { story, link } = await beginLinked();
  story.simulator.seed(45);
  link.plan(/^GET \/contacts$/, listAnswer([tooLarge('C1')]), listAnswer([tooLarge('C1')]));
  expect(await story.sweep('backfill')).toMatchObject({ state: 'completed', contacts: 45, pages: 4 });
  await story.expectEqual();
});

describe('A wait that Sinch asks for', () => {
  it('is shown in the run, and Sinch is not asked before it is over', async () => {
    const { story, link } = await beginLinked();
    story.simulator.seed(5);
    link.plan(/^GET \/contacts$/, throttled(3_600));
    const { id } = await story.request('backfill');
    const waiting = await story.when(id, ({ waiting_until: until }) => until !== null);
    expect(waiting).toMatchObject({ state: 'running', waiting_reason: expect.stringContaining('429') });
    const leftMs = Date.parse(waiting.waiting_until ?? '') - Date.now();
    expect([leftMs > 3_000_000, leftMs < 4_200_000]).toEqual([true, true]);
    const cancelled = await story.project.post(`/sync-runs/${id}:cancel`, {});
    expect(cancelled.json()).toMatchObject({ state: 'cancelled', waiting_until: null, waiting_reason: null });
    // the next run is another one, which asks at once
    expect(await story.sweep('backfill')).toMatchObject({ state: 'completed', contacts: 5 });
    expect(link.count(/^GET \/contacts$/)).toBe(2);
  });

  it('is kept by the process that continues the run after a stop', async () => {
    const { story, link } = await beginLinked();
    story.simulator.seed(5);
    link.plan(/^GET \/contacts$/, throttled(3_600));
    const { id } = await story.request('backfill');
    await story.when(id, ({ waiting_until: until }) => until !== null);
    await story.app.drain();
    const [wait] = await story.app.sql<{ until: Date }>(
      `update sync_run set waiting_until = now() + interval '2 s' returning waiting_until as until`,
    );
    const second = await App.start({
      database: story.app.database,
      config: { sinch: { ...sinchOf(story), apiUrl: link.url } },
    });
    endings.push(() => second.stop());
    const run = await endOf(second.project(story.project.id), id);
    expect(run).toMatchObject({ state: 'completed', contacts: 5, waiting_until: null });
    expect(Date.parse(run.finished_at ?? '')).toBeGreaterThanOrEqual(wait?.until.getTime() ?? Infinity);
  });
});

describe('Of a project', () => {
  it('one run is under way: it is answered again, and another mode is refused', async () => {
    const story = await begin({ dials: { pageLatencyMs: 50 } });
    story.simulator.seed(300);
    const first = await story.request('backfill');
    const again = await story.request('backfill');
    expect(again).toMatchObject({ id: first.id, mode: 'backfill' });
    const problem = expectProblem(
      await story.project.post('/sync-runs', { mode: 'reconcile' }),
      409,
      'sync-under-way',
    );
    expect(problem.detail).toContain(`backfill ${first.id} `);
    expect((await story.request('backfill', true)).confirmed).toBe(true);
  });

  it('a run can be cancelled while it is at work, and the next one starts from the beginning', async () => {
    const story = await begin({ dials: { pageLatencyMs: 20 } });
    story.simulator.seed(300);
    const { id } = await story.request('reconcile');
    await story.when(id, ({ pages }) => pages > 2);
    const answer = await story.project.post(`/sync-runs/${id}:cancel`, {});
    expect([answer.status, answer.json()]).toEqual([
      200,
      expect.objectContaining({ id, state: 'cancelled' }),
    ]);
    const cancelled = await story.run(id);
    expect(cancelled.finished_at).not.toBeNull();
    story.simulator.dials.set({ pageLatencyMs: 0 });
    const next = await story.sweep('reconcile');
    expect(next).toMatchObject({ state: 'completed', contacts: 300 });
    expect(await story.run(id)).toEqual(cancelled);
    await story.expectEqual();
    // what has ended is answered as it is
    const ended = await story.project.post(`/sync-runs/${next.id}:cancel`, {});
    expect([ended.status, ended.json()]).toEqual([200, next]);
  });

  it('a run that was interrupted is continued from its place by another replica', async () => {
    const story = await begin({ dials: { pageLatencyMs: 20 } });
    story.simulator.seed(600);
    const { id } = await story.request('backfill');
    await story.when(id, ({ pages }) => pages > 3);
    const second = await App.start({
      database: story.app.database,
      config: { sinch: { ...sinchOf(story) } },
    });
    endings.push(() => second.stop());
    await story.app.drain();
    const run = await endOf(second.project(story.project.id), id);
    expect(run).toMatchObject({ pages: 30, contacts: 600, drift: { ...UNCHANGED, created: 600 } });
    expect(story.simulator.requests.pages).toBeLessThan(70);
  });

  it('what a batch was to do is counted, though it was done when it was broken off', async () => {
    const story = await begin();
    story.simulator.seed(30);
    const { id } = await story.sweep('backfill');
    // as a kill leaves it that comes when all is committed, and not yet kept as done
    const tally = { ...UNCHANGED, unchanged: 0, contacts: 30, created: 30 };
    await story.app.sql(
      `update sync_run set state = 'running', phase = 'pages', finished_at = null, pages = 0, contacts = 0, created = 0, planned = $2
       where id = $1`,
      [id, JSON.stringify({ pages: 2, until: '', tally })],
    );
    const run = await story.when(id, ({ state }) => state === 'completed');
    expect(run).toMatchObject({ pages: 2, contacts: 30, drift: { ...UNCHANGED, created: 30 } });
  });

  it('none is begun without access to Sinch', async () => {
    const story = await begin();
    for (const project of [story.app.project(), (await unconfigured()).project(story.project.id)]) {
      const problem = expectProblem(
        await project.post('/sync-runs', { mode: 'backfill' }),
        503,
        'upstream-unavailable',
      );
      expect(problem.detail).toContain('SINCH_PROJECT_ID');
      expect(await project.read<SyncRunsPage>('/sync-runs')).toEqual({ sync_runs: [], next_page_token: '' });
    }
  });

  it('runs are asked for as the route takes it', async () => {
    const story = await begin();
    for (const body of [{}, { mode: 'all' }, { mode: 'backfill', confirm: 'yes' }])
      expectProblem(await story.project.post('/sync-runs', body), 400, 'invalid-request');
    for (const id of ['none', '999999', '9'.repeat(30)]) {
      expectProblem(await story.project.get(`/sync-runs/${id}`), 404, 'not-found');
      expectProblem(await story.project.post(`/sync-runs/${id}:cancel`, {}), 404, 'not-found');
    }
    const { id } = await story.sweep('backfill');
    expectProblem(await story.app.project().get(`/sync-runs/${id}`), 404, 'not-found');
  });

  it('contacts are reconciled as often as it is configured, by one of several replicas', async () => {
    const reconcileEveryMs = 1_500;
    const story = await begin({}, { config: { reconcileEveryMs } });
    const second = await App.start({
      database: story.app.database,
      config: { sinch: sinchOf(story), reconcileEveryMs },
    });
    endings.push(() => second.stop());
    story.simulator.seed(10);
    const seededAt = Date.now();
    const list = async (): Promise<SyncRunsPage['sync_runs']> =>
      (await story.project.read<SyncRunsPage>('/sync-runs')).sync_runs;
    await until(async () => {
      const since = (await list()).filter((run) => Date.parse(run.requested_at) >= seededAt);
      return since.filter(({ state }) => state === 'completed').length >= 2;
    }, runMaxMs);
    const runs = await list();
    expect(runs.map(({ mode, requested_by: by }) => [mode, by])).toEqual(
      runs.map(() => ['reconcile', 'schedule']),
    );
    // if each replica asked for its own, one would follow the other sooner
    const times = runs.map(({ requested_at: requestedAt }) => Date.parse(requestedAt)).reverse();
    for (const [n, time] of times.slice(1).entries())
      expect(time - (times[n] ?? 0)).toBeGreaterThanOrEqual(reconcileEveryMs - 1);
    await story.expectEqual();
  });
});

function sinchOf({ simulator }: SyncStory) {
  const { projectId, appId, keyId, keySecret, url } = simulator;
  return { projectId, appId, keyId, keySecret, apiUrl: url, authUrl: url };
}

/** A run when it is completed, as a service shows it. */
async function endOf(project: Project, id: string): Promise<SyncRunObject> {
  const read = (): Promise<SyncRunObject> => project.read<SyncRunObject>(`/sync-runs/${id}`);
  await until(async () => (await read()).state === 'completed', runMaxMs);
  return read();
}

/** A page in Sinch's place. */
function listAnswer(contacts: readonly object[], nextPageToken = ''): Fate {
  return { kind: 'answer', status: 200, body: { contacts, next_page_token: nextPageToken }, isDone: false };
}

/** A contact that makes its page larger than the client reads. */
function tooLarge(id: string): object {
  return { id, display_name: 'x'.repeat(6_000_000) };
}

function throttled(seconds: number): Fate {
  return { kind: 'answer', status: 429, headers: { 'retry-after': `${seconds}` }, isDone: false };
}

async function unconfigured(): Promise<App> {
  const app = await App.start();
  endings.push(() => app.stop());
  return app;
}
