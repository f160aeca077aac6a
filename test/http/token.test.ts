import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import type { AccessTokenObject } from '../../src/access/tokens/token.dto';
import { App, expectProblem, type Answer, type Headers } from '../support/http/app';

const FORM = 'application/x-www-form-urlencoded';
const CONTACTS = '/v1/projects/p/contacts';

let app: App;
let other: App;
beforeAll(async () => {
  app = await App.start();
  other = await App.start({ database: app.database });
});
afterAll(async () => {
  await other.stop();
  await app.stop();
});

async function make(more: object = {}): Promise<ShownApiKeyObject> {
  const body = { name: 'client', scopes: ['contacts:read', 'audit:read'], project_ids: ['p'], ...more };
  return (await app.post('/v1/api-keys', body)).json() as ShownApiKeyObject;
}

const basic = ({ id, key }: { id: string; key: string }): Headers => ({
  authorization: `Basic ${Buffer.from(`${id}:${key}`).toString('base64')}`,
});
function ask(form: Readonly<Record<string, string>> | string, headers: Headers = {}): Promise<Answer> {
  const body = typeof form === 'string' ? form : new URLSearchParams(form).toString();
  return app.request('POST', '/oauth2/token', { 'content-type': FORM, ...headers }, body);
}
const GRANT = { grant_type: 'client_credentials' };

async function tokenOf(key: ShownApiKeyObject, form: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await ask({ ...GRANT, ...form }, basic(key));
  expect([answer.status, answer.text]).toEqual([200, answer.text]);
  return (answer.json() as AccessTokenObject).access_token;
}
const read = (token: string, path = CONTACTS, replica = app): Promise<Answer> =>
  replica.request('GET', path, { authorization: `Bearer ${token}` });

it('is given for the id of a key and the key, by Basic or in the form, and holds on every replica', async () => {
  const key = await make();
  const answers = [
    await ask(GRANT, basic(key)),
    await ask({ ...GRANT, client_id: key.id }, basic(key)),
    await ask({ ...GRANT, client_id: key.id, client_secret: key.key, resource: 'passed over' }),
  ];
  for (const answer of answers) {
    expect([answer.status, answer.json()]).toEqual([
      200,
      {
        access_token: expect.any(String),
        token_type: 'bearer',
        expires_in: 3600,
        scope: 'contacts:read audit:read',
      },
    ]);
    expect([answer.headers['cache-control'], answer.headers['pragma']]).toEqual(['no-store', 'no-cache']);
    const { access_token: token } = answer.json() as AccessTokenObject;
    for (const replica of [app, other]) expect((await read(token, CONTACTS, replica)).status).toBe(200);
    expectProblem(await read(token, '/v1/projects/q/contacts'), 403, 'forbidden');
    expectProblem(await read(token, '/v1/api-keys'), 403, 'forbidden');
  }
});

it('is not read from more than 16 KiB, which anyone might send', async () => {
  const key = await make();
  const grant = new URLSearchParams(GRANT).toString();
  const padded = (bytes: number): string => `${grant}&x=`.padEnd(bytes, 'a');
  expect((await ask(padded(16 * 1024), basic(key))).status).toBe(200);
  expectProblem(await ask(padded(16 * 1024 + 1), basic(key)), 413, 'payload-too-large');
});

it('has the scopes that were asked for, and no others', async () => {
  const key = await make();
  const token = await tokenOf(key, { scope: 'audit:read' });
  expect((await read(token, '/v1/projects/p/audit-events')).status).toBe(200);
  expectProblem(await read(token), 403, 'forbidden');
});

it('ends with its key: revoked, expired, or rotated without a grace', async () => {
  const [revoked, expired, rotated, graced] = [await make(), await make(), await make(), await make()];
  const tokens = await Promise.all([revoked, expired, rotated, graced].map((key) => tokenOf(key)));
  await app.post(`/v1/api-keys/${revoked.id}:revoke`);
  await app.sql('update api_key set expires_at = now() where id = $1', [expired.id]);
  await app.post(`/v1/api-keys/${rotated.id}:rotate`);
  await app.post(`/v1/api-keys/${graced.id}:rotate`, { grace_seconds: 60 });
  const statuses = await Promise.all(
    tokens.map(async (token) => (await read(token, CONTACTS, other)).status),
  );
  expect(statuses).toEqual([401, 401, 401, 200]);
});

