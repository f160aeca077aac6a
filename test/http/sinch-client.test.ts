import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { SinchClient } from '@sinch/sdk-core';
import { contact } from '../support/sinch/callbacks';
import { ADMIN_KEY, App, at, expectProblem, type Answer, type Project } from '../support/http/app';

let app: App;
let project: Project;
let client: SinchClient;
let key: ShownApiKeyObject;

beforeAll(async () => {
  // it tells of every answer that is no success
  jest.spyOn(console, 'debug').mockImplementation();
  app = await App.start();
  project = app.project();
  const body = { name: 'client', scopes: ['contacts:read'], project_ids: [project.id] };
  key = (await app.post('/v1/api-keys', body)).json() as ShownApiKeyObject;
  const host = `http://127.0.0.1:${app.port}`;
  client = new SinchClient({
    projectId: project.id,
    keyId: key.id,
    keySecret: key.key,
    conversationRegion: 'us',
    authHostname: host,
    conversationHostname: host,
  });
});
afterAll(() => app.stop());

describe("Sinch's published client", () => {
  const fields = (n: number): Record<string, unknown> => ({
    display_name: `Person ${n}`,
    external_id: `crm-${n}`,
    email: `person${n}@example.com`,
  });
  beforeAll(async () => {
    for (let n = 0; n < 5; n++) await project.tell({ create: contact(`C${n}`, fields(n)) }, at(n));
    await project.tell(
      { merge: { survivor: contact('C1', fields(1)), loser: contact('C0', fields(0)) } },
      at(9),
    );
  });

  it('lists contacts page by page', async () => {
    const first = await client.conversation.contact.list({ page_size: 3 });
    expect(first.data.map(({ id }) => id)).toEqual(['C1', 'C2', 'C3']);
    expect(first.hasNextPage).toBe(true);
    const second = await first.nextPage();
    expect([second.data.map(({ id }) => id), second.hasNextPage]).toEqual([['C4'], false]);
    const all: unknown[] = [];
    for await (const { id, display_name } of client.conversation.contact.list({ page_size: 1 })) {
      all.push([id, display_name]);
    }
    expect(all).toEqual([1, 2, 3, 4].map((n) => [`C${n}`, `Person ${n}`]));
  });

  it('gets a contact, with what the mirror knows beside', async () => {
    const found = await client.conversation.contact.get({ contact_id: 'C2' });
    expect(found).toMatchObject({
      ...contact('C2', fields(2)),
      mirror: { status: 'active', merged_ids: [] },
    });
  });

  it('gets the survivor of a contact that was merged, by following the redirect', async () => {
    const found = await client.conversation.contact.get({ contact_id: 'C0' });
    expect(found).toMatchObject({ ...contact('C1', fields(1)), mirror: { merged_ids: ['C0'] } });
  });

  it('finds a contact by its external id, and by an identity', async () => {
    const byExternalId = await client.conversation.contact.list({ external_id: 'crm-3' });
    expect(byExternalId.data.map(({ id }) => id)).toEqual(['C3']);
    const byIdentity = await client.conversation.contact.list({ channel: 'SMS', identity: '15551234567' });
    expect(byIdentity.data.map(({ id }) => id)).toEqual(['C1', 'C2', 'C3', 'C4']);
  });

  it('gets 404 for an unknown contact, 410 for a deleted one, and 405 for a write', async () => {
    await project.tell({ delete: contact('gone') }, at(0));
    await expect(client.conversation.contact.get({ contact_id: 'nobody' })).rejects.toMatchObject({
      statusCode: 404,
    });
    await expect(client.conversation.contact.get({ contact_id: 'gone' })).rejects.toMatchObject({
      statusCode: 410,
    });
    await expect(client.conversation.contact.delete({ contact_id: 'C1' })).rejects.toMatchObject({
      statusCode: 405,
    });
  });

  it('gets 401 once its key is revoked', async () => {
    await app.post(`/v1/api-keys/${key.id}:revoke`);
    await expect(client.conversation.contact.get({ contact_id: 'C1' })).rejects.toMatchObject({
      statusCode: 401,
    });
  });
});

