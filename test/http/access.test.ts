import { setTimeout as delay } from 'node:timers/promises';
import type { ApiKeyBody, ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { SCOPES, type ScopeName } from '../../src/access/scope-names.rule';
import type { AuditEventsPage } from '../../src/audit/audit.dto';
import { mergeId } from '../../src/contacts/merges/merge-id.rule';
import type { MergePreviewObject } from '../../src/merging/merging.dto';
import type { ShownSubscriptionObject } from '../../src/outward/subscriptions.dto';
import { ProjectReads } from '../../src/database/reads/project-reads';
import type { ParkedEventsPage } from '../../src/followers/parked-events.dto';
import type { QuarantinePage } from '../../src/webhook/quarantine.dto';
import { QuarantineRepository } from '../../src/webhook/quarantine.repository';
import { contact } from '../support/sinch/callbacks';
import { insertParked } from '../support/outward/subscription-rows';
import { App, at, expectProblem, type Answer, type Headers, type Project } from '../support/http/app';

jest.setTimeout(60_000);

/** What needs no key; every other route of the document does, and a new one has to be here to be open. */
const PUBLIC = [
  'get /',
  'get /docs',
  'get /openapi.json',
  'get /problems',
  'get /problems/{code}',
  'get /v1/event-types',
  'get /v1/event-types/{event_type}',
  'get /health/live',
  'get /health/ready',
  'get /v1/destination-kinds',
  'post /webhooks/sinch',
  'post /oauth2/token',
];
/** In what is theirs, and in no id of theirs: wherever it shows, something was read. */
const CANARY = 'canary-7f3a91';
const THEIR_CONTACTS = ['their-a', 'their-b', 'their-c'] as const;

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
}
interface Operation {
  readonly security?: readonly object[];
  readonly 'x-required-scope'?: ScopeName;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: object;
}
interface Route {
  readonly name: string;
  readonly method: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT';
  readonly path: string;
  readonly scope: ScopeName | null;
  readonly query: readonly string[];
  readonly takesBody: boolean;
}

let app: App;
let ours: Project;
let theirs: Project;
let routes: readonly Route[];
let guarded: readonly Route[];
/** Ids of theirs, by the names that the routes' parameters have. */
let their: Readonly<Record<string, string>>;
/** A key with every scope that one bound to a project can have, for ours. */
let ourKey: Headers;

beforeAll(async () => {
  app = await App.start();
  [ours, theirs] = [app.project(), app.project()];
  routes = await readRoutes();
  guarded = routes.filter(({ name }) => !PUBLIC.includes(name));
  await ours.tell({ create: contact('ours') }, at(0));
  their = await tellTheirs();
  ourKey = await keyFor(
    SCOPES.filter((scope) => scope !== 'admin'),
    [ours.id],
  );
});
afterAll(() => app.stop());
afterEach(() => jest.restoreAllMocks());

