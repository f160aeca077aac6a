import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenAPIObject } from '@nestjs/swagger';
import Ajv from 'ajv/dist/2020';
import { describePage } from '../../src/openapi/describe-page';
import { PROBLEMS } from '../../src/rest/problems/problem';
import { App, expectProblem, type Answer } from '../support/http/app';
import { Contract } from '../support/http/contract';
import { untilHeld } from '../support/http/until-held';

const FIXTURES = join(__dirname, '../fixtures/sinch');
const callbackRef = { $ref: '#/components/schemas/SinchCallback' };

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

describe('Health', () => {
  it('is shown without a key: live, and ready while Postgres answers', async () => {
    const live = await app.request('GET', '/health/live');
    expect([live.status, live.json()]).toEqual([200, { status: 'live' }]);
    const ready = await app.request('GET', '/health/ready');
    expect([ready.status, ready.json()]).toEqual([200, { status: 'ready' }]);
  });
});

describe('A service that stops', () => {
  it('answers what it has taken, and takes no more', async () => {
    const stopping = await App.start({ database: app.database });
    const held = stopping.get('/v1/projects/p/contacts:changes?wait=30');
    await untilHeld(stopping, 'p');
    const drained = stopping.drain();
    const answer = await held;
    expect([answer.status, answer.headers['connection']]).toEqual([200, 'close']);
    await drained;
    await expect(stopping.get('/health/live')).rejects.toThrow();
    await stopping.stop();
  });
});

