import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { EgressError } from '../../src/egress/egress-error';
import { readNetworks } from '../../src/egress/read-networks.rule';
import { DestinationConnector } from '../../src/outward/destination-connector';
import { readSubscription } from '../../src/outward/read-subscription.rule';
import { SecretRenewalService } from '../../src/outward/secret-renewal.service';
import { signWebhook } from '../../src/outward/sign-webhook.rule';
import { SubscriptionSecrets } from '../../src/outward/subscription-secrets';
import type {
  ShownSubscriptionObject,
  SubscriptionEventObject,
  SubscriptionObject,
  SubscriptionsPage,
} from '../../src/outward/subscriptions.dto';
import { SubscriptionsRepository } from '../../src/outward/subscriptions.repository';
import {
  ADMIN_KEY,
  App,
  at,
  expectProblem,
  inParallel,
  type Answer,
  type Headers,
  type Project,
} from '../support/http/app';
import { contact } from '../support/sinch/callbacks';

jest.setTimeout(60_000);

const publicHost = '93.184.216.34';
const URL_OF = `https://${publicHost}/hooks`;
/** In headers: wherever it shows, a secret was given away. */
const CANARY = 'canary-5d1c07';

let app: App;
let project: Project;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());
beforeEach(() => {
  project = app.project();
});
afterEach(() => jest.restoreAllMocks());

type Given = Readonly<Record<string, unknown>>;

const BODY: Given = { name: 'CRM', purpose: 'replica', destination: { kind: 'webhook', url: URL_OF } };

function post(more: Given = {}, path = '', headers: Headers = {}): Promise<Answer> {
  return project.post(`/subscriptions${path}`, path === '' ? { ...BODY, ...more } : more, headers);
}

async function make(more: Given = {}): Promise<ShownSubscriptionObject> {
  const answer = await post(more);
  expect([answer.status, answer.text]).toEqual([201, answer.text]);
  return answer.json() as ShownSubscriptionObject;
}

function patch(
  id: string,
  body: Given,
  headers: Headers = { 'if-match': '*' },
  of = project,
): Promise<Answer> {
  return app.request(
    'PATCH',
    `${of.base}/subscriptions/${id}`,
    { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...headers },
    JSON.stringify(body),
  );
}

function remove(id: string, of = project): Promise<Answer> {
  return app.request('DELETE', `${of.base}/subscriptions/${id}`, { authorization: `Bearer ${ADMIN_KEY}` });
}

async function changed(answer: Promise<Answer>): Promise<SubscriptionObject> {
  const { status, text, json } = await answer;
  expect([status, text]).toEqual([200, text]);
  return json() as SubscriptionObject;
}

const read = (id: string): Promise<SubscriptionObject> =>
  project.read<SubscriptionObject>(`/subscriptions/${id}`);

async function eventsOf(id: string): Promise<readonly SubscriptionEventObject[]> {
  const pages = await project.pages<SubscriptionEventObject>(
    `/subscriptions/${id}/events`,
    'subscription_events',
  );
  return pages.flat();
}

async function keyWith(...scopes: string[]): Promise<Headers> {
  const answer = await app.post('/v1/api-keys', { name: 'k', scopes, project_ids: [project.id] });
  return { authorization: `Bearer ${(answer.json() as ShownApiKeyObject).key}` };
}

interface Progress {
  readonly era: number;
  readonly tx: string;
  readonly id: string;
  readonly domain_tx: string;
  readonly owner: string | null;
  readonly epoch: string;
  readonly breaker: { readonly state: string };
  readonly stands: boolean;
  readonly is_leased: boolean;
}

async function progressOf(id: string): Promise<Progress> {
  const [row] = await app.sql<Progress>(
    `select era, tx, id, domain_tx, owner, epoch, breaker, stands_still_since is not null as stands, lease_until > now() as is_leased
     from subscription_progress where subscription_id = $1`,
    [id],
  );
  if (row === undefined) throw new Error('It stands nowhere.');
  return row;
}

/** The worker’s part: it has taken the subscription. */
async function own(id: string): Promise<void> {
  await app.sql(
    `update subscription_progress set owner = 'somebody', lease_until = now() + interval '45 s', epoch = epoch + 1 where subscription_id = $1`,
    [id],
  );
}

/** The service’s part where a destination answers 410. */
async function disable(id: string): Promise<void> {
  await app.sql(
    `update subscription set state = 'disabled', state_reason = 'It answered 410', revision = revision + 1 where id = $1`,
    [id],
  );
}

function openedOf(id: string): Promise<{ keys: number; headers: Readonly<Record<string, string>> | null }> {
  return opened(app, project.id, id);
}

async function opened(
  from: App,
  projectId: string,
  id: string,
): Promise<{ keys: number; headers: Readonly<Record<string, string>> | null }> {
  const row = await from.part(SubscriptionsRepository).find(projectId, id);
  if (row === null) throw new Error('There is none.');
  const subscription = readSubscription(row);
  const secrets = from.part(SubscriptionSecrets);
  return {
    keys: secrets.signingKeysOf(subscription, Date.now()).length,
    headers: secrets.credentialsOf(subscription)?.headers ?? null,
  };
}