async function readRoutes(): Promise<readonly Route[]> {
  const document = (await app.request('GET', '/openapi.json')).json() as {
    readonly paths: Record<string, Record<string, Operation>>;
  };
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method} ${path}`,
      method: method.toUpperCase() as Route['method'],
      path,
      scope: operation['x-required-scope'] ?? null,
      query: (operation.parameters ?? []).filter((each) => each.in === 'query').map(({ name }) => name),
      takesBody: operation.requestBody !== undefined,
    })),
  );
}

async function tellTheirs(): Promise<Readonly<Record<string, string>>> {
  const [a, b, c] = THEIR_CONTACTS;
  const says = (id: string): Record<string, unknown> =>
    contact(id, { display_name: CANARY, email: `${CANARY}@example.com`, metadata: CANARY });
  for (const [n, id] of THEIR_CONTACTS.entries()) await theirs.tell({ create: says(id) }, at(n));
  await theirs.tell({ update: says(a) }, at(4));
  await theirs.tell({ merge: { survivor: says(b), loser: says(a) } }, at(5));
  await theirs.tell({ merge: { survivor: says(b), loser: says('their-d') } }, at(6));
  await app.deliver(JSON.stringify({ project_id: theirs.id, unknown: CANARY }));
  const admin = await adminHeaders();
  for (const n of [1, 2])
    await app.request('PUT', `${theirs.base}/contacts/${b}/references/crm/their-${n}`, admin);
  let duplicates: { id: string }[] = [];
  const deadline = Date.now() + 45_000;
  while (duplicates.length === 0 && Date.now() < deadline) {
    await delay(50);
    ({ duplicates } = await theirs.read<{ duplicates: { id: string }[] }>('/duplicates'));
  }
  const { audit_events: events } = await theirs.read<AuditEventsPage>('/audit-events');
  const { quarantine } = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${theirs.id}`);
  const [duplicate, event, delivery] = [duplicates[0], events[0], quarantine[0]];
  if (duplicate === undefined || event === undefined || delivery === undefined)
    throw new Error('They have nothing.');
  const [run] = await app.sql<{ id: string }>(
    `insert into sync_run (project_id, mode, state, requested_by, confirmed)
     select $1, 'backfill', 'needs_confirmation', $2, false from generate_series(1, 2) returning id`,
    [theirs.id, CANARY],
  );
  const [parked] = await app.sql<{ id: string }>(
    `insert into parked_event (follower, event_id, project_id, reason, tries) values ('duplicates', $1, $2, $3, 3) returning id`,
    [event.id, theirs.id, CANARY],
  );
  let subscriptionId = '';
  for (const name of [`${CANARY} 1`, CANARY]) {
    const made = await theirs.post('/subscriptions', {
      name,
      purpose: 'trigger',
      destination: { kind: 'webhook', url: `https://93.184.216.34/${CANARY}` },
    });
    ({ id: subscriptionId } = made.json() as ShownSubscriptionObject);
    await theirs.post(`/subscriptions/${subscriptionId}:pause`, {});
  }
  for (const eventId of [event.id, 'evt_1_1_0'])
    await insertParked(app, theirs.id, subscriptionId, { eventId, subject: CANARY });
  // of the same number as the sweep, since both are named `run_id`
  await app.sql(
    `insert into subscription_run (project_id, subscription_id, id, kind, request, requested_by, state) overriding system value
     values ($1, $2, $3, 'replay', '{}', $4, 'done')`,
    [theirs.id, subscriptionId, run?.id, CANARY],
  );
  const { id: keyId } = await make({ name: 'theirs', scopes: ['contacts:read'], project_ids: [theirs.id] });
  return {
    contact_id: c,
    merge_id: mergeId(a, b),
    survivor_id: b,
    loser_id: a,
    system: 'crm',
    external_id: 'their-1',
    duplicate_id: duplicate.id,
    event_id: event.id,
    delivery_id: delivery.id,
    parked_event_id: parked?.id ?? '',
    key_id: keyId,
    run_id: run?.id ?? '',
    subscription_id: subscriptionId,
  };
}

async function adminHeaders(): Promise<Headers> {
  return keyFor([...SCOPES], ['*']);
}

async function make(body: Omit<ApiKeyBody, 'expires_at'>): Promise<ShownApiKeyObject> {
  return (await app.post('/v1/api-keys', body)).json() as ShownApiKeyObject;
}

async function keyFor(scopes: string[], projectIds: string[]): Promise<Headers> {
  const { key } = await make({ name: 'k', scopes, project_ids: projectIds });
  return { authorization: `Bearer ${key}` };
}

/** The path of a route with ids of theirs, below a project. */
function pathOf({ path }: Route, { id: projectId }: Project): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const id = name === 'project_id' ? projectId : their[name];
    if (id === undefined) throw new Error(`Give ${name} an id of theirs.`);
    return encodeURIComponent(id);
  });
}

function ask(route: Route, path: string, headers: Headers): Promise<Answer> {
  if (!route.takesBody) return app.request(route.method, path, headers);
  const body = /:(resolve|batchGet)$/.test(route.path)
    ? { ids: THEIR_CONTACTS }
    : /:snooze$/.test(route.path)
      ? { until: new Date(Date.now() + 60_000).toISOString() }
      : /:revokeSecret$/.test(route.path)
        ? { which: 'older' }
        : /deliveries.*:discard$/.test(route.path)
          ? { reason: 'x' }
          : /subscriptions.*:replay$/.test(route.path)
            ? { after: '2026-01-01T00:00:00Z', before: '2026-01-02T00:00:00Z' }
            : {};
  return app.request(
    route.method,
    path,
    { ...headers, 'content-type': 'application/json' },
    JSON.stringify(body),
  );
}

/** Fails where the answer is given by more than a guard: what reads projects, or quarantine, was asked. */
async function withoutReading(act: () => Promise<void>): Promise<void> {
  const spies = [
    jest.spyOn(ProjectReads.prototype, 'of'),
    jest.spyOn(ProjectReads.prototype, 'prepared'),
    jest.spyOn(QuarantineRepository.prototype, 'page'),
    jest.spyOn(QuarantineRepository.prototype, 'find'),
  ];
  await act();
  for (const spy of spies) expect(spy).not.toHaveBeenCalled();
}