describe('The OpenAPI document', () => {
  interface Operation {
    readonly operationId: string;
    readonly responses: Record<string, { readonly content?: Record<string, { readonly schema: object }> }>;
    readonly security?: readonly object[];
  }
  interface Document {
    readonly openapi: string;
    readonly paths: Record<string, Record<string, Operation>>;
    readonly components: { readonly schemas: Record<string, object> };
  }
  const BASE = '/v1/projects/{project_id}';
  const ROUTES: readonly string[] = [
    'get /metrics',
    `get ${BASE}/contacts`,
    `get ${BASE}/contacts/{contact_id}`,
    `get ${BASE}/contacts/{contact_id}/history`,
    `post ${BASE}/contacts:resolve`,
    `post ${BASE}/contacts:batchGet`,
    `get ${BASE}/contacts:changes`,
    `get ${BASE}/contacts:export`,
    `get ${BASE}/contact-identities:export`,
    `get ${BASE}/contacts:identityConflicts`,
    `put ${BASE}/contacts/{contact_id}/references/{system}/{external_id}`,
    `delete ${BASE}/contacts/{contact_id}/references/{system}/{external_id}`,
    `get ${BASE}/contacts/{contact_id}/references`,
    `get ${BASE}/references/{system}/{external_id}`,
    `get ${BASE}/references`,
    `get ${BASE}/duplicates`,
    `get ${BASE}/duplicates/{duplicate_id}`,
    `post ${BASE}/duplicates/{duplicate_id}:dismiss`,
    `post ${BASE}/duplicates/{duplicate_id}:reopen`,
    `post ${BASE}/duplicates/{duplicate_id}:snooze`,
    `post ${BASE}/duplicates/{duplicate_id}:merge`,
    `get ${BASE}/duplicates:summary`,
    `post ${BASE}/duplicates:scan`,
    `post ${BASE}/sync-runs`,
    `get ${BASE}/sync-runs`,
    `get ${BASE}/sync-runs/{run_id}`,
    `post ${BASE}/sync-runs/{run_id}:cancel`,
    `post ${BASE}/duplicates:resumeAutoMerge`,
    `get ${BASE}/merges`,
    `post ${BASE}/merges`,
    `get ${BASE}/merges/{merge_id}`,
    `get ${BASE}/anomalies`,
    `get ${BASE}/stats/overview`,
    `get ${BASE}/stats/acquisition`,
    `get ${BASE}/audit-events`,
    `get ${BASE}/audit-events/{event_id}`,
    ...[
      'post :S',
      'get :S',
      'get :S/{subscription_id}',
      'patch :S/{subscription_id}',
      'delete :S/{subscription_id}',
      'post :S/{subscription_id}:test',
      'post :S/{subscription_id}:pause',
      'post :S/{subscription_id}:resume',
      'post :S/{subscription_id}:rotateSecret',
      'post :S/{subscription_id}:revokeSecret',
      'get :S/{subscription_id}/events',
      'get :S/{subscription_id}/health',
      'get :S/{subscription_id}/deliveries',
      'get :S/{subscription_id}/deliveries/{event_id}',
      'post :S/{subscription_id}/deliveries/{event_id}:retry',
      'post :S/{subscription_id}/deliveries/{event_id}:discard',
      'post :S/{subscription_id}:replay',
      'post :S/{subscription_id}:snapshot',
      'get :S/{subscription_id}/runs',
      'get :S/{subscription_id}/runs/{run_id}',
      'post :S/{subscription_id}/runs/{run_id}:stop',
    ].map((route) => route.replace(':S', `${BASE}/subscriptions`)),
    'get /v1/destination-kinds',
    'post /v1/api-keys',
    'get /v1/api-keys',
    'get /v1/api-key-events',
    'post /v1/api-keys/{key_id}:rotate',
    'post /v1/api-keys/{key_id}:revoke',
    `get ${BASE}/audit-events:export`,
    'get /v1/quarantine',
    'get /v1/quarantine/{delivery_id}',
    'post /v1/quarantine/{delivery_id}:replay',
    'post /v1/quarantine/{delivery_id}:discard',
    'get /v1/parked-events',
    'get /v1/parked-events/{parked_event_id}',
    'post /v1/parked-events/{parked_event_id}:retry',
    'post /oauth2/token',
    'get /',
    'get /docs',
    'get /openapi.json',
    'get /problems',
    'get /problems/{code}',
    'get /v1/event-types',
    'get /v1/event-types/{event_type}',
    'get /health/live',
    'get /health/ready',
    'post /webhooks/sinch',
  ];

  /** Those that Sinch's own API has too, with the ways to authenticate that it takes. */
  const SINCH_ROUTES = ['', '/{contact_id}', ':identityConflicts'].map(
    (path) => `get ${BASE}/contacts${path}`,
  );
  const byName = (one: object, other: object): number =>
    JSON.stringify(one).localeCompare(JSON.stringify(other));

  it('is OpenAPI 3.1 and has every route, each with an answer, a name of its own and its key', async () => {
    const answer = await app.request('GET', '/openapi.json');
    const document = answer.json() as Document;
    expect([answer.status, document.openapi]).toEqual([200, '3.1.0']);
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ route: `${method} ${path}`, ...operation })),
    );
    expect(operations.map(({ route }) => route).sort()).toEqual([...ROUTES].sort());
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(ROUTES.length);
    for (const { route, responses, security } of operations) {
      expect([route, Object.keys(responses).some((status) => status.startsWith('2'))]).toEqual([route, true]);
      const isSinch = SINCH_ROUTES.includes(route);
      const isSecured =
        (route.includes('/v1/') && !/\/v1\/(event-types|destination-kinds)/.test(route)) ||
        route.endsWith('/metrics');
      const schemes = [{ bearer: [] }, ...(isSinch ? [{ basic: [] }] : [])];
      expect([route, security && [...security].sort(byName)]).toEqual([
        route,
        isSecured ? schemes.sort(byName) : undefined,
      ]);
    }
    const references = answer.text.match(/#\/components\/schemas\/\w+/g) ?? [];
    for (const reference of references) {
      expect(Object.keys(document.components.schemas)).toContain(reference.split('/').at(-1));
    }
  });

  it('has schemas that are schemas of JSON Schema 2020-12', async () => {
    const document = (await app.request('GET', '/openapi.json')).json() as Document;
    const ajv = new Ajv({ strict: false, validateFormats: false });
    ajv.addSchema({ $id: 'openapi', components: document.components });
    for (const name of Object.keys(document.components.schemas)) {
      expect(typeof ajv.getSchema(`openapi#/components/schemas/${name}`)).toBe('function');
    }
  });

  it('describes under webhooks what Sinch sends', async () => {
    const document = (await app.request('GET', '/openapi.json')).json() as OpenAPIObject;
    const content = document.webhooks?.['sinchCallback'];
    expect(content).toMatchObject({
      post: {
        requestBody: { content: { 'application/json': { schema: callbackRef } } },
        responses: { 200: expect.anything(), 202: expect.anything(), 503: expect.anything() },
      },
    });
    const contract = new Contract(document);
    const names = readdirSync(FIXTURES).filter((name) => name.startsWith('CONTACT_'));
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) {
      const body: unknown = JSON.parse(readFileSync(join(FIXTURES, name), 'utf8'));
      expect(contract.faultOfBody(name, callbackRef, body)).toBeNull();
    }
    expect(contract.faultOfBody('another callback', callbackRef, { project_id: 'p', message: {} })).toContain(
      'is not as documented',
    );
  });

  it('is checked against every answer of these tests: an unknown status, field, type or body is found', async () => {
    const document = (await app.request('GET', '/openapi.json')).json() as OpenAPIObject;
    const contract = new Contract(document);
    const live = await app.request('GET', '/health/live');
    const fault = (change: Partial<Answer>, path = '/health/live'): string | null =>
      contract.faultOf('GET', path, { ...live, ...change });
    expect(fault({})).toBeNull();
    expect(fault({ status: 418 })).toContain('418 is not documented');
    expect(fault({ text: '{"status":"live","more":1}' })).toContain('additional properties');
    expect(fault({ text: '{}' })).toContain("required property 'status'");
    expect(fault({ headers: { 'content-type': 'text/html' } })).toContain('not documented as text/html');
    expect(fault({}, '/v1/nothing')).toContain('200 is not documented');
    expect(fault({ status: 304 })).toContain('has a body');
  });

  it('is a page for people too', async () => {
    const page = await app.request('GET', '/docs');
    expect([page.status, page.headers['content-type']]).toEqual([200, expect.stringContaining('text/html')]);
    expect(page.text).toContain('Sinch contact mirror');
  });
});