/** Sinch's Contact, with every field as its clients expect it. */
const CONTACT_FIELDS = {
  id: 'string',
  channel_identities: 'list',
  channel_priority: 'list',
  display_name: 'string',
  email: 'string',
  external_id: 'string',
  metadata: 'string',
  language: 'string',
} as const;

/** What Sinch's Python client throws where a field is missing. */
class KeyError extends Error {}

/**
 * Does on the wire what Sinch's Java, Python and .NET clients do: a token by client credentials, renewed only where a 401 says
 * `expired`; every field of a contact read by name; errors read at `error.message` and `error.status`.
 */
class StrictClient {
  private token: string | null = null;
  tokensFetched = 0;

  constructor(
    private readonly keyId: string,
    private readonly keySecret: string,
    /** Is called before each request but those for tokens. */
    private readonly before: () => void = () => undefined,
  ) {}

  async call(path: string): Promise<Record<string, unknown>> {
    this.token ??= await this.fetchToken();
    this.before();
    let answer = await app.request('GET', path, { authorization: `Bearer ${this.token}` });
    jest.restoreAllMocks();
    if (answer.status === 401 && String(answer.headers['www-authenticate']).includes('expired')) {
      this.token = await this.fetchToken();
      answer = await app.request('GET', path, { authorization: `Bearer ${this.token}` });
    }
    const body = answer.json() as Record<string, unknown>;
    if (answer.status < 300) return body;
    const error = read(body, 'error') as Record<string, unknown>;
    throw new Error(
      `${String(read(error, 'status'))} ${String(read(error, 'code'))} ${String(read(error, 'message'))}`,
    );
  }

  async list(): Promise<unknown[]> {
    const { contacts } = await this.call(`${project.base}/contacts`);
    return (contacts as Record<string, unknown>[]).map(readContact);
  }

  private async fetchToken(): Promise<string> {
    this.tokensFetched += 1;
    const credentials = Buffer.from(`${this.keyId}:${this.keySecret}`).toString('base64');
    const headers = {
      authorization: `Basic ${credentials}`,
      'content-type': 'application/x-www-form-urlencoded',
    };
    const answer = await app.request('POST', '/oauth2/token', headers, 'grant_type=client_credentials');
    return String((answer.json() as Record<string, unknown>)['access_token']);
  }
}

function read(object: Record<string, unknown>, name: string): unknown {
  if (!Object.hasOwn(object, name)) throw new KeyError(name);
  return object[name];
}

function readContact(contact: Record<string, unknown>): unknown {
  for (const [name, type] of Object.entries(CONTACT_FIELDS)) {
    const value = read(contact, name);
    if ((Array.isArray(value) ? 'list' : typeof value) !== type) throw new TypeError(name);
  }
  return contact['id'];
}