describe('A subscription', () => {
  it('is created with what its purpose and the service assume, and shows its secret this once', async () => {
    const { signing_secret: secret, ...rest } = await make();
    expect(rest).toEqual({
      id: expect.stringMatching(/^[\w-]{36}$/),
      name: 'CRM',
      purpose: 'replica',
      filter: {},
      destination: { kind: 'webhook', url: URL_OF, header_names: [] },
      schema_version: '2026-12-01',
      mode: 'full',
      concurrency: 8,
      rate_per_second: null,
      log: 'all',
      state: 'active',
      state_reason: null,
      public_key: null,
      signing_keys: [
        {
          id: expect.any(String),
          kind: 'hmac',
          public_key: null,
          created_at: expect.stringMatching(/Z$/),
          ends_at: null,
        },
      ],
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    });
    expect(secret).toMatch(/^whsec_[\w+/]{43}=$/);
    const shown = await project.get(`/subscriptions/${rest.id}`);
    expect(shown.json()).toEqual(rest);
    expect(shown.text).not.toContain('signing_secret');
    const { subscriptions } = await project.read<SubscriptionsPage>('/subscriptions');
    expect(subscriptions).toEqual([rest]);
  });

  it('is created as it is asked for', async () => {
    const filter = {
      types: ['contact.*'],
      where: { at: 'after', path: '/metadata/tier', op: 'eq', value: 'gold' },
    };
    const given = {
      filter,
      purpose: 'trigger',
      mode: 'thin',
      concurrency: 64,
      rate_per_second: 10,
      log: 'failures',
      state: 'paused',
    };
    const made = await make({
      ...given,
      name: 'Willkommen ü€😀',
      schema_version: '2026-12-01',
      signing: 'ed25519',
    });
    expect(made).toMatchObject({ ...given, name: 'Willkommen ü€😀', signing_secret: null });
    expect(made.public_key).toMatch(/^whpk_[\w+/]{43}=$/);
    expect(await progressOf(made.id)).toMatchObject({ stands: true });
  });

  it('has a secret with which the receiver verifies what is signed', async () => {
    const { id, signing_secret: secret } = await make();
    const row = await app.part(SubscriptionsRepository).find(project.id, id);
    if (row === null) throw new Error('There is none.');
    const keys = app.part(SubscriptionSecrets).signingKeysOf(readSubscription(row), Date.now());
    const headers = signWebhook('evt_1_2_0', Math.floor(Date.now() / 1_000), Buffer.from('{"a":1}'), keys);
    expect(new Webhook(secret ?? '').verify('{"a":1}', { ...headers })).toEqual({ a: 1 });
  });

  it('is created once for one Idempotency-Key, with the same secret', async () => {
    const headers = { 'idempotency-key': randomBytes(16).toString('hex') };
    const [first, second] = [await post({}, '', headers), await post({}, '', headers)];
    expect([first.status, second.status, second.text]).toEqual([201, 201, first.text]);
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(second.headers['etag']).toBe(first.headers['etag']);
    expectProblem(await post({}, '', { 'idempotency-key': 'short' }), 400, 'invalid-request');
  });

  it('has a name that no other of its project has', async () => {
    const { id } = await make();
    expect(expectProblem(await post(), 400, 'invalid-request').errors?.[0]).toMatchObject({
      pointer: '/body/name',
      code: 'taken',
    });
    const other = await make({ name: 'other' });
    expectProblem(await patch(other.id, { name: 'CRM' }), 400, 'invalid-request');
    expect((await remove(id)).status).toBe(204);
    await make();
    project = app.project();
    await make();
  });

  it('is one of at most 1,000 in a project', async () => {
    const { id } = await make();
    await app.sql(
      `insert into subscription (project_id, id, name, purpose, filter, destination, signing_keys, schema_version, mode, concurrency, log, state)
       select project_id, 's' || n, 's' || n, purpose, filter, destination, signing_keys, schema_version, mode, concurrency, log, state
       from subscription, generate_series(1, 998) n where id = $1`,
      [id],
    );
    const answers = await inParallel(4, ['a', 'b', 'c', 'd'], (name) => post({ name }));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400, 400]);
    const pages = await project.pages<SubscriptionObject>('/subscriptions', 'subscriptions', {
      page_size: '150',
    });
    const names = pages.flat().map(({ name }) => name);
    expect([names.length, new Set(names).size]).toEqual([1_000, 1_000]);
  });
});

describe('Where a subscription begins', () => {
  it('is, by default, after everything that is committed, and before what is still open', async () => {
    await project.tell({ create: contact('A') }, at(0));
    await project.changes(1);
    const open = await app.transaction();
    const [early] = (await open.query<{ tx: string }>('select pg_current_xact_id()::text as tx')).rows;
    const { id } = await make();
    const place = await progressOf(id);
    await open.end();
    const [journal] = await app.sql<{ is_told: boolean }>(
      `select (e.era, e.tx, e.id) > ($2::int, $3::xid8, $4::bigint) as is_told from audit_event e where e.project_id = $1`,
      [project.id, place.era, place.tx, place.id],
    );
    expect(journal).toEqual({ is_told: false });
    // what the open transaction will commit is told
    expect(BigInt(place.tx) <= BigInt(early?.tx ?? 0)).toBe(true);
    expect(place.domain_tx).toBe(place.tx);
  });

  it('is, of a replica, also the beginning, or after an event', async () => {
    await project.tell({ create: contact('A') }, at(0));
    await project.changes(1);
    const { changes } = await project.changes(1);
    const sequence = changes[0]?.sequence ?? '';
    expect(await progressOf((await make({ start: 'beginning' })).id)).toMatchObject({
      era: 0,
      tx: '0',
      id: '0',
    });
    const { id } = await make({ name: 'b', start: { sequence } });
    const { era, tx, id: event } = await progressOf(id);
    expect(`${era}.${tx}.${event}`).toBe(sequence);
    const ahead = { sequence: `1.${'9'.repeat(18)}.1` };
    expectProblem(await post({ name: 'c', start: ahead }), 400, 'invalid-request');
    for (const start of ['beginning', { sequence }])
      expect(
        expectProblem(await post({ name: 'c', purpose: 'trigger', start }), 400, 'invalid-request').errors,
      ).toEqual([expect.objectContaining({ pointer: '/body/start', code: 'replica-only' })]);
  });

  it('may be a snapshot, which its worker is asked for', async () => {
    const { id } = await make({ purpose: 'trigger', start: { snapshot: true } });
    expect(BigInt((await progressOf(id)).tx) > 0n).toBe(true);
    const runs = await app.sql(
      'select kind, state, requested_by, request from subscription_run where subscription_id = $1',
      [id],
    );
    expect(runs).toEqual([
      {
        kind: 'snapshot',
        state: 'running',
        requested_by: 'admin',
        request: { rate_per_second: null, status: 'active' },
      },
    ]);
  });

  it.each([
    null,
    'now',
    1,
    [],
    {},
    { sequence: '1.2' },
    { sequence: 1 },
    { snapshot: false },
    { snapshot: true, sequence: '1.1.1' },
  ])('is not %j', async (start) => {
    const answer = await post({ start });
    // null is as if nothing was said
    if (start === null) expect(answer.status).toBe(201);
    else expectProblem(answer, 400, 'invalid-request');
  });
});

