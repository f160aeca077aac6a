import { readFileSync } from 'node:fs';
import type { ShownApiKey } from '../../src/access/api-keys.dto';
import { createDatabase, type TestDatabase } from '../server/database';
import { contact } from '../sinch/callbacks';
import { App, at, expectProblem, type Answer } from './app';
import { PostgresLink } from './postgres-link';

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

/** The samples of a scrape: `name{labels}` to value. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const answer = await app.get('/metrics');
  expect([answer.status, answer.headers['content-type']]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  const samples = answer.text.split('\n').flatMap((line) => {
    const [, name, value] = /^([a-z0-9_]+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, Number(value)] as const];
  });
  return new Map(samples);
}

it('counts deliveries by trigger and outcome, batches, requests and what the database tells', async () => {
  const project = app.project('metrics');
  await project.tell({ create: contact('ann', { email: 'ann@example.com' }) }, at(0));
  await project.tell({ update: contact('ann', { email: 'ann@example.com' }) }, at(1));
  await project.tell({ create: contact('bob', { email: 'ann@example.com' }) }, at(2));
  const other = Buffer.from(JSON.stringify({ project_id: 'p', message: {} }));
  expect((await app.deliver(other)).status).toBe(200);
  expect((await app.deliver(Buffer.from('{"unknown":{}}'))).status).toBe(202);
  expect((await app.request('POST', '/webhooks/sinch', {}, other)).status).toBe(401);

  const samples = await scrape();
  const of = (name: string): number | undefined => samples.get(name);
  expect(of('mirror_deliveries_total{trigger="CONTACT_CREATE",outcome="committed"}')).toBe(2);
  expect(of('mirror_deliveries_total{trigger="CONTACT_UPDATE",outcome="committed"}')).toBe(1);
  expect(of('mirror_deliveries_total{trigger="none",outcome="ignored"}')).toBe(1);
  expect(of('mirror_deliveries_total{trigger="none",outcome="quarantined"}')).toBe(1);
  expect(of('mirror_commit_seconds_count{outcome="committed"}')).toBe(3);
  expect(of('mirror_commit_batch_events_sum')).toBe(3);
  expect(of('mirror_http_request_seconds_count{method="POST",route="/webhooks/sinch",status="401"}')).toBe(1);
  expect(of('mirror_quarantine_open')).toBe(1);
  expect(of('mirror_database_up')).toBe(1);
  expect(of('mirror_events_shed_total')).toBe(0);
  expect(of('mirror_queue_events')).toBe(0);
  for (const follower of ['duplicates', 'stats'])
    expect(of(`mirror_follower_lag_events{follower="${follower}"}`)).toEqual(expect.any(Number));
  for (const pool of ['service', 'readers'])
    expect(of(`mirror_database_pool_connections{pool="${pool}",state="waiting"}`)).toBe(0);
  expect(of('nodejs_eventloop_lag_p99_seconds')).toEqual(expect.any(Number));
  expect(of('process_resident_memory_bytes')).toBeGreaterThan(0);
});

it('names nobody: no id, address or query is in it', async () => {
  await app.get('/v1/projects/secret-project/contacts/secret-contact?on_merged=follow');
  await app.get('/secret-path?secret=query');
  const { text } = await app.get('/metrics');
  expect(text).not.toMatch(/secret|ann@example/);
  expect(text).toContain('route="/v1/projects/:project_id/contacts/:contact_id"');
});

it('is for those who may operate, and that for every project', async () => {
  expectProblem(await app.request('GET', '/metrics'), 401, 'unauthenticated');
  const answerFor = async (scopes: string[], projectIds: string[]): Promise<Answer> => {
    const made = await app.post('/v1/api-keys', { name: 'k', scopes, project_ids: projectIds });
    const { key } = made.json() as ShownApiKey;
    return app.request('GET', '/metrics', { authorization: `Bearer ${key}` });
  };
  expect((await answerFor(['ops'], ['*'])).status).toBe(200);
  expectProblem(await answerFor(['contacts:read'], ['*']), 403, 'forbidden');
  expectProblem(await answerFor(['ops'], ['metrics']), 403, 'forbidden');
});

it('tells while Postgres is away what it can, and that it is away', async () => {
  await link.cut();
  try {
    // the first may be how the loss is noticed
    for (const n of [3, 4])
      await app.deliver(app.project('metrics').callback({ create: contact('late') }, at(n)));
    const samples = await scrape();
    expect(samples.get('mirror_database_up')).toBe(0);
    expect(samples.get('mirror_events_shed_total')).toBeGreaterThan(0);
    expect(samples.has('mirror_quarantine_open')).toBe(false);
    expect(samples.has('mirror_follower_lag_events{follower="duplicates"}')).toBe(false);
  } finally {
    await link.mend();
  }
});

it.each(['docs/grafana-board.json', 'docs/alerts.yml'])('has every figure that %s asks for', async (path) => {
  const { text } = await app.get('/metrics');
  const named = new Set(readFileSync(path, 'utf8').match(/\b(?:mirror|nodejs|process)_[a-z0-9_]+/g));
  expect(named.size).toBeGreaterThan(3);
  const families = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  const unknown = [...named].filter(
    (name) => !families.has(name.replace(/_(bucket|sum|count)$/, '')) && !families.has(name),
  );
  expect(unknown).toEqual([]);
});
