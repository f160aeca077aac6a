import type { ReferenceView } from '../../src/contacts/references.service';
import { contact } from '../sinch/callbacks';
import { ADMIN_KEY, App, at, expectProblem, inParallel, type Answer, type Project } from './app';

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const auth = { authorization: `Bearer ${ADMIN_KEY}` };

function ask(
  project: Project,
  method: 'DELETE' | 'PUT',
  id: string,
  ...name: readonly [string, string]
): Promise<Answer> {
  const path = ['contacts', id, 'references', ...name].map(encodeURIComponent).join('/');
  return app.request(method, `${project.base}/${path}`, auth);
}

const put = (project: Project, id: string, ...name: readonly [string, string]): Promise<Answer> =>
  ask(project, 'PUT', id, ...name);

async function withContacts(...ids: readonly string[]): Promise<Project> {
  const project = app.project();
  for (const id of ids) await project.tell({ create: contact(id) }, at(0));
  return project;
}

const merge = (survivor: string, loser: string): { merge: { survivor: object; loser: object } } => ({
  merge: { survivor: contact(survivor), loser: contact(loser) },
});

const tellMerge = (project: Project, survivor: string, loser: string, when: number): Promise<Buffer> =>
  project.tell(merge(survivor, loser) as never, at(when));

async function listOf(project: Project, path: string): Promise<readonly ReferenceView[]> {
  return (
    await project.pages<ReferenceView>(
      path.split('?')[0] ?? '',
      'references',
      Object.fromEntries(new URLSearchParams(path.split('?')[1] ?? '')),
    )
  ).flat();
}

it('answers 201 for a new one, 200 for the same again, and finds it by its name', async () => {
  const project = await withContacts('a');
  const first = await put(project, 'a', 'crm', 'customer/1 ü');
  expect([first.status, first.json()]).toEqual([
    201,
    {
      system: 'crm',
      external_id: 'customer/1 ü',
      contact_id: 'a',
      state: 'active',
      created_at: expect.stringMatching(/Z$/),
      created_by: 'admin',
    },
  ]);
  const again = await put(project, 'a', 'crm', 'customer/1 ü');
  expect([again.status, again.json()]).toEqual([200, first.json()]);
  expect(await project.read(`/references/crm/${encodeURIComponent('customer/1 ü')}`)).toEqual(first.json());
});

it('follows the contact through merges, without a write', async () => {
  const project = await withContacts('a', 'b', 'c');
  await put(project, 'a', 'crm', '1');
  await put(project, 'b', 'erp', '1');
  await tellMerge(project, 'b', 'a', 1);
  await tellMerge(project, 'c', 'b', 2);
  expect(await project.read('/references/crm/1')).toMatchObject({
    contact_id: 'c',
    resolved_from: 'a',
    state: 'active',
  });
  for (const id of ['a', 'b', 'c']) {
    expect(await listOf(project, `/contacts/${id}/references?page_size=1`)).toMatchObject([
      { system: 'crm', contact_id: 'c', resolved_from: 'a' },
      { system: 'erp', contact_id: 'c', resolved_from: 'b' },
    ]);
  }
  // a merged id may be given one, which is answered for its survivor
  const late = await put(project, 'a', 'shop', '9');
  expect([late.status, late.json()]).toEqual([
    201,
    expect.objectContaining({ contact_id: 'c', resolved_from: 'a' }),
  ]);
  // the same contact by another of its ids: nothing changes
  expect((await put(project, 'c', 'crm', '1')).json()).toMatchObject({ contact_id: 'c', resolved_from: 'a' });
});

it('belongs to one contact: another gets 409, which names the holder', async () => {
  const project = await withContacts('a', 'b', 'c');
  await put(project, 'a', 'crm', '1');
  await tellMerge(project, 'b', 'a', 1);
  for (const method of ['PUT', 'DELETE'] as const) {
    const problem = expectProblem(await ask(project, method, 'c', 'crm', '1'), 409, 'reference-taken');
    expect(problem.contact_id).toBe('b');
  }
  expect((await put(project, 'c', 'erp', '1')).status).toBe(201);
  const other = await withContacts('c');
  expect((await put(other, 'c', 'crm', '1')).status).toBe(201);
});

it('goes to one of many who ask for it at once', async () => {
  const ids = Array.from({ length: 20 }, (_, n) => `contact-${n}`);
  const project = await withContacts(...ids);
  const answers = await inParallel(20, ids, (id) => put(project, id, 'crm', 'wanted'));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
  const { contact_id: holder } = await project.read<ReferenceView>('/references/crm/wanted');
  expect(answers[ids.indexOf(holder)]?.status).toBe(201);
});