describe('A body', () => {
  it.each<[string, Given]>([
    ['a name that is empty', { name: '' }],
    ['a name of blanks', { name: '  ' }],
    ['a name with a line break', { name: 'a\nb' }],
    ['a name with a lone surrogate', { name: 'a\ud800' }],
    ['a name that is long', { name: 'n'.repeat(201) }],
    ['no purpose', { purpose: undefined }],
    ['another purpose', { purpose: 'copy' }],
    ['a mapping', { mapping: {} }],
    ['retries of its own', { retry: {} }],
    ['a project', { project_id: 'x' }],
    ['another version', { schema_version: '2020-01-01' }],
    ['another mode', { mode: 'fat' }],
    ['no concurrency', { concurrency: 0 }],
    ['too much concurrency', { concurrency: 65 }],
    ['a concurrency that is a text', { concurrency: '8' }],
    ['no rate', { rate_per_second: 0 }],
    ['too high a rate', { rate_per_second: 5_001 }],
    ['another log', { log: 'none' }],
    ['a state that others decide', { state: 'disabled' }],
    ['another signature', { signing: 'rsa' }],
    ['no destination', { destination: undefined }],
    ['a destination that is a text', { destination: URL_OF }],
    [
      'a warehouse',
      {
        destination: { kind: 'postgres', host: 'h', port: 5432, database: 'd', user: 'u', password: CANARY },
      },
    ],
    ['another kind', { destination: { kind: 'hubspot' } }],
    ['more of a destination', { destination: { kind: 'webhook', url: URL_OF, proxy: 'x' } }],
    ['no URL', { destination: { kind: 'webhook' } }],
    ['a URL that is not one', { destination: { kind: 'webhook', url: 'hooks' } }],
    ['http', { destination: { kind: 'webhook', url: `http://${publicHost}/` } }],
    ['another scheme', { destination: { kind: 'webhook', url: 'file:///etc/passwd' } }],
    ['a user in the URL', { destination: { kind: 'webhook', url: `https://u:${CANARY}@${publicHost}/` } }],
    ['a port of a system service', { destination: { kind: 'webhook', url: `https://${publicHost}:25/` } }],
    ['a fragment', { destination: { kind: 'webhook', url: `${URL_OF}#a` } }],
    ['a long URL', { destination: { kind: 'webhook', url: `${URL_OF}/${'a'.repeat(2_048)}` } }],
  ])('with %s is refused', async (_, more) => {
    const { detail } = expectProblem(await post(more), 400, 'invalid-request');
    expect(detail).not.toContain(CANARY);
  });

  it.each<[string, unknown]>([
    ['null', null],
    ['a list', []],
    ['an unknown member', { wher: {} }],
    ['an unknown type', { types: ['contact.renamed'] }],
    ['an unknown operator', { where: { at: 'after', path: '/email', op: 'matches', value: 'a.*' } }],
    ['51 nodes', { where: { any: Array.from({ length: 51 }, () => ({ path: '/email', op: 'changed' })) } }],
    ['six levels', { where: { not: { not: { not: { not: { not: { path: '/email', op: 'changed' } } } } } } }],
    ['20 KiB', { channels: Array.from({ length: 50 }, (_, n) => `${n}${'c'.repeat(400)}`) }],
    ['1,000 faults', Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`m${n}`, n]))],
    ['a member called __proto__', JSON.parse('{"__proto__": {"types": ["contact.*"]}}')],
  ])('with a filter that is or has %s is refused, with pointers', async (name, filter) => {
    // null is as if nothing was said
    if (name === 'null') {
      expect((await make({ filter })).filter).toEqual({});
      return;
    }
    const body = JSON.stringify({ ...BODY, filter: 'FILTER' }).replace('"FILTER"', JSON.stringify(filter));
    const answer = await app.request(
      'POST',
      `${project.base}/subscriptions`,
      { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body,
    );
    const { errors = [] } = expectProblem(answer, 400, 'filter-invalid');
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.length).toBeLessThanOrEqual(20);
    for (const { pointer } of errors) expect(pointer).toMatch(/^\/body\/filter/);
  });

  it('that is deep or wide beyond all need is refused before anything reads it', async () => {
    const deep = `{"name":"a","filter":${'{"not":'.repeat(200_000)}`;
    const wide = JSON.stringify({
      ...BODY,
      filter: { types: Array.from({ length: 6_000 }, () => 'contact.*') },
    });
    for (const body of [deep, wide, `${deep}${'}'.repeat(200_000)}`]) {
      const answer = await app.request(
        'POST',
        `${project.base}/subscriptions`,
        { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body.slice(0, 1_000_000),
      );
      expectProblem(
        answer,
        answer.status === 413 ? 413 : 400,
        answer.status === 413 ? 'payload-too-large' : 'invalid-request',
      );
    }
  });
});

