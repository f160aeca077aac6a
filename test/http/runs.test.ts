import type { RunObject, RunsPage } from '../../src/outward/runs.dto';
import { SCOPES } from '../../src/access/scope-names.rule';
import { contact } from '../support/sinch/callbacks';
import { until } from '../support/until';
import { App, at, expectProblem, type Project } from '../support/http/app';
import { insertDead, insertSubscription } from '../support/outward/subscription-rows';

jest.setTimeout(60_000);

let app: App;
let project: Project;

beforeAll(async () => {
  app = await App.start();
  project = app.project();
  for (const [n, id] of ['ann', 'bob', 'cid'].entries())
    // with nothing in common, so that no set of duplicates is an event as well
    await project.tell({ create: contact(id, { channel_identities: [] }) }, at(n));
});
afterAll(() => app.stop());

const WINDOW = { after: '2020-01-01T00:00:00Z', before: '2100-01-01T00:00:00Z' };
const subscribe = (): Promise<string> => insertSubscription(app, project.id);

async function ask(id: string, verb: string, body: object): Promise<RunObject> {
  const answer = await project.post(`/subscriptions/${id}:${verb}`, body);
  expect([answer.status, answer.text]).toEqual([202, answer.text]);
  return answer.json() as RunObject;
}

it('asks for a replay of what was given up, and for one of all events, and counts what it goes through', async () => {
  const id = await subscribe();
  await insertDead(app, project.id, id, { eventId: 'evt_1_1_0' });
  await insertDead(app, project.id, id, { eventId: 'evt_1_2_0', type: 'contact.deleted' });
  await insertDead(app, project.id, id, { eventId: 'evt_1_3_0', at: new Date(0) });
  const dry = await ask(id, 'replay', { ...WINDOW, dry_run: true });
  expect(dry).toMatchObject({ id: null, state: 'counted', total: 2, done: 0 });
  expect(await ask(id, 'replay', { ...WINDOW, dry_run: true, types: ['contact.deleted'] })).toMatchObject({
    total: 1,
  });
  expect(await ask(id, 'replay', { ...WINDOW, dry_run: true, contact_ids: ['nobody'] })).toMatchObject({
    total: 0,
  });
  // open transactions of other tests keep events from being read for a while
  await until(
    async () => (await ask(id, 'replay', { ...WINDOW, dry_run: true, state: 'all' })).total === 3,
    30_000,
  );
  const long = { after: '2020-01-01T00:00:00Z', before: '2020-01-02T00:00:00Z' };
  expect(await ask(id, 'replay', { ...long, dry_run: true, state: 'all' })).toMatchObject({ total: 0 });
  expect((await project.read<RunsPage>(`/subscriptions/${id}/runs`)).runs).toEqual([]);

  const run = await ask(id, 'replay', { ...WINDOW, rate_per_second: 5 });
  expect(run).toMatchObject({
    kind: 'replay',
    state: 'running',
    total: 2,
    done: 0,
    requested_by: 'admin',
    finished_at: null,
    request: { state: 'dead', rate_per_second: 5, types: null, contact_ids: null },
  });
  expect(await project.read<RunObject>(`/subscriptions/${id}/runs/${run.id}`)).toEqual(run);
});

it('runs one of each kind at a time, until it has ended or was stopped', async () => {
  const id = await subscribe();
  const replay = await ask(id, 'replay', WINDOW);
  const snapshot = await ask(id, 'snapshot', {});
  expect(snapshot).toMatchObject({
    kind: 'snapshot',
    state: 'running',
    total: 3,
    request: { status: 'active' },
  });
  const { detail } = expectProblem(
    await project.post(`/subscriptions/${id}:replay`, WINDOW),
    409,
    'run-under-way',
  );
  expect(detail).toContain(`run ${replay.id}`);
  expectProblem(await project.post(`/subscriptions/${id}:snapshot`, {}), 409, 'run-under-way');
  const stopped = await project.post(`/subscriptions/${id}/runs/${replay.id}:stop`, {});
  expect(stopped.json()).toMatchObject({ id: replay.id, state: 'stopped' });
  const again = await project.post(`/subscriptions/${id}/runs/${replay.id}:stop`, {});
  expect(again.json()).toEqual(stopped.json());
  const next = await ask(id, 'replay', WINDOW);
  const pages = await project.pages<RunObject>(`/subscriptions/${id}/runs`, 'runs', { page_size: '2' });
  expect(pages.map((page) => page.map((each) => each.id))).toEqual([[next.id, snapshot.id], [replay.id]]);
});

it('refuses what no run can be, runs of others, and keys that may not read contacts', async () => {
  const id = await subscribe();
  for (const body of [
    {},
    { after: WINDOW.after },
    { after: 'yesterday', before: WINDOW.before },
    { after: WINDOW.before, before: WINDOW.after },
    { ...WINDOW, types: ['contact'] },
    { ...WINDOW, types: [] },
    { ...WINDOW, types: Array.from({ length: 51 }, () => 'contact.*') },
    { ...WINDOW, contact_ids: ['x'.repeat(513)] },
    { ...WINDOW, contact_ids: Array.from({ length: 1_001 }, (_, n) => `c${n}`) },
    { ...WINDOW, rate_per_second: 0 },
    { ...WINDOW, rate_per_second: 5_001 },
    { ...WINDOW, rate_per_second: 1.5 },
    { ...WINDOW, state: 'waiting' },
    { ...WINDOW, dry_run: 'yes' },
    { ...WINDOW, more: true },
  ])
    expectProblem(await project.post(`/subscriptions/${id}:replay`, body), 400, 'invalid-request');
  for (const body of [{ rate_per_second: 9_999 }, { status: 'merged' }, []])
    expectProblem(await project.post(`/subscriptions/${id}:snapshot`, body), 400, 'invalid-request');
  const { id: runId } = await ask(id, 'replay', WINDOW);
  const other = await subscribe();
  const theirs = app.project();
  await insertSubscription(app, theirs.id);
  for (const path of [`${project.base}/subscriptions/${other}`, `${theirs.base}/subscriptions/${id}`]) {
    expectProblem(await app.get(`${path}/runs/${runId}`), 404, 'not-found');
    expectProblem(await app.post(`${path}/runs/${runId}:stop`, {}), 404, 'not-found');
  }
  for (const wrong of ['0', '-1', 'x', '9'.repeat(30), '1%20'])
    expectProblem(await project.get(`/subscriptions/${id}/runs/${wrong}`), 404, 'not-found');
  const scopes = SCOPES.filter((scope) => scope !== 'contacts:read');
  const { key } = (await app.post('/v1/api-keys', { name: 'k', scopes, project_ids: ['*'] })).json() as {
    key: string;
  };
  const headers = { authorization: `Bearer ${key}` };
  expectProblem(await project.post(`/subscriptions/${other}:replay`, WINDOW, headers), 403, 'forbidden');
  expectProblem(await project.post(`/subscriptions/${other}:snapshot`, {}, headers), 403, 'forbidden');
});