describe('Every route', () => {
  it('says which scope it takes, but for those that need no key', () => {
    expect(
      routes
        .filter(({ scope }) => scope === null)
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...PUBLIC].sort());
  });

  it('refuses a caller without a key, with a wrong one, and with one of another kind', async () => {
    await withoutReading(async () => {
      for (const route of guarded) {
        for (const authorization of [
          '',
          'Bearer',
          `Bearer ${'x'.repeat(43)}`,
          'Basic eDp5',
          `Bearer scm_${'0'.repeat(32)}_${'A'.repeat(43)}`,
        ]) {
          const answer = await ask(
            route,
            pathOf(route, theirs),
            authorization === '' ? {} : { authorization },
          );
          expect([route.name, authorization, answer.status]).toEqual([route.name, authorization, 401]);
          expectProblem(answer, 401, 'unauthenticated');
        }
      }
    });
  });

  it('refuses a key that lacks its scope alone', async () => {
    const keys = new Map<string, Headers>();
    for (const scope of SCOPES)
      keys.set(
        scope,
        await keyFor(
          SCOPES.filter((other) => other !== scope),
          ['*'],
        ),
      );
    await withoutReading(async () => {
      for (const route of guarded) {
        const answer = await ask(route, pathOf(route, theirs), keys.get(route.scope ?? '') ?? {});
        expect([route.name, answer.status]).toEqual([route.name, 403]);
        expectProblem(answer, 403, 'forbidden');
      }
    });
  });

  it('refuses a key of another project, whatever else is wrong with the request', async () => {
    await withoutReading(async () => {
      for (const route of guarded) {
        // of those outside of projects, admin’s are refused by scope; the others have tests of their own
        if (/^\/v1\/(quarantine|parked-events)/.test(route.path)) continue;
        for (const suffix of ['', '?nonsense=1', '?page_size=-1']) {
          const answer = await ask(route, `${pathOf(route, theirs)}${suffix}`, ourKey);
          expect([route.name, suffix, answer.status]).toEqual([route.name, suffix, 403]);
        }
      }
    });
  });

  it('is not got around by another spelling of its path', async () => {
    await withoutReading(async () => {
      for (const route of guarded) {
        const path = pathOf(route, theirs);
        for (const headers of [{}, ...(path.includes('/projects/') ? [ourKey] : [])]) {
          for (const spelling of spellingsOf(path)) {
            const answer = await ask(route, spelling, headers);
            expect([spelling, [400, 401, 403, 404, 405].includes(answer.status), answer.status]).toEqual([
              spelling,
              true,
              answer.status,
            ]);
          }
        }
      }
    });
  });

  it('is not got around by a target in absolute form', async () => {
    const key = Object.entries(ourKey)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('');
    await withoutReading(async () => {
      for (const route of guarded.filter(({ path }) => path.includes('{project_id}'))) {
        for (const headers of ['', key]) {
          const { status } = await app.sendRaw(
            `${route.method} http://mirror${pathOf(route, theirs)} HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\nContent-Length: 0\r\n${headers}\r\n`,
          );
          expect([route.name, [400, 401, 403, 404, 405].includes(status), status]).toEqual([
            route.name,
            true,
            status,
          ]);
        }
      }
    });
  });
});

/** Ways to write a path that some server takes for the same one. */
function spellingsOf(path: string): readonly string[] {
  const hex = (text: string): string =>
    text.replaceAll(/./g, (each) => `%${each.charCodeAt(0).toString(16)}`);
  const [, version = '', second = '', ...rest] = path.split('/');
  const mine = encodeURIComponent(ours.id);
  return [
    `/${path}`,
    path.replaceAll('/', '//'),
    `${path}/`,
    `/.${path}`,
    `/${version}/./${[second, ...rest].join('/')}`,
    `/x/..${path}`,
    `/x/%2e%2e${path}`,
    `/${hex(version)}/${[second, ...rest].join('/')}`,
    `/${version}/${hex(second)}/${rest.join('/')}`,
    `/${version}%2f${[second, ...rest].join('%2f')}`,
    path.toUpperCase(),
    `${path};x=1`,
    `${path}%00`,
    `${path}%20`,
    path.replace('/projects/', `/projects/${mine}/../`),
    path.replace('/projects/', `/projects/${mine}%2F..%2F`),
    path.replace(/\/projects\/([^/]+)/, `/projects/$1%2F..%2F${mine}`),
    path.replace(/\/projects\/([^/]+)/, `/projects/$1%00${mine}`),
    path.replace(':', '%3a'),
  ].filter((spelling) => spelling !== path);
}