describe('Headers of its own', () => {
  const withHeaders = (headers: unknown): Given => ({
    destination: { kind: 'webhook', url: URL_OF, headers },
  });

  it('are kept sealed, and shown nowhere but by their names', async () => {
    const { id } = await make(withHeaders({ Authorization: `Bearer ${CANARY}`, 'X-Tenant': 'a b' }));
    expect((await openedOf(id)).headers).toEqual({ authorization: `Bearer ${CANARY}`, 'x-tenant': 'a b' });
    await changed(patch(id, withHeaders({ authorization: `${CANARY}-2` })));
    await changed(post({}, `/${id}:pause`));
    await remove((await make({ ...withHeaders({ 'x-a': CANARY }), name: 'second' })).id);
    for (const path of ['/subscriptions', `/subscriptions/${id}`, `/subscriptions/${id}/events`])
      expect((await project.get(path)).text).not.toContain(CANARY);
    const kept = await app.sql<{ row: string }>(
      `select s::text as row from subscription s where project_id = $1
       union all select e::text from subscription_event e where project_id = $1
       union all select p::text from subscription_progress p where project_id = $1`,
      [project.id],
    );
    expect(kept.length).toBeGreaterThan(5);
    for (const { row } of kept) {
      expect(row).not.toContain(CANARY);
      expect(row).not.toContain(Buffer.from(CANARY).toString('hex'));
      expect(row).not.toContain('whsec_');
    }
    expect((await read(id)).destination.header_names).toEqual(['authorization']);
  });

  it.each<[string, unknown]>([
    ['a text', 'a: b'],
    ['a list', ['a']],
    ['eleven', Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`x-${n}`, 'a']))],
    ['one twice', { 'X-A': 'a', 'x-a': 'b' }],
    ['one that is too long', { 'x-a': 'a'.repeat(1_022) }],
    ['an empty value', { 'x-a': '' }],
    ['a number', { 'x-a': 1 }],
    ['a line break', { 'x-a': `a\r\nx-injected: ${CANARY}` }],
    ['a line feed', { 'x-a': 'a\nb' }],
    ['a carriage return at the end', { 'x-a': 'a\r' }],
    ['a control character', { 'x-a': 'a\u007f' }],
    ['a character beyond ASCII', { 'x-a': 'ü' }],
    ['a name with a line break', { 'x-a\r\nx-b': 'a' }],
    ['a name with a colon', { 'x-a:': 'a' }],
    ['a name with a blank', { 'x a': 'a' }],
    ['no name', { '': 'a' }],
    ['a pseudo header', { ':path': 'a' }],
    ...[
      'Host',
      'Content-Type',
      'content-length',
      'Transfer-Encoding',
      'CONNECTION',
      'keep-alive',
      'upgrade',
      'te',
      'trailer',
      'expect',
      'proxy-authorization',
      'User-Agent',
      'Webhook-Signature',
      'webhook-anything',
      'Mirror-Subscription',
      'mirror-replay',
    ].map((name) => [`the header ${name}`, { [name]: CANARY }] as [string, unknown]),
  ])('are not %s', async (_, headers) => {
    const problem = expectProblem(await post(withHeaders(headers)), 400, 'invalid-request');
    expect(problem.errors?.[0]?.pointer).toMatch(/^\/body\/destination\/headers/);
    expect(JSON.stringify(problem)).not.toContain(CANARY);
  });

  it('are ten at most, of 1,024 bytes each', async () => {
    const headers = Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`x-${n}`, 'a'.repeat(1_021)]));
    const { id } = await make(withHeaders(headers));
    expect((await openedOf(id)).headers).toEqual(headers);
  });

  it('do not change what an object is', async () => {
    const text = JSON.stringify({ ...BODY, ...withHeaders('HEADERS') }).replace(
      '"HEADERS"',
      '{"__proto__": "a"}',
    );
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    expectProblem(
      await app.request('POST', `${project.base}/subscriptions`, headers, text),
      400,
      'invalid-request',
    );
    const { id } = await make(withHeaders({ constructor: 'a' }));
    expect((await openedOf(id)).headers).toEqual({ constructor: 'a' });
  });
});