describe('The page of a problem', () => {
  it.each(Object.keys(PROBLEMS))('is served where its type points: %s', async (code) => {
    const answer = await app.request('GET', `/problems/${code}`);
    expect([answer.status, answer.json()]).toEqual([
      200,
      expect.objectContaining({ type: `/problems/${code}`, code }),
    ]);
    const page = await app.request('GET', `/problems/${code}`, { accept: 'text/html' });
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  });

  it('is 404 for a problem that there is not', async () => {
    expectProblem(await app.request('GET', '/problems/none'), 404, 'not-found');
  });
});

describe('Every route of the base', () => {
  it.each([
    ['GET', '/v1/projects/p/contacts'],
    ['GET', '/v1/projects/p/contacts/A'],
    ['GET', '/v1/projects/p/contacts/A/history'],
    ['GET', '/v1/projects/p/contacts:changes'],
    ['POST', '/v1/projects/p/contacts:resolve'],
    ['POST', '/v1/projects/p/contacts:batchGet'],
    ['GET', '/v1/projects/p/audit-events'],
    ['GET', '/v1/projects/p/audit-events/1'],
    ['GET', '/v1/projects/p/contacts:export'],
    ['GET', '/v1/projects/p/audit-events:export'],
    ['GET', '/v1/projects/p/stats/overview'],
    ['GET', '/v1/projects/p/stats/acquisition'],
    ['GET', '/v1/quarantine'],
    ['GET', '/v1/quarantine/1'],
    ['POST', '/v1/quarantine/1:replay'],
    ['POST', '/v1/quarantine/1:discard'],
  ] as const)('asks for a key: %s %s', async (method, path) => {
    for (const headers of [{}, { authorization: `Bearer ${'x'.repeat(32)}` }]) {
      const answer = await app.request(method, path, headers);
      expectProblem(answer, 401, 'unauthenticated');
      expect(answer.headers['www-authenticate']).toBe('Bearer');
    }
  });
});

