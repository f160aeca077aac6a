import { setTimeout as delay } from 'node:timers/promises';
import { administer, urlOfDatabase, createDatabase, type TestDatabase } from '../support/server/database';
import { until } from '../support/until';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, inParallel, type Answer, type Project } from '../support/http/app';
import { PostgresLink } from '../support/http/postgres-link';

/** A returned Postgres is used within this time, in ms. */
const backMaxMs = 2_000;

let database: TestDatabase;
let link: PostgresLink;
let app: App;
beforeAll(async () => {
  database = await createDatabase();
  link = await PostgresLink.to(database.ownerUrl);
  app = await App.start({ database, serviceUrl: link.url });
});
afterAll(async () => {
  await app.stop();
  await link.cut();
  await database.drop();
});

function expectAway(answer: Answer): void {
  expectProblem(answer, 503, 'unavailable');
  expect(answer.headers['retry-after']).toBe('1');
}

/** Asks until the answer is not 503; answers it and how long that took, in ms. */
async function untilBack(ask: () => Promise<Answer>): Promise<[Answer, number]> {
  const began = performance.now();
  for (;;) {
    const answer = await ask();
    if (answer.status !== 503 || performance.now() - began > 10_000)
      return [answer, performance.now() - began];
    expectAway(answer);
    await delay(20);
  }
}

async function expectBack(project: Project): Promise<void> {
  const body = project.callback({ create: contact('back') }, at(0));
  const [answer, tookMs] = await untilBack(() => app.deliver(body));
  expect([answer.status, answer.json()]).toEqual([200, { result: 'committed' }]);
  expect(tookMs).toBeLessThan(backMaxMs);
  const [read] = await untilBack(() => project.get('/contacts/back'));
  expect(read.status).toBe(200);
  const [ready] = await untilBack(() => app.get('/health/ready'));
  expect([ready.status, ready.json()]).toEqual([200, { status: 'ready' }]);
}

/** Delivers one callback after the other until it is stopped; keeps the ids that were acknowledged, and what was refused. */
function sendOn(project: Project): {
  readonly acknowledged: string[];
  readonly refused: Buffer[];
  readonly stop: () => Promise<void>;
} {
  let running = true;
  const acknowledged: string[] = [];
  const refused: Buffer[] = [];
  const senders = inParallel(8, [1, 2, 3, 4, 5, 6, 7, 8], async (sender) => {
    for (let n = 0; running; n++) {
      const id = `${sender}-${n}`;
      const body = project.callback({ create: contact(id) }, at(n));
      const answer = await app.deliver(body);
      if (answer.status === 200) acknowledged.push(id);
      else {
        expectAway(answer);
        refused.push(body);
        await delay(5);
      }
    }
  });
  return {
    acknowledged,
    refused,
    stop: async () => {
      running = false;
      await senders;
    },
  };
}

/** Every acknowledged event is in journal and map, and those that were refused can be sent again. */
async function expectNothingLost(project: Project, acknowledged: string[], refused: Buffer[]): Promise<void> {
  const inJournal = async (): Promise<Set<string>> => {
    const rows = await app.sql<{ id: string }>(
      `select c.id from contact c join audit_event e using (project_id) where c.project_id = $1 and e.contact_id = c.id`,
      [project.id],
    );
    return new Set(rows.map(({ id }) => id));
  };
  const before = await inJournal();
  expect(acknowledged.filter((id) => !before.has(id))).toEqual([]);
  const again = await inParallel(8, refused, (body) => app.deliver(body));
  expect(again.map(({ status }) => status)).toEqual(refused.map(() => 200));
  const [counts] = await app.sql(
    `select count(*)::int as events, count(distinct contact_id)::int as contacts from audit_event where project_id = $1`,
    [project.id],
  );
  const sent = acknowledged.length + refused.length;
  expect(counts).toEqual({ events: sent, contacts: sent });
}