it('is taken away with 204, and with 204 again', async () => {
  const project = await withContacts('a', 'b');
  await put(project, 'a', 'crm', '1');
  await tellMerge(project, 'b', 'a', 1);
  for (let n = 0; n < 2; n++) {
    const answer = await ask(project, 'DELETE', 'b', 'crm', '1');
    expect([answer.status, answer.text]).toEqual([204, '']);
  }
  expectProblem(await project.get('/references/crm/1'), 404, 'not-found');
  expect(await listOf(project, '/contacts/a/references')).toEqual([]);
});

it('dangles when its contact is deleted, however it came to it, until it is taken away', async () => {
  const project = await withContacts('a', 'b', 'c');
  await put(project, 'a', 'crm', '1');
  await put(project, 'b', 'crm', '2');
  await put(project, 'c', 'crm', '3');
  await put(project, 'b', 'erp', '2');
  await tellMerge(project, 'b', 'a', 1);
  await project.tell({ delete: contact('b') }, at(2));
  const dangling = (await listOf(project, '/references?state=dangling&page_size=2')).map((row) => [
    row.system,
    row.external_id,
    row.contact_id,
  ]);
  expect(dangling).toEqual([
    ['crm', '1', 'b'],
    ['crm', '2', 'b'],
    ['erp', '2', 'b'],
  ]);
  expect(await listOf(project, '/references?state=dangling&system=erp')).toHaveLength(1);
  expect(await listOf(project, '/references?state=active')).toMatchObject([
    { external_id: '3', state: 'active' },
  ]);
  expect(await listOf(project, '/references')).toHaveLength(4);
  expect(await listOf(project, '/contacts/b/references')).toHaveLength(3);
  expectProblem(await put(project, 'a', 'crm', '5'), 410, 'contact-deleted');
  expect(expectProblem(await put(project, 'b', 'crm', '5'), 410, 'contact-deleted').contact_id).toBe('b');
  expect((await ask(project, 'DELETE', 'a', 'crm', '1')).status).toBe(204);
  expect((await ask(project, 'DELETE', 'b', 'erp', '2')).status).toBe(204);
  expect(await listOf(project, '/references?state=dangling')).toMatchObject([{ external_id: '2' }]);
});

it('is refused for a contact that is unknown, or whose merges run in a circle', async () => {
  const project = await withContacts('a', 'b');
  expectProblem(await put(project, 'nobody', 'crm', '1'), 404, 'not-found');
  expectProblem(await project.get('/contacts/nobody/references'), 404, 'not-found');
  await put(project, 'a', 'crm', '1');
  await tellMerge(project, 'b', 'a', 1);
  await tellMerge(project, 'a', 'b', 1);
  expectProblem(await put(project, 'a', 'crm', '2'), 409, 'merge-cycle');
  expect(await project.read('/references/crm/1')).toMatchObject({ contact_id: 'a', state: 'cycle' });
  expect((await ask(project, 'DELETE', 'a', 'crm', '1')).status).toBe(204);
});

it('refuses names that cannot be, and what it does not know', async () => {
  const project = await withContacts('a');
  const base = `${project.base}/contacts/a/references`;
  for (const path of [`${base}/crm/%00`, `${base}/${'x'.repeat(513)}/1`, `${base}/crm/${'ü'.repeat(257)}`]) {
    expectProblem(await app.request('PUT', path, auth), 400, 'invalid-request');
  }
  expectProblem(await app.request('PUT', `${base}/crm/1?force=true`, auth), 400, 'unknown-parameter');
  expectProblem(await app.request('PUT', `${base}/crm`, auth), 404, 'not-found');
  expectProblem(await app.request('PUT', `${base}/crm/1`), 401, 'unauthenticated');
  expectProblem(await app.post(`${base}/crm/1`, {}), 405, 'method-not-allowed');
  expectProblem(await project.get('/references?state=lost'), 400, 'invalid-request');
  await put(project, 'a', 'crm', '1');
  await put(project, 'a', 'crm', '2');
  const { next_page_token: token } = await project.read<{ next_page_token: string }>(
    '/references?page_size=1',
  );
  expectProblem(await project.get(`/references?system=crm&page_token=${token}`), 400, 'page-token-mismatch');
});