describe('The address of the service', () => {
  it('says its name, its version and where to go from here, and every link leads somewhere', async () => {
    const answer = await app.request('GET', '/');
    const { name, version, links } = answer.json() as { name: string; version: string; links: object };
    const { version: released } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect([answer.status, name, version]).toEqual([200, 'sinch-contact-mirror', released]);
    const page = await app.request('GET', '/', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' });
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(page.headers['vary']).toContain('accept');
    for (const link of Object.values(links) as string[]) {
      expect(page.text).toContain(`<a href="${link}">`);
      expect([link, (await app.get(link)).status]).toEqual([link, 200]);
    }
  });
});

describe('The OpenAPI document explains', () => {
  interface Described {
    readonly summary?: string;
    readonly description?: string;
    readonly tags?: readonly string[];
    readonly operationId?: string;
    readonly requestBody?: { readonly description?: string };
    readonly parameters?: readonly {
      readonly name: string;
      readonly required?: boolean;
      readonly description?: string;
      readonly example?: unknown;
      readonly schema: { readonly example?: unknown; readonly examples?: unknown };
    }[];
  }
  interface Whole {
    readonly tags: readonly { readonly name: string; readonly description: string }[];
    readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
    readonly components: {
      readonly schemas: Readonly<
        Record<string, { readonly properties?: Readonly<Record<string, { readonly description?: string }>> }>
      >;
    };
  }
  let document: Whole;
  let operations: readonly Described[];
  beforeAll(async () => {
    document = (await app.get('/openapi.json')).json() as Whole;
    operations = Object.values(document.paths).flatMap((item) => Object.values(item));
  });
  const isText = (text: string | undefined): boolean => /^\S.*\S$/s.test(text ?? '');

  it('every operation, parameter, body and field', () => {
    const unexplained = operations.flatMap((operation) => [
      ...(isText(operation.summary) && isText(operation.description) ? [] : [operation.operationId]),
      ...(operation.parameters ?? [])
        .filter(({ description }) => !isText(description))
        .map(({ name }) => `${operation.operationId ?? ''} ${name}`),
      ...(operation.requestBody === undefined || isText(operation.requestBody.description)
        ? []
        : [`${operation.operationId ?? ''} body`]),
    ]);
    const fields = Object.entries(document.components.schemas).flatMap(([schema, { properties = {} }]) =>
      Object.entries(properties)
        .filter(([, { description }]) => !isText(description))
        .map(([field]) => `${schema}.${field}`),
    );
    expect([...unexplained, ...fields]).toEqual([]);
    const summaries = operations.map(({ summary }) => summary);
    expect(new Set(summaries).size).toBe(summaries.length);
  });

  it('each operation under one tag, and the tags in reading order', () => {
    expect(operations.filter(({ tags }) => tags?.length !== 1).map(({ operationId }) => operationId)).toEqual(
      [],
    );
    const named = document.tags.map(({ name }) => name);
    expect(named[0]).toBe('contacts');
    expect(new Set(operations.flatMap(({ tags }) => tags ?? []))).toEqual(new Set(named));
    expect(document.tags.every(({ description }) => isText(description))).toBe(true);
  });

  it('optional parameters without values that a page would fill in', () => {
    const prefilled = operations.flatMap(({ operationId, parameters = [] }) =>
      parameters
        .filter(
          ({ required, example, schema }) =>
            required !== true && (example ?? schema.example ?? schema.examples) !== undefined,
        )
        .map(({ name }) => `${operationId ?? ''} ${name}`),
    );
    expect(prefilled).toEqual([]);
  });

  it('on its page by bodies that their schemas take, and by nothing twice', async () => {
    const whole = (await app.get('/openapi.json')).json() as OpenAPIObject;
    const page = describePage(whole, new Date());
    const contract = new Contract(whole);
    const bodies = Object.entries(page.paths).flatMap(([path, { post, put }]) =>
      [post, put].flatMap((operation) => {
        const body = operation?.requestBody;
        const json = body !== undefined && 'content' in body ? body.content['application/json'] : undefined;
        return json?.schema === undefined
          ? []
          : [{ path, schema: json.schema, example: json.example as unknown }];
      }),
    );
    expect(bodies.length).toBeGreaterThan(9);
    const faults = bodies.map(({ path, schema, example }) => contract.faultOfBody(path, schema, example));
    expect(faults.filter((fault) => fault !== null)).toEqual([]);
    const example = (path: string): unknown => bodies.find((body) => body.path.endsWith(path))?.example;
    expect(Object.keys(example('/v1/api-keys') as object)).toEqual(['name', 'scopes', 'project_ids']);
    expect(Date.parse((example(':snooze') as { until: string }).until)).toBeGreaterThan(Date.now());
    expect(page.webhooks).toBeUndefined();
  });

  it('by the pages of its problems every status that they are answered with', async () => {
    const declared = Object.values(document.paths).flatMap((item) =>
      Object.values(item).flatMap((operation) =>
        Object.entries(
          (operation as { responses: Record<string, { description: string }> }).responses,
        ).flatMap(([status, { description }]) =>
          [...description.matchAll(/`([a-z-]+)`: /g)].map(([, code]) => `${code ?? ''} ${status}`),
        ),
      ),
    );
    for (const each of new Set(declared)) {
      const [code = '', status = ''] = each.split(' ');
      const { text } = await app.request('GET', `/problems/${code}`, { accept: 'text/html' });
      expect([each, text]).toEqual([
        each,
        expect.stringMatching(new RegExp(`status (\\d+ or )*${status}\\b`)),
      ]);
    }
  });
});