describe('With the ids of another project', () => {
  it('every route of ours reads and changes nothing of theirs', async () => {
    const before = await allOfTheirs();
    for (const route of guarded.filter(({ path }) => path.includes('{project_id}'))) {
      const answers = [await ask(route, pathOf(route, ours), ourKey)];
      for (const name of route.query) {
        const value = their[name] ?? their[name.replace('identity', 'contact_id')];
        if (value === undefined) continue;
        answers.push(await ask(route, `${pathOf(route, ours)}?${name}=${encodeURIComponent(value)}`, ourKey));
      }
      for (const { status, text } of answers) {
        expect([route.name, text.includes(CANARY), text]).toEqual([route.name, false, text]);
        expect([route.name, [200, 202, 204, 400, 404].includes(status), status]).toEqual([
          route.name,
          true,
          status,
        ]);
        // all that names one thing in its path has not found it
        const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
        if (names.length > 1 && status !== 204) expect([route.name, status]).toEqual([route.name, 404]);
      }
    }
    expect(await allOfTheirs()).toEqual(before);
  });

  it('a merge of theirs is not even foreseen by ours', async () => {
    const body = JSON.stringify({ survivor_id: their['contact_id'], loser_id: their['survivor_id'] });
    const json = { ...ourKey, 'content-type': 'application/json' };
    const answer = await app.request('POST', `${ours.base}/merges?validate_only=true`, json, body);
    expect(answer.status).toBe(200);
    const { blocked, result } = answer.json() as MergePreviewObject;
    expect([blocked.map(({ code }) => code), result]).toEqual([['not-found', 'not-found'], null]);
  });

  it('every list of ours refuses their page tokens', async () => {
    let tokens = 0;
    const admin = await adminHeaders();
    for (const route of guarded.filter(
      ({ query, path }) => query.includes('page_token') && path.includes('{project_id}'),
    )) {
      const first = await ask(route, `${pathOf(route, theirs)}?page_size=1`, admin);
      const { next_page_token: token } = first.json() as { next_page_token: string };
      if (token === '') continue;
      tokens++;
      const search = new URLSearchParams({ page_size: '1', page_token: token }).toString();
      expect([route.name, (await ask(route, `${pathOf(route, theirs)}?${search}`, admin)).status]).toEqual([
        route.name,
        200,
      ]);
      const answer = await ask(route, `${pathOf(route, ours)}?${search}`, ourKey);
      expect([route.name, answer.status]).toEqual([route.name, 400]);
      expectProblem(answer, 400, 'page-token-mismatch');
    }
    expect(tokens).toBeGreaterThanOrEqual(5);
  });

  it('the quarantine shows a key that is bound to a project what is its own', async () => {
    await app.deliver(JSON.stringify({ project_id: ours.id, unknown: 'ours' }));
    await app.deliver('{"nobody":"s"}');
    const list = await app.request('GET', '/v1/quarantine', ourKey);
    expect((list.json() as QuarantinePage).quarantine.map((row) => row.project_id)).toEqual([ours.id]);
    await withoutReading(async () => {
      for (const query of ['', '&state=open', '&page_token=x'])
        expectProblem(
          await app.request('GET', `/v1/quarantine?project_id=${theirs.id}${query}`, ourKey),
          403,
          'forbidden',
        );
    });
    for (const route of guarded.filter(({ path }) => path.startsWith('/v1/quarantine/'))) {
      const answer = await ask(route, pathOf(route, ours), ourKey);
      expectProblem(answer, 404, 'not-found');
    }
    const { quarantine } = await app.read<QuarantinePage>(`/v1/quarantine?project_id=${theirs.id}`);
    expect(quarantine.map(({ state }) => state)).toEqual(['open']);
  });

  it('the parked events show a key that is bound to a project only its own', async () => {
    await app.sql(
      `insert into parked_event (follower, event_id, project_id, reason, tries) values ('stats', 0, $1, 'ours', 3)`,
      [ours.id],
    );
    const list = await app.request('GET', '/v1/parked-events', ourKey);
    expect((list.json() as ParkedEventsPage).parked_events.map((row) => row.project_id)).toEqual([ours.id]);
    await withoutReading(async () => {
      for (const query of ['', '&follower=duplicates', '&page_token=x'])
        expectProblem(
          await app.request('GET', `/v1/parked-events?project_id=${theirs.id}${query}`, ourKey),
          403,
          'forbidden',
        );
    });
    for (const route of guarded.filter(({ path }) => path.startsWith('/v1/parked-events/')))
      expectProblem(await ask(route, pathOf(route, ours), ourKey), 404, 'not-found');
    const { parked_events: left } = await app.read<ParkedEventsPage>(
      `/v1/parked-events?project_id=${theirs.id}`,
    );
    expect(left).toHaveLength(1);
  });

  /** What is theirs, and only somebody's request would change. */
  async function allOfTheirs(): Promise<unknown> {
    return Promise.all([
      theirs.read('/audit-events'),
      theirs.read('/references'),
      theirs.read('/duplicates'),
      theirs.read('/sync-runs'),
      theirs.read('/subscriptions'),
      theirs.read(`/subscriptions/${their['subscription_id'] ?? ''}/events`),
    ]);
  }
});
