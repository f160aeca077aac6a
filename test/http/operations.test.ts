import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OpenAPIObject } from '@nestjs/swagger';
import Ajv from 'ajv/dist/2020';
import { PROBLEMS } from '../../src/rest/problem';
import { App, expectProblem, type Answer } from './app';
import { Contract } from './contract';

const FIXTURES = join(__dirname, '../fixtures/sinch');
const callbackRef = { $ref: '#/components/schemas/SinchCallback' };

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

describe('Health', () => {
  it('is told to everybody: live, and ready while Postgres answers', async () => {
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
    await new Promise((resolve) => setTimeout(resolve, 200));
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
    'post /oauth2/token',
    'get /health/live',
    'get /health/ready',
    'post /webhooks/sinch',
  ];

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
      expect([route, security]).toEqual([
        route,
        route.includes('/v1/') || route.endsWith('/metrics') ? [{ bearer: [] }] : undefined,
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

  it('is what every answer of these tests is held to: an unknown status, field, type or body is told', async () => {
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