describe("Sinch's other clients, by what they do on the wire", () => {
  let own: ShownApiKeyObject;
  beforeAll(async () => {
    const body = { name: 'strict', scopes: ['contacts:read'], project_ids: [project.id] };
    own = (await app.post('/v1/api-keys', body)).json() as ShownApiKeyObject;
  });

  it('renew a token that expired, since the answer says so, and only then', async () => {
    const client = new StrictClient(own.id, own.key, () => {
      jest.spyOn(Date, 'now').mockReturnValue(new Date().getTime() + 3_600_000);
    });
    expect(await client.list()).toContain('C1');
    expect(client.tokensFetched).toBe(2);
    const answer = await app.request('GET', `${project.base}/contacts`, { authorization: 'Bearer nobody' });
    expect(expectProblem(answer, 401, 'unauthenticated').error).toMatchObject({ status: 'UNAUTHENTICATED' });
    expect(answer.headers['www-authenticate']).not.toContain('expired');
  });

  it('read every field of every contact, whatever the callbacks left out or had as null', async () => {
    const told = [
      { id: 'bare' },
      {
        id: 'nulls',
        ...Object.fromEntries(
          Object.keys(CONTACT_FIELDS)
            .slice(1)
            .map((name) => [name, null]),
        ),
      },
      { id: 'more', nrs_data: null, channel_priority: ['SMS'], mirror: 'x' },
    ];
    for (const [n, each] of told.entries()) await project.tell({ create: each }, at(20 + n));
    const strict = new StrictClient(own.id, own.key);
    expect(await strict.list()).toEqual(expect.arrayContaining(['bare', 'nulls', 'more', 'C1']));
    const empty = {
      channel_identities: [],
      channel_priority: [],
      display_name: '',
      email: '',
      external_id: '',
      metadata: '',
      language: 'UNSPECIFIED',
    };
    for (const id of ['bare', 'nulls']) {
      const shown = await project.contact(id);
      expect(shown).toEqual({ id, ...empty, mirror: expect.anything() });
      expect(Object.keys(shown)).toEqual([...Object.keys(CONTACT_FIELDS), 'mirror']);
    }
    expect(await project.contact('more')).toMatchObject({
      ...empty,
      channel_priority: ['SMS'],
      nrs_data: null,
    });
    const exported = await app.get(`${project.base}/contacts:export`);
    for (const line of exported.text.trim().split('\n')) {
      const { contact: row } = JSON.parse(line) as { contact?: Record<string, unknown> };
      if (row !== undefined) readContact(row);
    }
    const stored = await app.sql<{ snapshot: unknown }>(
      `select snapshot from contact where project_id = $1 and id = 'bare'`,
      [project.id],
    );
    expect(stored).toEqual([{ snapshot: { id: 'bare' } }]);
  });

  it('read what went wrong where Sinch says it', async () => {
    const strict = new StrictClient(own.id, own.key);
    await expect(strict.call(`${project.base}/contacts/nobody`)).rejects.toThrow(/^NOT_FOUND 404 \S/);
    await expect(strict.call(`${project.base}/contacts?channel=SMS`)).rejects.toThrow(
      /^INVALID_ARGUMENT 400 \S/,
    );
    await expect(strict.call(`${project.base}/contacts:identityConflicts?x=1`)).rejects.toThrow(
      /^INVALID_ARGUMENT 400 \S/,
    );
    await expect(strict.call('/v1/projects/other/contacts')).rejects.toThrow(/^PERMISSION_DENIED 403 \S/);
    for (const [method, path] of [
      ['POST', '/contacts'],
      ['PATCH', '/contacts/C1'],
      ['DELETE', '/contacts/C1'],
      ['POST', '/contacts/C1:merge'],
      ['POST', '/contacts:getChannelProfile'],
    ] as const) {
      const answer = await app.request(method, `${project.base}${path}`);
      const { detail, error } = expectProblem(answer, 405, 'method-not-allowed');
      expect(error).toEqual({ code: 405, status: 'UNIMPLEMENTED', message: detail, details: [] });
    }
    for (const path of ['/merges/x', '/contacts/C1/history?x=1', '/contacts:changes?x=1'])
      expect((await project.get(path)).json()).not.toHaveProperty('error');
  });

  it('may authenticate by Basic with the id of a key and the key, as at Sinch, on Sinch’s own routes alone', async () => {
    const basic = (id: string, password: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`,
    });
    const get = (path: string, headers: Record<string, string>): Promise<Answer> =>
      app.request('GET', `${project.base}${path}`, headers);
    for (const path of ['/contacts', '/contacts/C1', '/contacts:identityConflicts'])
      expect([path, (await get(path, basic(own.id, own.key))).status]).toEqual([path, 200]);
    expect((await get('/contacts', basic('admin', ADMIN_KEY))).status).toBe(200);
    const form = { ...basic(own.id, own.key), 'content-type': 'application/x-www-form-urlencoded' };
    const issued = await app.request('POST', '/oauth2/token', form, 'grant_type=client_credentials');
    const { access_token: token } = issued.json() as { access_token: string };
    for (const [id, password] of [
      [own.id, 'x'],
      [own.id, ADMIN_KEY],
      ['admin', own.key],
      ['', own.key],
      [own.id, token],
      [own.id, ''],
    ] as const)
      expectProblem(await get('/contacts', basic(id, password)), 401, 'unauthenticated');
    for (const path of ['/contacts:changes', '/contacts/C1/history', '/merges'])
      expectProblem(await get(path, basic(own.id, own.key)), 401, 'unauthenticated');
  });
});
