import { Callers } from '../../src/access/callers';
import type { ScopeName } from '../../src/access/scope-names.rule';
import type { ReferencesPage, ReferenceObject } from '../../src/references/references.dto';
import { contact } from '../support/sinch/callbacks';
import {
  ADMIN_KEY,
  App,
  at,
  expectProblem,
  inParallel,
  type Answer,
  type Project,
} from '../support/http/app';
import { until } from '../support/until';

let app: App;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());
afterEach(() => {
  jest.restoreAllMocks();
});

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

const remove = (project: Project, id: string, ...name: readonly [string, string]): Promise<Answer> =>
  ask(project, 'DELETE', id, ...name);

const tellMerge = (project: Project, survivor: string, loser: string, when: number): Promise<Buffer> =>
  project.tell({ merge: { survivor: contact(survivor), loser: contact(loser) } }, at(when));

async function listOf(project: Project, path: string): Promise<readonly ReferenceObject[]> {
  const [base = '', query = ''] = path.split('?');
  const search = Object.fromEntries(new URLSearchParams(query));
  return (await project.pages<ReferenceObject>(base, 'references', search)).flat();
}

const namesOf = (references: readonly ReferenceObject[]): string[] =>
  references.map((each) => `${each.system}/${each.external_id}`);

/** The changes of references that the journal tells of, oldest first, each with what its payload says. */
async function changesOf(project: Project): Promise<readonly object[]> {
  const { audit_events: events } = await project.read<{
    audit_events: { id: string; type: string; contact_id: string; actor: string; source: string }[];
  }>('/audit-events?type=reference.set,reference.removed&page_size=200');
  return Promise.all(
    events.toReversed().map(async ({ id, type, contact_id, actor, source }) => {
      const { payload } = await project.read<{ payload: string }>(`/audit-events/${id}`);
      return { type, contact_id, actor, source, said: JSON.parse(payload) as unknown };
    }),
  );
}

/** Makes contacts past the service, where many are wanted: each merged into the one that `survivor` names, SQL of its number i. */
function makeMerged(project: Project, count: number, survivor: string): Promise<unknown> {
  return app.sql(
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys, gone, survivor_id, gone_version, gone_tie_break)
     select $1, 'm-' || i, i, '\\x03', '{}', '{}', 'merged', ${survivor}, i, '\\x03' from generate_series(1, $2::int) i`,
    [project.id, count],
  );
}

/** Lets every key be one that has these scopes, for these projects. */
function limitKeys(scopes: readonly ScopeName[], projects: readonly string[]): void {
  const limited = { id: 'limited', name: 'limited', scopes: new Set(scopes), projects: new Set(projects) };
  jest.spyOn(Callers.prototype, 'find').mockResolvedValue(limited);
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

it('is in the journal: each change once, and what changes nothing not at all', async () => {
  const project = await withContacts('a', 'b', 'c');
  const name = ['crm', 'Kunde "1" ü/\\u0041\u{1f600}'] as const;
  await tellMerge(project, 'b', 'a', 1);
  for (const id of ['a', 'a', 'b']) await put(project, id, ...name);
  await put(project, 'c', ...name);
  await remove(project, 'c', ...name);
  await put(project, 'unknown', 'crm', '2');
  for (const id of ['b', 'a']) expect((await remove(project, id, ...name)).status).toBe(204);
  await put(project, 'c', ...name);
  const change = { actor: 'admin', source: 'api', said: { system: name[0], external_id: name[1] } };
  expect(await changesOf(project)).toEqual([
    { type: 'reference.set', contact_id: 'a', ...change },
    { type: 'reference.removed', contact_id: 'a', ...change },
    { type: 'reference.set', contact_id: 'c', ...change },
  ]);
  // as decisions about duplicates are: in the history of the contact, not in the feed of those who sync
  const { history } = await project.read<{ history: object[] }>('/contacts/c/history');
  expect(history).toMatchObject([{ type: 'reference.set', changes: [] }, { type: 'CONTACT_CREATE' }]);
  await project.tell({ update: contact('b', { display_name: 'Bea' }) }, at(2));
  const { changes } = await project.changes(5);
  const types = changes.map(({ type }) => type);
  expect(types).toEqual(['created', 'created', 'created', 'merged', 'updated']);
});

it('reports each of many changes, in their order', async () => {
  const project = await withContacts('a');
  for (let n = 0; n < 20; n++) {
    expect((await put(project, 'a', 'crm', '1')).status).toBe(201);
    expect((await remove(project, 'a', 'crm', '1')).status).toBe(204);
  }
  const names = Array.from({ length: 100 }, (_, n) => `${n}`);
  const answers = await inParallel(20, names, (each) => put(project, 'a', 'erp', each));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  const changes = await changesOf(project);
  expect(changes).toHaveLength(140);
  const { history } = await project.read<{ history: { type: string }[] }>(
    '/contacts/a/history?page_size=200',
  );
  expect(history.slice(100, 140).map(({ type }) => type)).toEqual(
    Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? 'reference.removed' : 'reference.set')),
  );
});

it('is neither changed nor reported as changed when Postgres ends the session before the commit', async () => {
  const project = await withContacts('a');
  const blocker = await app.transaction();
  await blocker.query('lock table audit_event in share mode');
  const cut = put(project, 'a', 'crm', '1');
  await until(async () => {
    const killed = await app.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock' and query like '%contact_reference%'`,
    );
    return killed.length > 0;
  });
  await blocker.end();
  expectProblem(await cut, 503, 'unavailable');
  expect([await listOf(project, '/references'), await changesOf(project)]).toEqual([[], []]);
  let again = 503;
  await until(async () => {
    again = (await put(project, 'a', 'crm', '1')).status;
    return again !== 503;
  });
  expect([again, await changesOf(project)]).toEqual([201, [expect.anything()]]);
});

