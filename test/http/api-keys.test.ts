import type {
  ApiKeyEventsPage,
  ApiKeyObject,
  ApiKeysPage,
  ShownApiKeyObject,
} from '../../src/access/api-keys.dto';
import { ApiKeysRepository } from '../../src/access/api-keys.repository';
import { contact } from '../support/sinch/callbacks';
import { needed, SERVICE_ROLE } from '../support/server/database';
import { ADMIN_KEY, App, at, expectProblem, type Answer, type Project } from '../support/http/app';
import { until } from '../support/until';

let app: App;
let other: App;
let project: Project;

beforeAll(async () => {
  app = await App.start();
  // another replica
  other = await App.start({ database: app.database });
  project = app.project();
  await project.tell({ create: contact('A') }, at(0));
});
afterAll(async () => {
  await other.stop();
  await app.stop();
});
afterEach(() => jest.restoreAllMocks());

async function make(
  more: Partial<Record<keyof ShownApiKeyObject, unknown>> = {},
): Promise<ShownApiKeyObject> {
  const body = { name: 'reader', scopes: ['contacts:read'], project_ids: [project.id], ...more };
  const answer = await app.post('/v1/api-keys', body);
  expect([answer.status, answer.text]).toEqual([201, answer.text]);
  return answer.json() as ShownApiKeyObject;
}

function as(key: string, path: string, replica = app): Promise<Answer> {
  return replica.request('GET', path, { authorization: `Bearer ${key}` });
}

const contactsOf = ({ base }: Project): string => `${base}/contacts`;

async function listed(id: string): Promise<ApiKeyObject | undefined> {
  const { api_keys: keys } = await app.read<ApiKeysPage>('/v1/api-keys?page_size=200');
  return keys.find((key) => key.id === id);
}

/** Resolves when the use of a key is noted: no request waits for that, but each answer about the key shows it. */
async function untilUseNoted(id: string): Promise<void> {
  await until(async () => typeof (await listed(id))?.last_used_at === 'string');
}

it('is shown once, when it is made, and reads what it was made for, on every replica at once', async () => {
  const shown = await make();
  expect(shown).toEqual({
    id: expect.stringMatching(/^[0-9a-f]{32}$/),
    key: expect.stringMatching(new RegExp(`^scm_${shown.id}_[\\w-]{43}$`)),
    name: 'reader',
    scopes: ['contacts:read'],
    project_ids: [project.id],
    created_at: expect.stringMatching(/Z$/),
    expires_at: null,
    rotated_at: null,
    revoked_at: null,
    last_used_at: null,
  });
  for (const replica of [other, app]) {
    expect((await as(shown.key, contactsOf(project), replica)).status).toBe(200);
  }
  expectProblem(await as(shown.key, '/v1/projects/another/contacts'), 403, 'forbidden');
  expectProblem(await as(shown.key, `${project.base}/audit-events`), 403, 'forbidden');
  expectProblem(await as(shown.key, '/v1/api-keys'), 403, 'forbidden');
  const { key, ...rest } = shown;
  await untilUseNoted(shown.id);
  expect(await listed(shown.id)).toEqual({ ...rest, last_used_at: expect.any(String) });
  const [kept] = await app.sql<{ row: string }>('select k::text as row from api_key k where id = $1', [
    shown.id,
  ]);
  expect(kept?.row).not.toContain(key.slice(-43));
});

it('is not the key of somebody who knows its id alone', async () => {
  const { id, key } = await make();
  for (const wrong of [
    `scm_${id}_${'A'.repeat(43)}`,
    key.slice(0, -1),
    `${key}A`,
    key.replace(id, '0'.repeat(32)),
  ]) {
    expectProblem(await as(wrong, contactsOf(project)), 401, 'unauthenticated');
  }
});

it('may be for every project, those to come as well', async () => {
  const { key } = await make({ project_ids: ['*'] });
  expect((await as(key, '/v1/projects/to-come/contacts')).status).toBe(200);
});

it('stops when it expires', async () => {
  const { id, key } = await make({ expires_at: new Date(Date.now() + 60_000).toISOString() });
  expect((await as(key, contactsOf(project))).status).toBe(200);
  await app.sql(`update api_key set expires_at = now() where id = $1`, [id]);
  expectProblem(await as(key, contactsOf(project)), 401, 'unauthenticated');
  expectProblem(await app.post(`/v1/api-keys/${id}:rotate`), 404, 'not-found');
});