describe('While Postgres cannot be reached', () => {
  it('every route that needs it answers 503 with Retry-After, and the process lives on', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    const { audit_events } = await project.read<{ audit_events: { id: string }[] }>('/audit-events');
    await link.cut();
    const body = project.callback({ update: contact('A', { display_name: 'Jane' }) }, at(1));
    expectAway(await app.deliver(body));
    expectAway(
      await app.deliver(project.callback({ create: contact('A') }, at(0), { accepted_time: 'soon' })),
    );
    const paths = [
      '/contacts',
      '/contacts/A',
      '/contacts/A?at=2024-06-15T14:00:00Z',
      '/contacts/A/history',
      '/contacts:changes',
      '/contacts:changes?wait=30',
      '/contacts:changes?page_token=latest',
      '/audit-events',
      '/audit-events?order=asc',
      `/audit-events/${audit_events[0]?.id ?? ''}`,
    ];
    for (const path of paths) expectAway(await project.get(path));
    expectAway(await project.post('/contacts:resolve', { ids: ['A'] }));
    expectAway(await project.post('/contacts:batchGet', { ids: ['A'] }));
    for (const path of ['/v1/quarantine', '/v1/quarantine/1', '/health/ready'])
      expectAway(await app.get(path));
    for (const verb of ['replay', 'discard']) expectAway(await app.post(`/v1/quarantine/1:${verb}`));
    expect((await app.get('/health/live')).json()).toEqual({ status: 'live' });
    expect((await app.get('/openapi.json')).status).toBe(200);
    await link.mend();
    await expectBack(project);
    expect((await app.deliver(body)).status).toBe(200);
    expect((await project.contact('A'))['display_name']).toBe('Jane');
  });

  it('what was ignored before is ignored still: there is nothing to keep of it', async () => {
    await link.cut();
    const answer = await app.deliver(JSON.stringify({ project_id: 'p', message: {} }));
    expect([answer.status, answer.json()]).toEqual([200, { result: 'ignored' }]);
    await link.mend();
    await expectBack(app.project());
  });

  it('nothing that was acknowledged is lost, and it is used within two seconds of its return', async () => {
    const project = app.project();
    const { acknowledged, refused, stop } = sendOn(project);
    await until(() => acknowledged.length > 20);
    await link.cut();
    await until(() => refused.length > 20);
    // long enough that the queue pauses longer and longer between its tries to connect
    await delay(700);
    await link.mend();
    await expectBack(app.project());
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 20);
    await stop();
    await expectNothingLost(project, acknowledged, refused);
  });
});

describe('When the connection breaks between a commit and its answer', () => {
  it('the delivery is answered 503, and is one event when it comes again', async () => {
    const project = app.project();
    const body = project.callback({ create: contact('A') }, at(0));
    const count = async (): Promise<number> =>
      (await app.sql('select from audit_event where project_id = $1', [project.id])).length;
    link.stall();
    const answering = app.deliver(body);
    await until(async () => (await count()) > 0);
    await link.cut();
    expectAway(await answering);
    await link.mend();
    const [answer] = await untilBack(() => app.deliver(body));
    expect([answer.status, await count()]).toEqual([200, 1]);
    expect((await untilBack(() => project.get('/contacts/A')))[0].status).toBe(200);
  });
});

describe('While the connections to Postgres are silent', () => {
  it('what waits for an answer is answered 503, readiness says so, and new connections serve when there are some', async () => {
    const project = app.project();
    await project.tell({ create: contact('A') }, at(0));
    await project.get('/contacts');
    link.stall();
    expectAway(await app.get('/health/ready'));
    const body = project.callback({ update: contact('A') }, at(1));
    const unusable = project.callback({ create: contact('A') }, at(0), { accepted_time: 'soon' });
    const answers = await Promise.all([
      app.deliver(body),
      app.deliver(unusable),
      ...Array.from({ length: 12 }, () => project.get('/contacts')),
      app.get('/v1/quarantine'),
    ]);
    for (const answer of answers) expectAway(answer);
    expectAway(await app.get('/health/ready'));
    await link.mend();
    const [ready] = await untilBack(() => app.get('/health/ready'));
    expect(ready.status).toBe(200);
    expect((await app.deliver(body)).status).toBe(200);
    expect((await project.get('/contacts')).status).toBe(200);
  });
});

describe('When Postgres ends the sessions of the service', () => {
  it('under load, nothing that was acknowledged is lost, and the next ones are used at once', async () => {
    const project = app.project();
    const { acknowledged, refused, stop } = sendOn(project);
    for (let round = 0; round < 5; round++) {
      const before = acknowledged.length;
      await until(() => acknowledged.length > before + 20);
      await app.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
      );
      expect([200, 503]).toContain((await project.get('/contacts')).status);
    }
    await expectBack(app.project());
    await stop();
    await expectNothingLost(project, acknowledged, refused);
  });

  it('and takes no new ones, deliveries are answered 503 until it does', async () => {
    const project = app.project();
    const name = new URL(database.ownerUrl).pathname.slice(1);
    const maintenance = urlOfDatabase(database.ownerUrl, 'postgres');
    await administer(maintenance, `alter database ${name} allow_connections false`);
    await administer(
      maintenance,
      // waits until they have ended
      `select pg_terminate_backend(pid, 30000) from pg_stat_activity where datname = '${name}'`,
    );
    try {
      expectAway(await app.deliver(project.callback({ create: contact('A') }, at(0))));
      expectAway(
        await app.deliver(project.callback({ create: contact('A') }, at(0), { accepted_time: 'soon' })),
      );
      expectAway(await app.get('/health/ready'));
      expectAway(await project.get('/contacts'));
    } finally {
      await administer(maintenance, `alter database ${name} allow_connections true`);
    }
    await expectBack(project);
  });
});