describe('A destination', () => {
  it.each([
    'https://127.0.0.1/',
    'https://127.1:8443/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://localhost/',
    'https://x.localhost:8443/',
  ])('is not %s', async (url) => {
    const text = JSON.stringify(
      expectProblem(await post({ destination: { kind: 'webhook', url } }), 422, 'destination-refused'),
    );
    // but for its own URL in nothing
    expect(text).not.toMatch(/127\.0\.0\.1|::1|loopback|private/);
    const { id } = await make();
    expectProblem(await patch(id, { destination: { kind: 'webhook', url } }), 422, 'destination-refused');
    expect((await read(id)).destination.url).toBe(URL_OF);
  });

  it('that does not exist is reported, and one whose name servers are unavailable is accepted', async () => {
    const destination = { kind: 'webhook', url: 'https://hooks.example.com/' };
    const vet = jest.spyOn(app.part(DestinationConnector), 'vet');
    for (const code of ['ENOTFOUND', 'ENODATA']) {
      vet.mockRejectedValueOnce(new EgressError('dns', code));
      expectProblem(await post({ destination }), 422, 'destination-unreachable');
    }
    vet.mockRejectedValueOnce(new EgressError('timeout', 'ETIMEDOUT'));
    await make({ destination });
    vet.mockRejectedValueOnce(new EgressError('dns', 'ESERVFAIL'));
    await make({ destination, name: 'b' });
    expect(vet.mock.calls).toEqual(Array.from({ length: 4 }, () => ['hooks.example.com']));
  });

  it('may be in a network that the operator allowed, and http where that is allowed', async () => {
    const allowed = readNetworks('10.1.2.3');
    if (allowed.kind !== 'networks') throw new Error(allowed.reason);
    const config = { outwardNetworks: allowed.networks, outwardAllowsHttp: true };
    const other = await App.start({ database: app.database, config });
    const path = `${project.base}/subscriptions`;
    const at10 = (host: string): Given => ({
      ...BODY,
      destination: { kind: 'webhook', url: `http://${host}:8080/` },
    });
    expect((await other.post(path, at10('10.1.2.3'))).status).toBe(201);
    expectProblem(await other.post(path, { ...at10('10.1.2.4'), name: 'b' }), 422, 'destination-refused');
    await other.stop();
  });

  it('cannot have secrets where no key is configured, and the answer names the variable', async () => {
    const { id } = await make();
    const other = await App.start({ database: app.database, config: { outwardKeys: [] } });
    const path = `${project.base}/subscriptions`;
    for (const [at10, body] of [
      [path, { ...BODY, name: 'b' }],
      [`${path}/${id}:rotateSecret`, {}],
    ] as const)
      expect(expectProblem(await other.post(at10, body), 503, 'not-configured').detail).toContain(
        'OUTWARD_KEYS',
      );
    expect((await other.get(`${path}/${id}`)).status).toBe(200);
    await expect(opened(other, project.id, id)).rejects.toThrow('OUTWARD_KEYS');
    await other.stop();
  });
});

