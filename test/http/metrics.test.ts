import { readFileSync } from 'node:fs';
import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { createDatabase, type TestDatabase } from '../support/server/database';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem, type Answer } from '../support/http/app';
import { PostgresLink } from '../support/http/postgres-link';

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
  const ahead = BigInt(Date.now() + 3_600_000) * 1_000_000n;
  expect((await app.deliver(project.callback({ create: contact('eve') }, ahead))).status).toBe(202);
  // of each project the newest run counts
  await app.sql(
    `insert into sync_run (project_id, mode, state, requested_by, confirmed)
     values ('metrics', 'reconcile', 'failed', 'admin', false), ('metrics', 'reconcile', 'needs_confirmation', 'admin', false),
            ('other', 'backfill', 'failed', 'admin', false), ('other', 'backfill', 'completed', 'admin', false)`,
  );

  const samples = await scrape();
  const of = (name: string): number | undefined => samples.get(name);
  expect(of('mirror_deliveries_total{trigger="CONTACT_CREATE",outcome="committed"}')).toBe(2);
  expect(of('mirror_deliveries_total{trigger="CONTACT_UPDATE",outcome="committed"}')).toBe(1);
  expect(of('mirror_deliveries_total{trigger="none",outcome="ignored"}')).toBe(1);
  expect(of('mirror_deliveries_total{trigger="none",outcome="quarantined"}')).toBe(2);
  expect(of('mirror_commit_seconds_count{outcome="committed"}')).toBe(3);
  expect(of('mirror_commit_batch_events_sum')).toBe(3);
  expect(of('mirror_http_request_seconds_count{method="POST",route="/webhooks/sinch",status="401"}')).toBe(1);
  expect(of('mirror_deliveries_quarantined_total{reason="unknown-notification"}')).toBe(1);
  expect(of('mirror_deliveries_quarantined_total{reason="future-time"}')).toBe(1);
  expect(of('mirror_deliveries_refused_total{reason="unsigned"}')).toBe(1);
  expect(of('mirror_secret_deliveries_total{secret="0"}')).toBe(6);
  expect(of('mirror_secret_last_used_timestamp_seconds{secret="0"}')).toBeGreaterThan(1_700_000_000);
  expect(of('mirror_secret_last_used_timestamp_seconds{secret="1"}')).toBeUndefined();
  expect(of('mirror_quarantine_open')).toBe(1);
  expect(of('mirror_quarantine_waiting')).toBe(1);
  expect(of('mirror_sync_unfinished')).toBe(1);
  expect(of('mirror_prepared_transaction_age_seconds')).toBe(0);
  expect(of('mirror_database_up')).toBe(1);
  expect(of('mirror_events_shed_total')).toBe(0);
  expect(of('mirror_queue_events')).toBe(0);
  for (const follower of ['duplicates', 'stats'])
    expect(of(`mirror_follower_lag_events{follower="${follower}"}`)).toEqual(expect.any(Number));
  for (const pool of ['service', 'readers', 'reserved'])
    expect(of(`mirror_database_pool_connections{pool="${pool}",state="waiting"}`)).toBe(0);
  expect(of('nodejs_eventloop_lag_p99_seconds')).toEqual(expect.any(Number));
  expect(of('process_resident_memory_bytes')).toBeGreaterThan(0);
});

it('names nobody: no id, address or query is in it', async () => {
  await app.get('/v1/projects/secret-project/contacts/secret-contact?on_merged=follow');
  await app.get('/secret-path?secret=query');
  const { text } = await app.get('/metrics');
  expect(text).not.toMatch(/secret-|secret=query|ann@example/);
  expect(text).toContain('route="/v1/projects/{project_id}/contacts/{contact_id}"');
});

it('names routes as the OpenAPI document does, and which release runs', async () => {
  for (const path of ['/', '/v1/projects/p/contacts:changes', '/v1/quarantine', '/docs']) await app.get(path);
  for (const path of ['/v1/projects/p/duplicates/x:dismiss', '/v1/quarantine/1:replay']) await app.post(path);
  await app.request('POST', '/webhooks/sinch/', {}, '');
  const { text } = await app.get('/metrics');
  const { paths } = (await app.get('/openapi.json')).json() as { paths: Record<string, unknown> };
  const routes = new Set([...text.matchAll(/route="([^"]*)"/g)].map(([, route]) => route ?? ''));
  expect([...routes]).toEqual(
    expect.arrayContaining([
      '/',
      '/v1/projects/{project_id}/contacts:changes',
      '/v1/projects/{project_id}/duplicates/{duplicate_id}:dismiss',
      '/v1/quarantine/{delivery_id}:replay',
      '/webhooks/sinch',
    ]),
  );
  const undescribed = /^(none|\*|\/docs\/.*)$/;
  expect([...routes].filter((route) => !(route in paths) && !undescribed.test(route))).toEqual([]);
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(text).toContain(`mirror_build_info{version="${version}",node="${process.version}"} 1`);
});

it('is for those who may operate, and that for every project', async () => {
  expectProblem(await app.request('GET', '/metrics'), 401, 'unauthenticated');
  const answerFor = async (scopes: string[], projectIds: string[]): Promise<Answer> => {
    const made = await app.post('/v1/api-keys', { name: 'k', scopes, project_ids: projectIds });
    const { key } = made.json() as ShownApiKeyObject;
    return app.request('GET', '/metrics', { authorization: `Bearer ${key}` });
  };
  expect((await answerFor(['ops'], ['*'])).status).toBe(200);
  expectProblem(await answerFor(['contacts:read'], ['*']), 403, 'forbidden');
  expectProblem(await answerFor(['ops'], ['metrics']), 403, 'forbidden');
});

it('reports what it can while Postgres is unavailable, and that it is unavailable', async () => {
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