it('is rotated: the old one stops at once, or after the grace that was asked for', async () => {
  const first = await make();
  const second = (await app.post(`/v1/api-keys/${first.id}:rotate`)).json() as ShownApiKeyObject;
  expect([second.id, second.key === first.key]).toEqual([first.id, false]);
  expectProblem(await as(first.key, contactsOf(project), other), 401, 'unauthenticated');
  const graced = await app.post(`/v1/api-keys/${first.id}:rotate`, { grace_seconds: 3600 });
  const third = graced.json() as ShownApiKeyObject;
  for (const key of [second.key, third.key])
    expect((await as(key, contactsOf(project), other)).status).toBe(200);
  await app.sql(`update api_key set previous_until = now() where id = $1`, [first.id]);
  expectProblem(await as(second.key, contactsOf(project)), 401, 'unauthenticated');
  expect((await as(third.key, contactsOf(project))).status).toBe(200);
  expectProblem(
    await app.post(`/v1/api-keys/${first.id}:rotate`, { grace_seconds: 604_801 }),
    400,
    'invalid-request',
  );
});

it('is revoked for good, on every replica at once, and any number of times', async () => {
  const { id, key } = await make();
  expect((await as(key, contactsOf(project), other)).status).toBe(200);
  await untilUseNoted(id);
  const revoked = await app.post(`/v1/api-keys/${id}:revoke`);
  expect([revoked.status, revoked.json()]).toEqual([
    200,
    expect.objectContaining({ id, revoked_at: expect.stringMatching(/Z$/) }),
  ]);
  expectProblem(await as(key, contactsOf(project), other), 401, 'unauthenticated');
  expect((await app.post(`/v1/api-keys/${id}:revoke`)).json()).toEqual(revoked.json());
  expectProblem(await app.post(`/v1/api-keys/${id}:rotate`), 404, 'not-found');
  for (const verb of ['rotate', 'revoke'])
    expectProblem(await app.post(`/v1/api-keys/none:${verb}`), 404, 'not-found');
});

it('has each change in a journal that Postgres keeps as it is', async () => {
  const { id, key } = await make({ name: 'auditor', scopes: ['admin'], project_ids: ['*'] });
  const headers = { authorization: `Bearer ${key}` };
  await app.request('POST', `/v1/api-keys/${id}:rotate`, headers);
  await app.post(`/v1/api-keys/${id}:revoke`);
  await app.post(`/v1/api-keys/${id}:revoke`);
  const { api_key_events: events } = await app.read<ApiKeyEventsPage>(`/v1/api-key-events?key_id=${id}`);
  expect(events.map(({ type, actor, details }) => [type, actor, details])).toEqual([
    ['revoked', 'admin', { name: 'auditor' }],
    ['rotated', `auditor (${id})`, { name: 'auditor', grace_seconds: 0 }],
    ['created', 'admin', { name: 'auditor', scopes: ['admin'], project_ids: ['*'], expires_at: null }],
  ]);
  for (const change of [
    'update api_key_event set actor = null',
    'delete from api_key_event',
    'truncate api_key_event',
  ])
    await expect(app.sql(change)).rejects.toMatchObject({ code: '42501' });
  const [may] = await app.sql(
    `select has_table_privilege('${needed(SERVICE_ROLE)}', 'api_key_event', 'INSERT, UPDATE, DELETE, TRUNCATE') as change,
            has_table_privilege('${needed(SERVICE_ROLE)}', 'api_key', 'DELETE, TRUNCATE') as remove`,
  );
  expect(may).toEqual({ change: false, remove: false });
});

it('records changes made with SQL in the same journal, by the owner or by the service role', async () => {
  const grants = `'{admin}', '{*}', decode(repeat('00', 32), 'hex')`;
  for (const [id, role] of [
    ['by-owner', 'none'],
    ['by-service', needed(SERVICE_ROLE)],
  ])
    await app.sql(
      `set role ${role}; insert into api_key (id, name, scopes, project_ids, digest) values ('${id}', 'sql', ${grants}); reset role`,
    );
  await app.sql(`update api_key set scopes = '{ops}' where id = 'by-owner'`);
  await app.sql(`update api_key set digest = decode(repeat('01', 32), 'hex') where id = 'by-owner'`);
  await app.sql(`update api_key set last_used_at = now() where id = 'by-owner'`);
  await app.sql(`update api_key set revoked_at = now() where id = 'by-owner'`);
  await app.sql(`update api_key set revoked_at = null where id = 'by-owner'`);
  await app.sql(`delete from api_key where id like 'by-%'`);
  await expect(app.sql('truncate api_key')).rejects.toMatchObject({ code: '42501' });
  const eventsOf = async (id: string): Promise<unknown> => {
    const { api_key_events: events } = await app.read<ApiKeyEventsPage>(`/v1/api-key-events?key_id=${id}`);
    expect(new Set(events.map(({ actor }) => actor.replace(/: .+/, '')))).toEqual(new Set(['SQL']));
    return events.map(({ type }) => type).reverse();
  };
  expect(await eventsOf('by-owner')).toEqual([
    'created',
    'changed',
    'rotated',
    'revoked',
    'changed',
    'deleted',
  ]);
  expect(await eventsOf('by-service')).toEqual(['created', 'deleted']);
});