it('ends within an hour, and not after its key', async () => {
  const soon = await make({ expires_at: new Date(Date.now() + 60_000).toISOString() });
  const { expires_in: life } = (await ask(GRANT, basic(soon))).json() as AccessTokenObject;
  expect(life).toBeGreaterThan(50);
  expect(life).toBeLessThanOrEqual(60);
  const token = await tokenOf(await make());
  const later = Date.now() + 3_600_000;
  jest.spyOn(Date, 'now').mockReturnValue(later);
  const answer = await read(token);
  jest.restoreAllMocks();
  expectProblem(answer, 401, 'unauthenticated');
});

it('is nobody’s when a byte of it is another, and whatever algorithm it names', async () => {
  const token = await tokenOf(await make());
  const [header = '', payload = '', signature = ''] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
  const encode = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  for (const forged of [
    `${header}.${encode({ ...claims, scope: 'admin' })}.${signature}`,
    `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
    `${encode({ alg: 'HS512', typ: 'JWT' })}.${payload}.${signature}`,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${token}.`,
    `${header}.${encode({})}.${signature}`,
    `${header}.e.${signature}`,
    `${header}.${payload}.${signature.slice(0, -2)}AA`,
  ]) {
    expectProblem(await read(forged), 401, 'unauthenticated');
  }
});

describe('Is refused in the manner of RFC 6749', () => {
  let key: ShownApiKeyObject;
  beforeAll(async () => {
    key = await make();
  });

  it.each([
    ['without a grant type', 400, 'invalid_request', () => ask({}, basic(key))],
    [
      'with another grant type',
      400,
      'unsupported_grant_type',
      () => ask({ grant_type: 'password' }, basic(key)),
    ],
    ['with one given twice', 400, 'invalid_request', () => ask(`grant_type=a&grant_type=a`, basic(key))],
    [
      'as JSON',
      400,
      'invalid_request',
      () => ask(JSON.stringify(GRANT), { ...basic(key), 'content-type': 'application/json' }),
    ],
    ['by two methods', 400, 'invalid_request', () => ask({ ...GRANT, client_secret: key.key }, basic(key))],
    ['with two ids', 400, 'invalid_request', () => ask({ ...GRANT, client_id: 'x' }, basic(key))],
    [
      'for a scope that there is not',
      400,
      'invalid_scope',
      () => ask({ ...GRANT, scope: 'all' }, basic(key)),
    ],
    ['for a scope beyond the key', 400, 'invalid_scope', () => ask({ ...GRANT, scope: 'admin' }, basic(key))],
    ['without credentials', 401, 'invalid_client', () => ask(GRANT)],
    ['with an id alone', 401, 'invalid_client', () => ask({ ...GRANT, client_id: key.id })],
    ['with a wrong key', 401, 'invalid_client', () => ask(GRANT, basic({ id: key.id, key: 'x' }))],
    ['with another key’s id', 401, 'invalid_client', () => ask(GRANT, basic({ id: 'x', key: key.key }))],
    ['with a Bearer', 401, 'invalid_client', () => ask(GRANT, { authorization: `Bearer ${key.key}` })],
    ['with no colon', 401, 'invalid_client', () => ask(GRANT, { authorization: 'Basic eHg=' })],
  ] as const)('%s', async (_how, status, error, request) => {
    const answer = await request();
    expect([answer.status, answer.json()]).toEqual([
      status,
      { error, error_description: expect.any(String) },
    ]);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(answer.headers['www-authenticate']).toBe(status === 401 ? 'Basic realm="oauth2"' : undefined);
    expect(answer.text).not.toContain(key.key);
  });
});
