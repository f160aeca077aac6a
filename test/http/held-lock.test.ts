import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { until } from '../support/until';
import { contact } from '../support/sinch/callbacks';
import { App, at, expectProblem } from '../support/http/app';

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

/** More than may wait: one on a connection, twenty without. */
const decisionsMade = 30;

it('while the lock of the followers is held, decisions wait or are answered 503, and all else is answered', async () => {
  const project = app.project();
  const grant = { name: 'reader', scopes: ['contacts:read'], project_ids: [project.id] };
  const { key } = (await app.post('/v1/api-keys', grant)).json() as ShownApiKeyObject;
  for (const id of ['a', 'b'])
    await project.tell({ create: contact(id, { email: 'kim.test@example.com' }) }, at(0));
  await project.followed();
  const { duplicates } = await project.read<{ duplicates: { id: string }[] }>('/duplicates');
  const set = duplicates[0]?.id ?? '';
  const follower = await app.transaction();
  await follower.query(`select pg_advisory_xact_lock(hashtextextended('follower duplicates', 0))`);
  const statuses: number[] = [];
  const deciding = Array.from({ length: decisionsMade }, async () => {
    const answer = await project.post(`/duplicates/${set}:dismiss`, {});
    statuses.push(answer.status);
    if (answer.status === 503)
      expect(expectProblem(answer, 503, 'unavailable').detail).toContain('Too many decisions');
  });
  await until(() => statuses.length === decisionsMade - 21);
  expect(new Set(statuses)).toEqual(new Set([503]));
  expect((await app.get('/health/ready')).status).toBe(200);
  const read = await app.request('GET', `${project.base}/contacts`, { authorization: `Bearer ${key}` });
  expect(read.status).toBe(200);
  const unusable = project.callback({ create: contact('A') }, at(0), { accepted_time: 'soon' });
  expect((await app.deliver(unusable)).status).toBe(202);
  expect((await app.get('/v1/quarantine')).status).toBe(200);
  expect((await app.deliver(project.callback({ create: contact('A') }, at(0)))).status).toBe(200);
  await follower.query('rollback');
  await follower.end();
  await Promise.all(deciding);
  expect(statuses.filter((status) => status === 200)).toHaveLength(21);
});