it('names itself in the audit events of what it does', async () => {
  const { id, key } = await make({ name: 'writer', scopes: ['contacts:write'] });
  const answer = await app.request('PUT', `${project.base}/contacts/A/references/crm/1`, {
    authorization: `Bearer ${key}`,
  });
  expect(answer.json()).toMatchObject({ created_by: `writer (${id})` });
});

it('has its use noted once a minute at most, and no request waits for it', async () => {
  const { id, key } = await make();
  const noteUse = jest.spyOn(ApiKeysRepository.prototype, 'noteUse');
  let fail = (): void => undefined;
  noteUse.mockImplementationOnce(
    () =>
      new Promise((_resolve, reject) => {
        fail = () => {
          reject(new Error('slow'));
        };
      }),
  );
  const answers = await Promise.all(Array.from({ length: 8 }, () => as(key, contactsOf(project))));
  expect([answers.map(({ status }) => status), noteUse.mock.calls]).toEqual([Array(8).fill(200), [[id]]]);
  fail();
  await as(key, contactsOf(project));
  expect(noteUse).toHaveBeenCalledTimes(2);
  await Promise.all(noteUse.mock.results.slice(1).map(({ value }) => value as Promise<void>));
  await as(key, contactsOf(project));
  expect(noteUse).toHaveBeenCalledTimes(2);
});

it.each([
  ['/body/name', { name: '' }],
  ['/body/name', { name: 'two\nlines' }],
  ['/body/name', { name: 'n'.repeat(101) }],
  ['/body/scopes', { scopes: [] }],
  ['/body/scopes', { scopes: ['everything'] }],
  ['/body/scopes', { scopes: ['ops', 'ops'] }],
  ['/body/project_ids', { project_ids: [] }],
  ['/body/project_ids', { project_ids: ['*', 'p'] }],
  ['/body/project_ids', { project_ids: ['é'.repeat(257)] }],
  ['/body/project_ids', { scopes: ['admin'] }],
  ['/body/expires_at', { expires_at: '2024-01-01T00:00:00Z' }],
  ['/body/expires_at', { expires_at: 'tomorrow' }],
])('is not made where %s is not as it has to be: %j', async (pointer, body) => {
  const whole = { name: 'n', scopes: ['ops'], project_ids: ['p'], ...body };
  const { errors } = expectProblem(await app.post('/v1/api-keys', whole), 400, 'invalid-request');
  expect(errors?.map((fault) => fault.pointer)).toEqual([pointer]);
});

it('is listed page by page, newest first', async () => {
  const made = [await make(), await make(), await make()].map(({ id }) => id);
  const first = await app.read<ApiKeysPage>('/v1/api-keys?page_size=2');
  const second = await app.read<ApiKeysPage>(`/v1/api-keys?page_size=1&page_token=${first.next_page_token}`);
  expect([...first.api_keys, ...second.api_keys].map(({ id }) => id)).toEqual(made.reverse());
});

describe('Without ADMIN_API_KEY', () => {
  it('the service starts once a key with the scope admin works, and the old one is nobody’s', async () => {
    const fresh = await App.start();
    const off = { config: { adminApiKey: false }, database: fresh.database } as const;
    await expect(App.start(off)).rejects.toThrow(
      'Cannot find an admin key: ADMIN_API_KEY is off, but there is no valid key with the scope admin. Create one: npm run mirror -- keys create',
    );
    const body = { name: 'root', scopes: ['admin'], project_ids: ['*'] };
    const { key } = (await fresh.post('/v1/api-keys', body)).json() as ShownApiKeyObject;
    const started = await App.start(off);
    expect((await as(key, '/v1/api-keys', started)).status).toBe(200);
    expectProblem(await as(ADMIN_KEY, '/v1/api-keys', started), 401, 'unauthenticated');
    await started.stop();
    await fresh.stop();
  });
});