describe('A change', () => {
  it('needs the ETag, which moves with each change and with nothing else', async () => {
    const { id } = await make();
    const first = await project.get(`/subscriptions/${id}`);
    const tag = String(first.headers['etag']);
    expectProblem(await patch(id, { name: 'b' }, {}), 428, 'precondition-required');
    for (const other of ['"2"', `W/${tag}`, 'x', ''])
      expectProblem(await patch(id, { name: 'b' }, { 'if-match': other }), 412, 'precondition-failed');
    await own(id);
    expect((await project.get(`/subscriptions/${id}`, { 'if-none-match': tag })).status).toBe(304);
    expect((await patch(id, {}, { 'if-match': tag })).headers['etag']).toBe(tag);
    expect((await patch(id, { name: 'CRM' }, { 'if-match': tag })).headers['etag']).toBe(tag);
    const answer = await patch(id, { name: 'b' }, { 'if-match': `"none", ${tag}` });
    expect([answer.status, answer.headers['etag'] === tag]).toEqual([200, false]);
    expectProblem(await patch(id, { name: 'c' }, { 'if-match': tag }), 412, 'precondition-failed');
    const again = await project.get(`/subscriptions/${id}`, { 'if-none-match': tag });
    expect([again.status, again.headers['etag']]).toEqual([200, answer.headers['etag']]);
  });

  it('is one of many at once that have the same ETag', async () => {
    const { id } = await make();
    const { headers } = await project.get(`/subscriptions/${id}`);
    const answers = await inParallel(8, [...'abcdefgh'], (name) =>
      patch(id, { name }, { 'if-match': String(headers['etag']) }),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      200,
      ...Array.from({ length: 7 }, () => 412),
    ]);
  });

  it('replaces what it names, and nothing else', async () => {
    const { id } = await make({ rate_per_second: 5 });
    const before = await read(id);
    const after = await changed(
      patch(id, {
        purpose: 'trigger',
        filter: { once_per: 'contact' },
        mode: 'cloudevents',
        concurrency: 1,
        rate_per_second: null,
        log: 'failures',
      }),
    );
    expect(after).toEqual({
      ...before,
      purpose: 'trigger',
      filter: { once_per: 'contact' },
      mode: 'cloudevents',
      concurrency: 1,
      rate_per_second: null,
      log: 'failures',
      updated_at: expect.any(String),
    });
    expectProblem(await patch(id, { filter: { types: [] } }), 400, 'filter-invalid');
    for (const body of [
      { start: 'latest' },
      { signing: 'hmac' },
      { mapping: {} },
      { id: 'x' },
      { concurrency: 65 },
      { destination: { kind: 'postgres' } },
    ])
      expectProblem(await patch(id, body), 400, 'invalid-request');
    expect(await read(id)).toEqual(after);
    expectProblem(await patch('none', {}), 404, 'not-found');
  });

  it('of the address brings the headers again, which are never sent to a new one', async () => {
    const headers = { authorization: CANARY };
    const { id } = await make({ destination: { kind: 'webhook', url: URL_OF, headers } });
    for (const url of [`https://${publicHost}:8443/hooks`, 'https://93.184.216.35/hooks']) {
      const { errors } = expectProblem(
        await patch(id, { destination: { kind: 'webhook', url } }),
        422,
        'credentials-required',
      );
      expect(errors?.[0]?.pointer).toBe('/body/destination/headers');
    }
    const path = `https://${publicHost}/other?x=1`;
    expect((await changed(patch(id, { destination: { kind: 'webhook', url: path } }))).destination).toEqual({
      kind: 'webhook',
      url: path,
      header_names: ['authorization'],
    });
    expect((await openedOf(id)).headers).toEqual(headers);
    const moved = { kind: 'webhook', url: 'https://93.184.216.35/', headers: { 'x-token': 'new' } };
    expect((await changed(patch(id, { destination: moved }))).destination.header_names).toEqual(['x-token']);
    expect((await openedOf(id)).headers).toEqual({ 'x-token': 'new' });
    expect(
      (await changed(patch(id, { destination: { ...moved, url: URL_OF, headers: {} } }))).destination
        .header_names,
    ).toEqual([]);
    expect((await openedOf(id)).headers).toBeNull();
    await changed(patch(id, { destination: { kind: 'webhook', url: 'https://93.184.216.36/' } }));
  });

  it('is recorded with its actor, and with the filter, purpose and place that hold then', async () => {
    const { id } = await make({ filter: { types: ['contact.created'] } });
    const writer = await keyWith('outward:write', 'contacts:read');
    await changed(
      patch(id, { filter: { types: ['contact.deleted'] }, concurrency: 2 }, { 'if-match': '*', ...writer }),
    );
    await app.sql(`update subscription_progress set era = 7, tx = '8', id = 9 where subscription_id = $1`, [
      id,
    ]);
    await changed(post({}, `/${id}:pause`));
    await changed(post({}, `/${id}:pause`));
    await changed(post({}, `/${id}:resume`));
    await post({}, `/${id}:rotateSecret`);
    const events = await eventsOf(id);
    expect(events.map(({ action }) => action)).toEqual([
      'secret-rotated',
      'resumed',
      'paused',
      'updated',
      'created',
    ]);
    const [rotated, , paused, updated, created] = events;
    expect(created).toMatchObject({
      actor: 'admin',
      filter: { types: ['contact.created'] },
      purpose: 'replica',
      details: { name: 'CRM', start: 'latest' },
    });
    expect(updated).toMatchObject({
      actor: expect.stringMatching(/^k \([0-9a-f]{32}\)$/),
      filter: { types: ['contact.deleted'] },
      details: { changed: ['filter', 'concurrency'], before: { concurrency: 8 }, after: { concurrency: 2 } },
    });
    expect(paused?.sequence).toBe('7.8.9');
    expect(rotated?.details).toMatchObject({ overlap_seconds: 86_400, signing: 'hmac' });
    await expect(
      app.part(SubscriptionsRepository).change(project.id, id, 'x', () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(await eventsOf(id)).toHaveLength(5);
  });
});

describe('Pausing and resuming', () => {
  it('keeps the place, and lets timers stand still meanwhile', async () => {
    const { id } = await make();
    const before = await progressOf(id);
    expect((await changed(post({}, `/${id}:pause`))).state).toBe('paused');
    expect(await progressOf(id)).toMatchObject({ stands: true });
    expect((await changed(post({ from: 'cursor' }, `/${id}:resume`))).state).toBe('active');
    expect(await progressOf(id)).toMatchObject({
      era: before.era,
      tx: before.tx,
      id: before.id,
      stands: false,
    });
    expect((await changed(patch(id, { state: 'paused' }))).state).toBe('paused');
    expect(await progressOf(id)).toMatchObject({ stands: true });
    expect((await changed(patch(id, { state: 'active' }))).state).toBe('active');
    expect(await progressOf(id)).toMatchObject({ stands: false });
    expect((await changed(post({}, `/${id}:resume`))).state).toBe('active');
    for (const from of ['latest', 'snapshot'])
      expectProblem(await post({ from }, `/${id}:resume`), 400, 'invalid-request');
    expectProblem(await post({ from: 'beginning' }, `/${id}:resume`), 400, 'invalid-request');
  });

  it('ends the lease of the worker, whose breaker and place are then others', async () => {
    const { id } = await make();
    await app.sql(
      `update subscription_progress set breaker = '{"state":"open"}' where subscription_id = $1`,
      [id],
    );
    await changed(post({}, `/${id}:pause`));
    await own(id);
    const { epoch } = await progressOf(id);
    await changed(post({}, `/${id}:resume`));
    expect(await progressOf(id)).toMatchObject({
      owner: null,
      is_leased: false,
      epoch: String(BigInt(epoch) + 1n),
      breaker: { state: 'closed' },
    });
  });

  it('from the latest event says first how many are skipped, and wants to be sure', async () => {
    const { id } = await make({ state: 'paused' });
    expect((await changed(post({ from: 'latest' }, `/${id}:resume`))).state).toBe('active');
    await changed(post({}, `/${id}:pause`));
    for (const [n, name] of ['A', 'B', 'C'].entries()) await project.tell({ create: contact(name) }, at(n));
    const problem = expectProblem(
      await post({ from: 'latest' }, `/${id}:resume`),
      409,
      'confirmation-required',
    );
    expect(problem.detail).toContain('Up to 3 events');
    expect((await read(id)).state).toBe('paused');
    const before = await progressOf(id);
    expect((await changed(post({ from: 'latest', confirm: true }, `/${id}:resume`))).state).toBe('active');
    const { tx } = await progressOf(id);
    // an open transaction of another test may hold the end back
    expect(BigInt(tx) >= BigInt(before.tx)).toBe(true);
    expect((await eventsOf(id))[0]).toMatchObject({
      action: 'resumed',
      details: { from: 'latest', events_skipped: 3 },
    });
  });

  it('from a snapshot asks for one, in place of one that runs', async () => {
    const { id } = await make({ start: { snapshot: true }, state: 'paused' });
    expect((await changed(post({ from: 'snapshot' }, `/${id}:resume`))).state).toBe('active');
    const runs = await app.sql(
      'select kind, state from subscription_run where subscription_id = $1 order by id',
      [id],
    );
    expect(runs).toEqual([
      { kind: 'snapshot', state: 'stopped' },
      { kind: 'snapshot', state: 'running' },
    ]);
  });

  it('is how a disabled one becomes active, and nothing else is', async () => {
    const { id } = await make();
    await disable(id);
    expect(await read(id)).toMatchObject({ state: 'disabled', state_reason: 'It answered 410' });
    for (const answer of [
      await post({}, `/${id}:pause`),
      await patch(id, { state: 'active' }),
      await patch(id, { state: 'paused' }),
    ])
      expect(expectProblem(answer, 409, 'subscription-disabled').detail).toContain('It answered 410');
    expect((await changed(patch(id, { name: 'mended' }))).state).toBe('disabled');
    expect(await changed(post({}, `/${id}:resume`))).toMatchObject({ state: 'active', state_reason: null });
  });
});

describe('Signing keys', () => {
  const rotate = async (id: string, body: Given = {}): Promise<ShownSubscriptionObject> =>
    (await changed(post(body, `/${id}:rotateSecret`))) as ShownSubscriptionObject;

  it('are rotated: older ones sign for a while, and are shown when they end', async () => {
    const { id, signing_secret: first } = await make();
    const second = await rotate(id);
    expect(second.signing_secret).toMatch(/^whsec_/);
    expect(second.signing_secret).not.toBe(first);
    const [current, older] = second.signing_keys;
    expect(current?.ends_at).toBeNull();
    expect(Math.round((Date.parse(older?.ends_at ?? '') - Date.now()) / 60_000)).toBe(1_440);
    expect((await openedOf(id)).keys).toBe(2);
    const third = await rotate(id, { overlap_seconds: 604_800 });
    // an overlap that was promised does not become longer
    expect(third.signing_keys[2]?.ends_at).toBe(older?.ends_at);
    const refused = expectProblem(await post({}, `/${id}:rotateSecret`), 400, 'invalid-request');
    expect(refused.detail).toContain(':revokeSecret');
    expect((await rotate(id, { overlap_seconds: 0 })).signing_keys).toHaveLength(1);
    for (const overlap of [-1, 604_801, 1.5, 'a'])
      expectProblem(await post({ overlap_seconds: overlap }, `/${id}:rotateSecret`), 400, 'invalid-request');
    expectProblem(await post({}, `/none:rotateSecret`), 404, 'not-found');
  });

  it('become those of the other kind', async () => {
    const { id } = await make();
    const rotated = await rotate(id, { signing: 'ed25519' });
    expect([rotated.signing_secret, rotated.public_key]).toEqual([null, expect.stringMatching(/^whpk_/)]);
    expect((await rotate(id)).signing_keys.map(({ kind }) => kind)).toEqual(['ed25519', 'ed25519', 'hmac']);
    expect((await read(id)).public_key).toMatch(/^whpk_/);
  });

  it('are revoked at once, but for the current one', async () => {
    const { id } = await make();
    await rotate(id);
    const [current, older] = (await rotate(id)).signing_keys;
    expect((await changed(post({ which: older?.id }, `/${id}:revokeSecret`))).signing_keys).toHaveLength(2);
    expect((await openedOf(id)).keys).toBe(2);
    for (const which of [current?.id, older?.id, 'previous', ''])
      expectProblem(await post({ which }, `/${id}:revokeSecret`), 400, 'invalid-request');
    expectProblem(await post({}, `/${id}:revokeSecret`), 400, 'invalid-request');
    expectProblem(await post({ which: 'x' }, `/none:revokeSecret`), 404, 'not-found');
    // one that has ended is none of those that sign
    await app.sql(
      `update subscription set signing_keys = replace(signing_keys::text, to_char(now() + interval '1 day', 'YYYY'), '2020')::json where id = $1`,
      [id],
    );
    expect((await openedOf(id)).keys).toBe(1);
  });
});

describe('A deleted subscription', () => {
  it('keeps the record of its changes, but no secrets, no waiting deliveries and no lease', async () => {
    const { id } = await make({
      start: { snapshot: true },
      destination: { kind: 'webhook', url: URL_OF, headers: { 'x-a': 'a' } },
    });
    await own(id);
    await app.sql(
      `insert into parked_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, message_faults, stood_still_ms, reason)
       select $1, $2, 'evt_1_' || n || '_0', 'contact.created', 'A', 'journal', 1, '1', n, 0, '{A}', 0, 0, 0, 'timeout' from generate_series(1, 50) n`,
      [project.id, id],
    );
    expect([(await remove(id)).status, (await remove(id)).status, (await remove('none')).status]).toEqual([
      204, 204, 204,
    ]);
    const [row] = await app.sql(
      `select s.state, s.credentials, s.signing_keys, p.owner, p.lease_until <= now() as is_free,
              (select count(*)::int from parked_delivery d where d.subscription_id = s.id) as parked,
              (select state from subscription_run r where r.subscription_id = s.id) as run
       from subscription s join subscription_progress p on p.subscription_id = s.id where s.id = $1`,
      [id],
    );
    expect(row).toEqual({
      state: 'deleted',
      credentials: null,
      signing_keys: [],
      owner: null,
      is_free: true,
      parked: 0,
      run: 'stopped',
    });
    expectProblem(await project.get(`/subscriptions/${id}`), 404, 'not-found');
    expect(await project.read<SubscriptionsPage>('/subscriptions')).toEqual({
      subscriptions: [],
      next_page_token: '',
    });
    for (const verb of ['pause', 'resume', 'rotateSecret'])
      expectProblem(await post({}, `/${id}:${verb}`), 404, 'not-found');
    expectProblem(await patch(id, {}), 404, 'not-found');
    expect((await eventsOf(id)).map(({ action }) => action)).toEqual(['deleted', 'created']);
  });
});

describe('Of another project', () => {
  it('nothing is read, changed or reported', async () => {
    const { id } = await make({ name: CANARY });
    const theirs = project;
    project = app.project();
    const before = await app.sql(
      `select s::text, p::text from subscription s join subscription_progress p on p.subscription_id = s.id where s.id = $1`,
      [id],
    );
    for (const path of [`/subscriptions/${id}`, `/subscriptions/${id}/events`])
      expectProblem(await project.get(path), 404, 'not-found');
    for (const verb of ['pause', 'resume', 'rotateSecret'])
      expectProblem(await post({}, `/${id}:${verb}`), 404, 'not-found');
    expectProblem(await post({ which: 'x' }, `/${id}:revokeSecret`), 404, 'not-found');
    expectProblem(await patch(id, { name: 'mine' }), 404, 'not-found');
    expect((await remove(id)).status).toBe(204);
    expect(
      await app.sql(
        `select s::text, p::text from subscription s join subscription_progress p on p.subscription_id = s.id where s.id = $1`,
        [id],
      ),
    ).toEqual(before);
    expect((await app.get(`${theirs.base}/subscriptions/${id}`)).status).toBe(200);
  });

  it('a row that is copied to another subscription does not open', async () => {
    const destination = { kind: 'webhook', url: URL_OF, headers: { 'x-a': 'secret' } };
    const [mine, copy] = [await make({ destination }), await make({ destination, name: 'copy' })];
    await app.sql(
      `update subscription c set credentials = s.credentials, signing_keys = s.signing_keys from subscription s where c.id = $1 and s.id = $2`,
      [copy.id, mine.id],
    );
    await expect(openedOf(copy.id)).rejects.toThrow('does not open the sealed secret');
  });

  it('a key that writes must be able to read contacts, and a key that reads needs no more', async () => {
    const { id } = await make();
    const writer = await keyWith('outward:write');
    for (const answer of [
      await post({ name: 'b' }, '', writer),
      await patch(id, { name: 'b' }, { 'if-match': '*', ...writer }),
      await post({ from: 'snapshot' }, `/${id}:resume`, writer),
    ])
      expect(expectProblem(answer, 403, 'forbidden').detail).toContain('contacts:read');
    await changed(post({}, `/${id}:pause`, writer));
    const reader = await keyWith('outward:read');
    expect((await project.get(`/subscriptions/${id}`, reader)).status).toBe(200);
    expectProblem(await post({}, `/${id}:pause`, reader), 403, 'forbidden');
  });
});

describe('For workers', () => {
  it('what was changed is found by the revision that they know', async () => {
    const [a, b] = [await make({ name: 'a' }), await make({ name: 'b' })];
    const known = [a, b].map(({ id }) => ({ projectId: project.id, id, revision: 1n }));
    const repository = app.part(SubscriptionsRepository);
    expect(await repository.findChanged(known)).toEqual([]);
    await changed(post({}, `/${b.id}:pause`));
    await remove(a.id);
    const found = (await repository.findChanged(known)).map((row) => readSubscription(row));
    expect(found.map(({ id, state, revision }) => [id, state, revision]).sort()).toEqual(
      [
        [a.id, 'deleted', 2n],
        [b.id, 'paused', 2n],
      ].sort(),
    );
  });

  it('a row that a later release wrote is refused by name', async () => {
    const { id } = await make();
    const row = await app.part(SubscriptionsRepository).find(project.id, id);
    if (row === null) throw new Error('There is none.');
    for (const more of [{ mode: 'x' }, { purpose: 'x' }, { log: 'x' }, { state: 'x' }, { filter: { x: 1 } }])
      expect(() => readSubscription({ ...row, ...more })).toThrow(
        `Subscription ${id} has a ${Object.keys(more)[0]} that`,
      );
  });
});

describe('Secrets under an older key', () => {
  it('are sealed again with the current one after a start, and then open without the older one', async () => {
    const destination = { kind: 'webhook', url: URL_OF, headers: { 'x-a': 'secret' } };
    const { id } = await make({ destination });
    const { headers } = await project.get(`/subscriptions/${id}`);
    const [older, newer] = [Buffer.alloc(32, 'o'), Buffer.alloc(32, 'n')];
    const both = await App.start({ database: app.database, config: { outwardKeys: [newer, older] } });
    await both.part(SecretRenewalService).renewAll();
    expect(await both.part(SecretRenewalService).renewAll()).toMatchObject({ renewed: 0 });
    expect(await opened(both, project.id, id)).toEqual({ keys: 1, headers: { 'x-a': 'secret' } });
    await both.stop();
    const alone = await App.start({ database: app.database, config: { outwardKeys: [newer] } });
    expect(await opened(alone, project.id, id)).toEqual({ keys: 1, headers: { 'x-a': 'secret' } });
    // nobody changed it
    expect((await alone.get(`${project.base}/subscriptions/${id}`)).headers['etag']).toBe(headers['etag']);
    await alone.stop();
    await expect(openedOf(id)).rejects.toThrow('Configure that key again');
    expect((await app.part(SecretRenewalService).renewAll()).closed).toBeGreaterThan(0);
  });
});