it('is the contact’s of two once they are merged', async () => {
  const project = await withContacts('a', 'b');
  await put(project, 'a', 'crm', '1');
  await put(project, 'b', 'crm', '2');
  expectProblem(await put(project, 'b', 'crm', '1'), 409, 'reference-taken');
  await tellMerge(project, 'b', 'a', 1);
  for (const id of ['a', 'b']) {
    const answer = await put(project, id, 'crm', '1');
    expect([answer.status, answer.json()]).toEqual([
      200,
      expect.objectContaining({ contact_id: 'b', resolved_from: 'a' }),
    ]);
  }
  expect(namesOf(await listOf(project, '/contacts/b/references'))).toEqual(['crm/1', 'crm/2']);
});

it('goes to one of many who ask for it at once', async () => {
  const ids = Array.from({ length: 20 }, (_, n) => `contact-${n}`);
  const project = await withContacts(...ids);
  const answers = await inParallel(20, ids, (id) => put(project, id, 'crm', 'wanted'));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array<number>(19).fill(409)]);
  const { contact_id: holder } = await project.read<ReferenceObject>('/references/crm/wanted');
  expect(answers[ids.indexOf(holder)]?.status).toBe(201);
  for (const answer of answers.filter(({ status }) => status === 409))
    expect(expectProblem(answer, 409, 'reference-taken').contact_id).toBe(holder);
  expect(await changesOf(project)).toMatchObject([{ type: 'reference.set', contact_id: holder }]);
});

it('is new once, however many give it to one contact at once', async () => {
  const project = await withContacts('a', 'b');
  await tellMerge(project, 'b', 'a', 1);
  const ids = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? 'a' : 'b'));
  const answers = await inParallel(20, ids, (id) => put(project, id, 'crm', 'wanted'));
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(19).fill(200), 201]);
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
});

it('is given while its contact is merged, and taken away while it is given', async () => {
  const losers = Array.from({ length: 20 }, (_, n) => `loser-${n}`);
  const project = await withContacts('survivor', ...losers);
  const tasks = losers.flatMap((id) => [
    () => tellMerge(project, 'survivor', id, 1).then(() => 200),
    () => put(project, id, 'crm', id).then(({ status }) => status),
    () => put(project, id, 'crm', 'common').then(({ status }) => status),
    () => remove(project, id, 'erp', id).then(({ status }) => status),
    () => put(project, id, 'erp', id).then(({ status }) => status),
  ]);
  const statuses = await inParallel(20, tasks, (task) => task());
  expect(statuses.filter((_, n) => n % 5 === 1)).toEqual(losers.map(() => 201));
  expect(statuses.filter((_, n) => n % 5 === 3)).toEqual(losers.map(() => 204));
  expect(statuses.filter((_, n) => n % 5 === 4)).toEqual(losers.map(() => 201));
  const found = await listOf(project, '/contacts/survivor/references');
  expect(new Set(found.map((each) => each.contact_id))).toEqual(new Set(['survivor']));
  expect(namesOf(found)).toEqual(expect.arrayContaining(losers.map((id) => `crm/${id}`)));
});

it('is taken away with 204, and with 204 again', async () => {
  const project = await withContacts('a', 'b');
  await put(project, 'a', 'crm', '1');
  await tellMerge(project, 'b', 'a', 1);
  for (let n = 0; n < 2; n++) {
    const answer = await remove(project, 'b', 'crm', '1');
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
  expect((await remove(project, 'a', 'crm', '1')).status).toBe(204);
  expect((await remove(project, 'b', 'erp', '2')).status).toBe(204);
  expect(await listOf(project, '/references?state=dangling')).toMatchObject([{ external_id: '2' }]);
});

it('is refused for a contact that is unknown, or whose merges form a cycle', async () => {
  const project = await withContacts('a', 'b');
  expectProblem(await put(project, 'nobody', 'crm', '1'), 404, 'not-found');
  expectProblem(await project.get('/contacts/nobody/references'), 404, 'not-found');
  await put(project, 'a', 'crm', '1');
  await tellMerge(project, 'b', 'a', 1);
  await tellMerge(project, 'a', 'b', 1);
  expectProblem(await put(project, 'a', 'crm', '2'), 409, 'merge-cycle');
  expect(await project.read('/references/crm/1')).toMatchObject({ contact_id: 'a', state: 'cycle' });
  expect((await remove(project, 'a', 'crm', '1')).status).toBe(204);
});

it('shows the references of contacts in a merge cycle, with the state `cycle`', async () => {
  const project = await withContacts('a', 'b');
  await put(project, 'a', 'crm', '1');
  await put(project, 'b', 'crm', '2');
  await tellMerge(project, 'b', 'a', 1);
  await tellMerge(project, 'a', 'b', 1);
  for (const path of ['/contacts/a/references', '/contacts/b/references', '/references?state=cycle']) {
    expect(await listOf(project, path)).toMatchObject([
      { external_id: '1', contact_id: 'a', state: 'cycle' },
      { external_id: '2', contact_id: 'b', state: 'cycle' },
    ]);
  }
});

it.each([
  ['fan-in', `'end'`],
  ['chain', `case i when 1 then 'end' else 'm-' || i - 1 end`],
])('is found by a survivor of a %s of 1,500 merges', async (_, survivor) => {
  const project = await withContacts('end');
  await makeMerged(project, 1_500, survivor);
  expect((await put(project, 'm-1500', 'crm', 'last')).status).toBe(201);
  expect((await put(project, 'm-1', 'crm', 'first')).status).toBe(201);
  expect(await listOf(project, '/contacts/end/references')).toMatchObject([
    { external_id: 'first', contact_id: 'end', resolved_from: 'm-1' },
    { external_id: 'last', contact_id: 'end', resolved_from: 'm-1500' },
  ]);
  expect((await put(project, 'end', 'crm', 'last')).status).toBe(200);
});

it('is listed in the order of the bytes of its names, on pages of any size', async () => {
  const project = await withContacts('a', 'b');
  await tellMerge(project, 'b', 'a', 1);
  const names = ['B', 'a', 'a b', 'a/b', 'ab', 'crm', 'z', 'é', '\u{1f600}'];
  for (const [n, name] of names.toReversed().entries()) {
    await put(project, n % 2 === 0 ? 'a' : 'b', name, 'z');
    await put(project, 'b', name, 'Z');
  }
  const sorted = names.flatMap((name) => [`${name}/Z`, `${name}/z`]);
  for (const path of ['/contacts/a/references', '/references', '/references?state=active']) {
    for (const size of [1, 3, 18, 200]) {
      const query = `${path}${path.includes('?') ? '&' : '?'}page_size=${size}`;
      expect([query, namesOf(await listOf(project, query))]).toEqual([query, sorted]);
    }
  }
});

it('is looked for in a bounded number a request: a page may be empty and have a token', async () => {
  const project = await withContacts('a', 'b');
  await app.sql(
    `insert into contact_reference (project_id, system, external_id, contact_id, created_by)
     select $1, 'crm', 'r-' || i, 'a', 'somebody' from generate_series(1, 12000) i`,
    [project.id],
  );
  await put(project, 'b', 'erp', 'last');
  await project.tell({ delete: contact('b') }, at(1));
  const pages = await project.pages<ReferenceObject>('/references', 'references', { state: 'dangling' });
  expect(pages.length).toBeGreaterThan(2);
  expect(pages.length).toBeLessThan(5);
  expect(namesOf(pages.flat())).toEqual(['erp/last']);
  expect(namesOf(await listOf(project, '/references?state=dangling&system=erp'))).toEqual(['erp/last']);
});

it.each([
  '..',
  '.',
  'a/../b',
  'a%2Fb',
  '%',
  '+',
  'a?b#c',
  'a:b:merge',
  '__proto__',
  'null',
  ' ',
  '\u202e\ufeff',
  "'; drop table contact_reference; --",
  'é'.normalize('NFD'),
  '\u{1f600}'.repeat(128),
])('may be called %j, by a system and a contact of that name', async (name) => {
  const project = await withContacts(name);
  const reference = { system: name, external_id: name, contact_id: name, state: 'active' };
  const escaped = name.startsWith('.') ? name.replaceAll('.', '%2E') : encodeURIComponent(name);
  for (const status of [201, 200]) {
    const answer = await put(project, name, name, name);
    expect([answer.status, answer.json()]).toEqual([status, expect.objectContaining(reference)]);
  }
  expect(await project.read(`/references/${escaped}/${escaped}`)).toMatchObject(reference);
  expect(await listOf(project, `/contacts/${escaped}/references`)).toMatchObject([reference]);
  expect((await remove(project, name, name, name)).status).toBe(204);
  expectProblem(await project.get(`/references/${escaped}/${escaped}`), 404, 'not-found');
});

it('refuses names that are escaped wrongly, empty or longer than any', async () => {
  const project = await withContacts('a');
  const base = `${project.base}/contacts/a/references`;
  for (const [name, status] of [
    ['%zz', 400],
    ['%ff', 400],
    ['%ED%A0%80', 400],
    ['%00', 400],
    ['x'.repeat(513), 400],
    ['ü'.repeat(257), 400],
    ['x'.repeat(5_000), 414],
  ] as const) {
    for (const method of ['PUT', 'DELETE'] as const) {
      expectProblem(await app.request(method, `${base}/crm/${name}`, auth), status, 'invalid-request');
      expectProblem(await app.request(method, `${base}/${name}/1`, auth), status, 'invalid-request');
    }
    expectProblem(await project.get(`/references/${name}/1`), status, 'invalid-request');
  }
  expectProblem(await app.request('PUT', `${base}/crm/`, auth), 404, 'not-found');
  expectProblem(await app.request('PUT', `${base}//1`, auth), 404, 'not-found');
  expect(await listOf(project, '/references')).toEqual([]);
});

it('takes no body, and lets one be', async () => {
  const project = await withContacts('a');
  const path = `${project.base}/contacts/a/references/crm/1`;
  const json = { ...auth, 'content-type': 'application/json' };
  expect((await app.request('PUT', path, json)).status).toBe(201);
  expect((await app.request('PUT', path, json, '{"contact_id":"b"}')).status).toBe(200);
  expect((await app.request('PUT', path, json, '{')).status).toBe(200);
  expect((await app.request('DELETE', path, json)).status).toBe(204);
});

it('is tagged where it is read, and has the headers of every answer', async () => {
  const project = await withContacts('a');
  const made = await put(project, 'a', 'crm', '1');
  expect(made.headers).not.toHaveProperty('etag');
  for (const path of ['/references/crm/1', '/references', '/contacts/a/references']) {
    const { etag } = (await project.get(path)).headers;
    expect((await project.get(path, { 'if-none-match': String(etag) })).status).toBe(304);
  }
  const gone = await remove(project, 'a', 'crm', '1');
  expect(gone.headers).toMatchObject({ 'x-content-type-options': 'nosniff' });
  expect(gone.headers).not.toHaveProperty('content-type');
});

it('takes no other methods, and tells which it takes', async () => {
  const project = await withContacts('a');
  const { base } = project;
  const allowOf = async (method: 'GET' | 'PATCH' | 'POST' | 'PUT', path: string): Promise<unknown> =>
    expectProblem(await app.request(method, `${base}${path}`, auth), 405, 'method-not-allowed').detail;
  expect(await allowOf('GET', '/contacts/a/references/crm/1')).toMatch(
    /accepts (PUT, DELETE|DELETE, PUT), not GET/,
  );
  expect(await allowOf('POST', '/contacts/a/references')).toContain('accepts GET, HEAD, not POST');
  expect(await allowOf('PUT', '/references/crm/1')).toContain('accepts GET, HEAD, not PUT');
  expect(await allowOf('PATCH', '/references')).toContain('accepts GET, HEAD, not PATCH');
});

it('is of its project alone', async () => {
  const [mine, other] = [await withContacts('a', 'b'), await withContacts('a')];
  await put(mine, 'a', 'crm', '1');
  await put(mine, 'b', 'crm', '2');
  expectProblem(await other.get('/references/crm/1'), 404, 'not-found');
  expect(await listOf(other, '/references')).toEqual([]);
  expect(await listOf(other, '/contacts/a/references')).toEqual([]);
  expect((await remove(other, 'a', 'crm', '1')).status).toBe(204);
  expect(await mine.read('/references/crm/1')).toMatchObject({ contact_id: 'a' });
  const { next_page_token: token } = await mine.read<ReferencesPage>('/references?page_size=1');
  expectProblem(await other.get(`/references?page_token=${token}`), 400, 'page-token-mismatch');
  expectProblem(await mine.get(`/contacts/a/references?page_token=${token}`), 400, 'page-token-mismatch');
});

it('wants a key that may read, or write, and is for the project', async () => {
  const project = await withContacts('a');
  const writes = (method: 'DELETE' | 'PUT'): Promise<Answer> => ask(project, method, 'a', 'crm', '1');
  const reads = ['/references', '/references/crm/1', '/contacts/a/references'];

  limitKeys(['contacts:read'], [project.id]);
  expectProblem(await writes('PUT'), 403, 'forbidden');
  expectProblem(await writes('DELETE'), 403, 'forbidden');
  for (const path of ['/references', '/contacts/a/references'])
    expect((await project.get(path)).status).toBe(200);

  limitKeys(['contacts:write'], [project.id]);
  expect((await writes('PUT')).json()).toMatchObject({ created_by: 'limited' });
  for (const path of reads) expectProblem(await project.get(path), 403, 'forbidden');

  limitKeys(['contacts:read', 'contacts:write'], ['another']);
  expectProblem(await writes('PUT'), 403, 'forbidden');
  expectProblem(await writes('DELETE'), 403, 'forbidden');
  for (const path of reads) expectProblem(await project.get(path), 403, 'forbidden');
});

it('refuses what it does not know', async () => {
  const project = await withContacts('a');
  const base = `${project.base}/contacts/a/references`;
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
