import type { AddressInfo } from 'node:net';
import {
  BadRequestException,
  Controller,
  Get,
  Global,
  HttpCode,
  Logger,
  Module,
  Param,
  Patch,
  Post,
  Query,
  Req,
  Res,
  type Type,
} from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { ArrayMaxSize, IsArray, IsOptional, IsString } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DataSource } from 'typeorm';
import { AccessModule } from '../../src/access/access.module';
import { Callers } from '../../src/access/callers';
import { CalledBy, Public, Scope, type Caller } from '../../src/access/scope';
import type { ScopeName } from '../../src/access/scope-names.rule';
import { Config } from '../../src/config/config';
import { ReservedPool } from '../../src/database/reserved-pool';
import { configureRest, restFastifyOptions } from '../../src/http/configure-rest';
import { ConnectionGate } from '../../src/http/connection-gate';
import { JsonBody } from '../../src/rest/json-body';
import { Problems } from '../../src/openapi/openapi';
import {
  FlagParameter,
  IntegerParameter,
  OneOfParameter,
  PageQuery,
  TextParameter,
  TimeParameter,
} from '../../src/rest/parameters';
import { asHtml } from '../../src/rest/html-page';
import { PROBLEMS, Problem, type ProblemBody, type ProblemCode } from '../../src/rest/problems/problem';
import { bodyValuesMax } from '../../src/rest/read-json';
import { RestModule } from '../../src/rest/rest.module';
import { HttpModule } from '../../src/http/http.module';
import { IdempotencyModule } from '../../src/idempotency/idempotency.module';
import { sendRaw } from '../support/http/send-raw';

const ADMIN_KEY = 'k'.repeat(32);
const fieldsOf = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}a`, 0]));
const KEY = { authorization: `Bearer ${ADMIN_KEY}` };
const webhookBodyMaxBytes = 2 * 1024 * 1024;
const CONTACTS = '/v1/projects/p/contacts';

class ListQuery extends PageQuery {
  @TextParameter('Exact.')
  email?: string;

  @OneOfParameter(['active', 'all'], 'Which contacts.', { default: 'active' })
  status: 'active' | 'all' = 'active';

  @FlagParameter('Its losers too.')
  include_merged = true;

  @IntegerParameter({ min: 0, max: 30 }, 'Seconds.')
  wait = 0;

  @TimeParameter('As it was then.')
  at?: bigint;
}

class Ids {
  @IsArray()
  @ArrayMaxSize(3)
  @IsString({ each: true })
  ids: string[];

  @IsOptional()
  @IsString()
  on_merged?: string;
}

/** Stands in for the controllers to come: it answers what it was given. */
@Controller('v1/projects/:project_id')
class ProbeController {
  @Get('contacts')
  @Scope('contacts:read')
  list(@Param('project_id') _project: string, @Query() { at, ...query }: ListQuery): object {
    return { ...query, at: at === undefined ? null : String(at) };
  }

  @Get('contacts/:contact_id')
  @Scope('contacts:read')
  @Problems('not-found', ['contact-merged', 410])
  get(
    @Param('project_id') project: string,
    @Param('contact_id') contact: string,
    @CalledBy() caller: Caller,
  ): object {
    return { project, contact, caller: caller.name };
  }

  @Post('contacts::resolve')
  @Scope('contacts:read')
  resolve(@JsonBody(Ids) body: Ids): object {
    return { body, polluted: ({} as Record<string, unknown>)['polluted'] ?? null };
  }

  @Post('merges')
  @HttpCode(201)
  @Scope('merges:write')
  merge(): object {
    return {};
  }

  @Post('duplicates/:id(^[^:/]+)::dismiss')
  @Scope('duplicates:review')
  dismiss(@Param('id') id: string): object {
    return { id };
  }
}

const FAULTS: Readonly<Record<string, () => unknown>> = {
  bug: () => new TypeError('select secret from contact where name = $1'),
  database: () => Object.assign(new Error('duplicate key (jane@example.com)'), { code: '23505' }),
  away: () => Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' }),
  timeout: () => Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' }),
  pool: () => new Error('timeout exceeded when trying to connect'),
  nest: () => new BadRequestException('of somebody else'),
  text: () => 'not an error',
  merged: () =>
    new Problem('contact-merged', 'Merged into b.', {
      survivor_id: 'b',
      chain: ['a', 'b'],
      headers: { location: 'b?at=1' },
    }),
};

@Controller()
@Public()
class OpenController {
  @Get('faults/:name')
  fail(@Param('name') name: string): never {
    throw FAULTS[name]?.();
  }

  @Get('texts')
  text(): string {
    return 'text';
  }

  @Get('nothing')
  nothing(): void {
    return undefined;
  }

  @Post('webhooks/sinch')
  receive(@Req() { body }: FastifyRequest): object {
    return { bytes: Buffer.isBuffer(body) ? body.length : null };
  }

  @Patch('created')
  create(@Res({ passthrough: true }) reply: FastifyReply): object {
    reply.status(201);
    return {};
  }
}

@Global()
@Module({
  providers: [
    { provide: Config, useValue: { adminApiKey: ADMIN_KEY, rateLimitPerMinute: null } },
    // no key here is one that is looked up
    { provide: DataSource, useValue: {} },
    { provide: ReservedPool, useValue: {} },
  ],
  exports: [Config, DataSource, ReservedPool],
})
class ConfigModule {}

const PROBES = [ProbeController, OpenController];

/** @param limited whose key every key is; null: the keys are as configured */
async function startApp(
  controllers: Type[] = PROBES,
  limited: Caller | null = null,
): Promise<NestFastifyApplication> {
  const building = Test.createTestingModule({
    imports: [ConfigModule, AccessModule, IdempotencyModule, RestModule, HttpModule],
    controllers,
  });
  const gate = new ConnectionGate();
  if (limited !== null) building.overrideProvider(Callers).useValue({ find: () => limited });
  const testing = await building.compile();
  const probe = testing.createNestApplication<NestFastifyApplication>(
    new FastifyAdapter(restFastifyOptions(gate)),
    { bodyParser: false, logger: false },
  );
  await configureRest(probe, gate, { webhookBodyMaxBytes, corsOrigins: new Set() });
  return probe.init();
}

let app: NestFastifyApplication;
let logged: unknown[];

beforeAll(async () => {
  app = await startApp();
  await app.listen(0, '127.0.0.1');
});
afterAll(() => app.close());

beforeEach(() => {
  logged = [];
  for (const level of ['error', 'warn'] as const) {
    jest
      .spyOn(Logger.prototype, level)
      .mockImplementation((...args: unknown[]) => void logged.push([level, ...args]));
  }
});
afterEach(() => {
  jest.restoreAllMocks();
});

type Answer = Awaited<ReturnType<typeof call>>;

async function call(method: string, url: string, options: { headers?: object; body?: Buffer | string } = {}) {
  const response = await app.inject({
    method: method as 'GET',
    url,
    headers: { ...KEY, ...options.headers },
    ...(options.body === undefined ? {} : { payload: options.body }),
  });
  return {
    status: response.statusCode,
    headers: response.headers as Record<string, string | undefined>,
    text: response.body,
    json: () => response.json<Record<string, unknown>>(),
  };
}

const get = (url: string, headers: object = {}): Promise<Answer> => call('GET', url, { headers });
const post = (url: string, body?: unknown, headers: object = {}): Promise<Answer> =>
  call('POST', url, {
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
  });

function expectProblem(answer: Answer, status: number, code: ProblemCode): ProblemBody {
  expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json']);
  const problem = answer.json() as unknown as ProblemBody; // as the lines below see to
  expect(problem).toMatchObject({ type: `/problems/${code}`, title: PROBLEMS[code].title, status, code });
  expect(problem.trace_id).toMatch(/^[\da-f]{32}$/);
  expect(answer.headers['cache-control']).toBe('no-store');
  return problem;
}

/** What the application answers to bytes as they are. */
async function receiveRaw(...parts: readonly (string | Buffer)[]): Promise<string> {
  const { port } = app.getHttpServer().address() as AddressInfo;
  return (await sendRaw(port, ...parts)).text;
}

const request = (line: string, ...headers: string[]): string =>
  [line, 'Host: x', `Authorization: Bearer ${ADMIN_KEY}`, 'Connection: close', ...headers, '', ''].join(
    '\r\n',
  );

describe('Keys', () => {
  it.each([
    ['none', ''],
    ['a wrong one', `Bearer ${'x'.repeat(32)}`],
    ['half of the right one', `Bearer ${ADMIN_KEY.slice(0, 16)}`],
    ['the right one with more', `Bearer ${ADMIN_KEY}k`],
    ['another scheme', `Basic ${ADMIN_KEY}`],
    ['no scheme', ADMIN_KEY],
    ['an empty one', 'Bearer '],
    ['two', `Bearer ${ADMIN_KEY}, Bearer ${ADMIN_KEY}`],
  ])('are asked for with a challenge where there is %s', async (_what, authorization) => {
    const answer = await get(CONTACTS, { authorization });
    expectProblem(answer, 401, 'unauthenticated');
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('are taken whatever the case of the scheme', async () => {
    expect((await get(CONTACTS, { authorization: `bearer ${ADMIN_KEY}` })).status).toBe(200);
  });

  it('are asked for before the query and the body are looked at', async () => {
    expectProblem(await get(`${CONTACTS}?nonsense=1`, { authorization: '' }), 401, 'unauthenticated');
    expectProblem(await get(`${CONTACTS}/a?nonsense=1`, { authorization: '' }), 401, 'unauthenticated');
    expectProblem(await post(`${CONTACTS}:resolve`, '{', { authorization: '' }), 401, 'unauthenticated');
  });

  it.each([
    '/v1/projects/p/%63ontacts',
    '/v1/projects/p/contacts/',
    '//v1/projects/p/contacts',
    '/v1//projects/p/contacts',
    '/v1/projects/p/./contacts',
    '/v1/projects/p/contacts;x=1',
    '/V1/projects/p/contacts',
    '/v1/projects/p/contacts%2Fx',
    '/v1/projects/p/contacts/x?a=/health',
  ])('are not got around by %s', async (path) => {
    const raw = await receiveRaw(
      [`GET ${path} HTTP/1.1`, 'Host: x', 'Connection: close', '', ''].join('\r\n'),
    );
    expect(raw).toMatch(/^HTTP\/1\.1 40[14] /);
    expect(raw).not.toContain('"contact"');
  });

  it('are not got around by a target in absolute form', async () => {
    const raw = await receiveRaw(`GET http://x${CONTACTS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(raw).toMatch(/^HTTP\/1\.1 40[14] /);
  });

  it('are not asked for on public routes and unknown paths', async () => {
    expect((await get('/texts', { authorization: '' })).status).toBe(200);
    expectProblem(await get('/v1/nothing-here', { authorization: '' }), 404, 'not-found');
  });

  it('must be for the project and have the scope, before anything else', async () => {
    const scopes = new Set<ScopeName>(['contacts:read']);
    const limited = await startApp(PROBES, {
      id: 'limited',
      name: 'limited',
      scopes,
      projects: new Set(['p', 'a/b']),
    });
    const codeOf = async (method: 'GET' | 'POST', url: string): Promise<unknown> => {
      const response = await limited.inject({ method, url, headers: { authorization: 'Bearer any' } });
      return response.statusCode === 200 ? 200 : response.json<ProblemBody>().code;
    };
    expect(await codeOf('GET', '/v1/projects/p/contacts/x')).toBe(200);
    expect(await codeOf('GET', '/v1/projects/a%2Fb/contacts/x')).toBe(200);
    expect(await codeOf('GET', '/v1/projects/q/contacts/x?nonsense=1')).toBe('forbidden');
    expect(await codeOf('GET', '/v1/projects/p%2F/contacts/x')).toBe('forbidden');
    expect(await codeOf('POST', '/v1/projects/p/merges')).toBe('forbidden');
    await limited.close();
  });

  it('are demanded or waived by every handler, or the application does not start', async () => {
    @Controller('forgotten')
    class ForgottenController {
      @Get()
      show(): void {
        return undefined;
      }
    }
    await expect(startApp([ForgottenController])).rejects.toThrow(
      'Neither @Scope nor @Public: ForgottenController.show.',
    );
  });
});

describe('Ids in paths', () => {
  it.each([
    ['%2F', 'a%2Fb', 'a/b'],
    ['%3A', 'a%3Ab', 'a:b'],
    ['a colon', 'a:b:merge', 'a:b:merge'],
    ['%25, once', 'a%2525b', 'a%25b'],
    ['%2F that was escaped twice', 'a%252Fb', 'a%2Fb'],
    ['%3F and %23', 'a%3Fb%23c', 'a?b#c'],
    ['a plus', 'a+b', 'a+b'],
    ['a semicolon', 'a;b', 'a;b'],
    ['UTF-8', '%E2%82%AC%F0%9F%98%80', '\u20ac\u{1f600}'],
    ['dots', 'a%2E%2E', 'a..'],
    ['a prototype key', '__proto__', '__proto__'],
  ])('arrive decoded once with %s', async (_what, escaped, id) => {
    const answer = await get(`/v1/projects/${escaped}/contacts/${escaped}`);
    expect(answer.json()).toEqual({ project: id, contact: id, caller: 'admin' });
    const raw = await receiveRaw(request(`GET /v1/projects/p/contacts/${escaped} HTTP/1.1`));
    expect(raw).toContain(JSON.stringify(id));
  });

  it('may have 512 bytes, however they are escaped, and no more', async () => {
    const longest = '%E2%82%AC'.repeat(170) + 'ab';
    expect((await get(`${CONTACTS}/${longest}`)).status).toBe(200);
    expect((await get(`${CONTACTS}/${'%2F'.repeat(512)}`)).status).toBe(200);
    const problem = expectProblem(await get(`${CONTACTS}/${longest}c`), 400, 'invalid-request');
    expect(problem.errors).toEqual([
      expect.objectContaining({ pointer: '/path/contact_id', code: 'not-an-id' }),
    ]);
    expectProblem(await get(`${CONTACTS}/${'a'.repeat(513)}`), 400, 'invalid-request');
    expectProblem(await get(`${CONTACTS}/${'a'.repeat(5_000)}`), 414, 'invalid-request');
  });

  it('hold no U+0000', async () => {
    expectProblem(await get(`${CONTACTS}/a%00b`), 400, 'invalid-request');
    expectProblem(await get('/v1/projects/%00/contacts/a'), 400, 'invalid-request');
  });

  it('are not empty', async () => {
    expectProblem(await get(`${CONTACTS}/`), 404, 'not-found');
    expectProblem(await call('PUT', `${CONTACTS}/`), 404, 'not-found');
  });

  it('must be percent-encoded rightly', async () => {
    const problem = expectProblem(await get(`${CONTACTS}/%zz`), 400, 'invalid-request');
    // a URI reference, as RFC 9457 has it
    expect(problem.instance).toBe(`${CONTACTS}/%25zz`);
    expectProblem(await get(`${CONTACTS}/%ff`), 400, 'invalid-request');
  });

  it('may be followed by a verb', async () => {
    expect((await post('/v1/projects/p/duplicates/7:dismiss')).json()).toEqual({ id: '7' });
    expect((await post('/v1/projects/a:b/duplicates/%C3%A9:dismiss')).json()).toEqual({ id: '\u00e9' });
  });
});

describe('Queries', () => {
  it('have the defaults of their route', async () => {
    const defaults = { page_size: 50, status: 'active', include_merged: true, wait: 0, at: null };
    expect((await get(CONTACTS)).json()).toEqual(defaults);
    expect((await get(`${CONTACTS}?page_token=`)).json()).toEqual(defaults);
  });

  it('are read by type', async () => {
    const query =
      'page_size=500&page_token=t&email=a%2Bb&status=ALL&include_merged=False&wait=30&at=1970-01-01T01:00:01.5+01:00';
    expect((await get(`${CONTACTS}?${query}`)).json()).toEqual({
      page_size: 200,
      page_token: 't',
      email: 'a+b',
      status: 'all',
      include_merged: false,
      wait: 30,
      at: '1500000000',
    });
  });

  it.each([
    ['page_size=-5', 'page_size', 'page-size'],
    ['page_size=1.5', 'page_size', 'page-size'],
    ['status=gone', 'status', 'is-in'],
    ['include_merged=1', 'include_merged', 'flag'],
    ['include_merged=toString', 'include_merged', 'flag'],
    ['wait=31', 'wait', 'integer'],
    ['wait=1e1', 'wait', 'integer'],
    ['at=2024-02-30T00:00:00Z', 'at', 'time'],
    ['at=yesterday', 'at', 'time'],
    ['email=a&email=b', 'email', 'repeated'],
    ['page_size=1&page_size=1', 'page_size', 'repeated'],
    ['email=a%00', 'email', 'has-nul'],
  ])('with %s are refused by name', async (query, name, code) => {
    const problem = expectProblem(await get(`${CONTACTS}?${query}`), 400, 'invalid-request');
    expect(problem.errors).toEqual([
      { pointer: `/query/${name}`, code, message: expect.stringMatching(/^\S+ /) },
    ]);
    expect(problem.detail).toContain(`/query/${name}`);
  });

  it.each(['pagesize', 'EMAIL', '__proto__', 'constructor', 'toString', 'email[]', 'a/b'])(
    'with the unknown parameter %s are refused by name',
    async (name) => {
      const problem = expectProblem(
        await get(`${CONTACTS}?email=a&${encodeURIComponent(name)}=1`),
        400,
        'unknown-parameter',
      );
      expect(problem.errors).toEqual([
        {
          pointer: `/query/${name.replace('/', '~1')}`,
          code: 'unknown',
          message: 'is not a parameter of this route',
        },
      ]);
    },
  );

  it('are refused where the route takes none', async () => {
    const problem = expectProblem(await get(`${CONTACTS}/a?on_merge=follow`), 400, 'unknown-parameter');
    expect(problem.errors?.[0]?.pointer).toBe('/query/on_merge');
    expectProblem(await post('/v1/projects/p/merges?dry_run=1'), 400, 'unknown-parameter');
  });

  it('are let be outside of /v1, where the caller does not choose them', async () => {
    expect((await post('/webhooks/sinch?tenant=1', 'x')).status).toBe(200);
    expect((await get('/texts?probe=1')).status).toBe(200);
  });

  it('of any bytes do no harm', async () => {
    expect((await get(`${CONTACTS}?email=%zz%ff&status=all`)).status).toBe(200);
    expectProblem(await get(`${CONTACTS}?%zz=1&&&=`), 400, 'unknown-parameter');
  });
});

describe('JSON bodies', () => {
  const RESOLVE = `${CONTACTS}:resolve`;

  it('are read into their DTO, and a POST is answered 200', async () => {
    const answer = await post(RESOLVE, { ids: ['a', 'b'] });
    expect([answer.status, answer.json()['body']]).toEqual([200, { ids: ['a', 'b'] }]);
    expect(
      (await post(RESOLVE, { ids: [] }, { 'content-type': 'Application/JSON; charset=utf-8' })).status,
    ).toBe(200);
  });

  it('are answered 201 where the handler says so', async () => {
    expect((await post('/v1/projects/p/merges')).status).toBe(201);
  });

  it.each([
    ['a value of another type', { ids: 'a' }, ['/body/ids is-array']],
    ['a member of another type', { ids: ['a', 1] }, ['/body/ids is-string']],
    ['too many members', { ids: ['a', 'b', 'c', 'd'] }, ['/body/ids array-max-size']],
    ['nothing that must be there', {}, ['/body/ids is-string']],
    ['several faults', { ids: 1, on_merged: 2 }, ['/body/ids is-string', '/body/on_merged is-string']],
    ['an unknown field', { ids: [], extra: 1 }, ['/body/extra unknown']],
    ['a list', [], ['/body not-an-object']],
    ['null', null, ['/body not-an-object']],
    ['text', '"text"', ['/body not-an-object']],
    ['half of it', '{"ids":', ['/body not-json']],
    ['nothing', '', ['/body not-json']],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), ['/body not-json']],
    ['33 levels', '['.repeat(33), ['/body too-deep']],
    ['5,001 members', { ids: Array(bodyValuesMax).fill('a') }, ['/body too-many-values']],
    ['80,000 fields in an object', { ids: fieldsOf(80_000) }, ['/body too-many-values']],
    ['as many lists in lists', `{"ids":[${'[[[]]],'.repeat(30_000)}[]]}`, ['/body too-many-values']],
    ['U+0000', '{"ids":["\\u0000"]}', ['/body/ids/0 has-nul']],
    ['a prototype', '{"ids":[],"__proto__":{"polluted":1}}', ['/body/__proto__ unknown']],
    ['a constructor', '{"ids":[],"constructor":{"prototype":{"polluted":1}}}', ['/body/constructor unknown']],
  ])('with %s are refused by pointer', async (_what, body, faults) => {
    const problem = expectProblem(await post(RESOLVE, body), 400, 'invalid-request');
    const found = problem.errors?.map(({ pointer, code }) => `${pointer} ${code}`);
    expect(found).toEqual(expect.arrayContaining(faults));
    expect((await post(RESOLVE, { ids: [] })).json()['polluted']).toBeNull();
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/merge-patch+json',
    'json',
    undefined,
  ])('are not taken as %s', async (type) => {
    const answer = await post(RESOLVE, '{"ids":[]}', { 'content-type': type });
    expectProblem(answer, 415, 'invalid-request');
  });

  it('are not taken compressed', async () => {
    expectProblem(await post(RESOLVE, '{"ids":[]}', { 'content-encoding': 'gzip' }), 415, 'invalid-request');
  });

  it('have 1 MiB at most', async () => {
    const body = (bytes: number): string => `{"ids":["${'a'.repeat(bytes - 12)}"]}`;
    expect((await post(RESOLVE, body(1024 * 1024))).status).toBe(200);
    const problem = expectProblem(await post(RESOLVE, body(1024 * 1024 + 1)), 413, 'payload-too-large');
    expect(problem.detail).toContain('1048576 bytes');
  });

  it('without a Content-Length have the same limit', async () => {
    const chunk = 'a'.repeat(600_000);
    const head = request(
      `POST ${RESOLVE} HTTP/1.1`,
      'Transfer-Encoding: chunked',
      'Content-Type: application/json',
    );
    const raw = await receiveRaw(head, `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(2), '0\r\n\r\n');
    expect(raw).toMatch(/^HTTP\/1\.1 413 /);
    expect(raw).toContain('"code":"payload-too-large"');
  });

  it('of a GET are passed over', async () => {
    const raw = await receiveRaw(
      request(`GET ${CONTACTS} HTTP/1.1`, 'Content-Length: 9', 'Content-Type: x'),
      '{"ids":1}',
    );
    expect(raw).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe('The webhook', () => {
  it.each([
    'application/json',
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'nonsense',
    ';',
    '',
  ])('gets the bytes with the content type %j', async (type) => {
    const answer = await post('/webhooks/sinch', Buffer.from([0x7b, 0xff, 0x00]), { 'content-type': type });
    expect([answer.status, answer.json()]).toEqual([200, { bytes: 3 }]);
  });

  it('gets the bytes without a content type', async () => {
    const raw = await receiveRaw(request('POST /webhooks/sinch HTTP/1.1', 'Content-Length: 3'), 'a=b');
    expect(raw).toContain('{"bytes":3}');
  });

  it('has a limit of its own', async () => {
    expect((await post('/webhooks/sinch', Buffer.alloc(webhookBodyMaxBytes))).json()).toEqual({
      bytes: webhookBodyMaxBytes,
    });
    const problem = expectProblem(
      await post('/webhooks/sinch', Buffer.alloc(webhookBodyMaxBytes + 1)),
      413,
      'payload-too-large',
    );
    expect(problem.detail).toContain(`${webhookBodyMaxBytes} bytes`);
  });
});

describe('Methods', () => {
  it('that a path does not take are answered 405 with those that it takes, key or no key', async () => {
    const answer = await call('PUT', `${CONTACTS}/a%2Fb`, { headers: { authorization: '' } });
    const problem = expectProblem(answer, 405, 'method-not-allowed');
    expect(answer.headers['allow']).toBe('GET, HEAD');
    expect(problem.detail).toContain('GET, HEAD, not PUT');
    expect((await get(`${CONTACTS}:resolve`)).headers['allow']).toBe('POST');
    expect((await call('OPTIONS', '/texts')).headers['allow']).toBe('GET, HEAD');
    expect((await call('DELETE', '/v1/projects/p/duplicates/7:dismiss')).headers['allow']).toBe('POST');
  });

  it.each([
    ['POST', CONTACTS, 'GET, HEAD'],
    ['PATCH', `${CONTACTS}/a`, 'GET, HEAD'],
    ['DELETE', `${CONTACTS}/a`, 'GET, HEAD'],
    ['POST', `${CONTACTS}/a:merge`, 'GET, HEAD'],
    ['POST', `${CONTACTS}/a%2Fb:c:merge`, 'GET, HEAD'],
    ['POST', `${CONTACTS}:getChannelProfile`, ''],
  ])('with which Sinch writes (%s %s) say that contacts are read-only', async (method, path, allow) => {
    const answer = await call(method, path, { headers: { 'content-type': 'application/json' }, body: '{}' });
    expect(expectProblem(answer, 405, 'method-not-allowed').detail).toContain('read-only');
    expect(answer.headers['allow']).toBe(allow);
  });

  it('are allowed in one spelling of a path alone', async () => {
    expectProblem(await call('PUT', '/v1/nothing'), 404, 'not-found');
    expectProblem(await call('PUT', '/Texts'), 404, 'not-found');
  });

  it('that HTTP does not know are answered like any other', async () => {
    expect(await receiveRaw(request('PROPFIND /texts HTTP/1.1'))).toMatch(/^HTTP\/1\.1 405 /);
    expect(await receiveRaw(request('NONSENSE /texts HTTP/1.1'))).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('Problems', () => {
  it('carry the trace of the request, else one of their own', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    for (const path of ['/nothing-here', '/faults/merged', '/texts/%zz', '/faults/bug']) {
      expect((await get(path, { traceparent })).json()['trace_id']).toBe('4bf92f3577b34da6a3ce929d0e0e4736');
    }
    const traces = await Promise.all([1, 2].map(async () => (await get('/nothing-here')).json()['trace_id']));
    expect(traces[0]).not.toBe(traces[1]);
  });

  it('have the path and query that were asked for as instance', async () => {
    expect(expectProblem(await get('/nothing-here?a=b'), 404, 'not-found').instance).toBe(
      '/nothing-here?a=b',
    );
  });

  it('take status, headers and members from who throws them', async () => {
    const answer = await get('/faults/merged');
    const problem = expectProblem(answer, 307, 'contact-merged');
    expect(answer.headers['location']).toBe('b?at=1');
    expect(problem).toMatchObject({ survivor_id: 'b', chain: ['a', 'b'], detail: 'Merged into b.' });
    expect(logged).toEqual([]);
  });

  it.each(['away', 'timeout', 'pool'])(
    'tell to come back while the database is out of reach (%s)',
    async (name) => {
      const answer = await get(`/faults/${name}`);
      const problem = expectProblem(answer, 503, 'unavailable');
      expect(answer.headers['retry-after']).toBe('1');
      expect(JSON.stringify(problem)).not.toMatch(/10\.0\.0\.1|statement|connect/);
      expect(logged).toEqual([
        ['warn', expect.objectContaining({ trace_id: problem.trace_id, route: '/faults/{name}' })],
      ]);
    },
  );

  it.each(['bug', 'database', 'text'])(
    'tell nothing of a fault of ours but a trace into the log (%s)',
    async (name) => {
      const answer = await get(`/faults/${name}`);
      const problem = expectProblem(answer, 500, 'internal');
      expect(answer.text).not.toMatch(/select|jane|key \(|not an error|\.ts/);
      expect(logged).toEqual([
        ['error', expect.objectContaining({ trace_id: problem.trace_id, method: 'GET' })],
      ]);
      expect(JSON.stringify(logged)).not.toContain('jane@example.com');
    },
  );

  it('are made of what Nest throws too', async () => {
    expectProblem(await get('/faults/nest'), 400, 'invalid-request');
  });

  it('have no body on a HEAD', async () => {
    const raw = await receiveRaw(request('HEAD /nothing-here HTTP/1.1'));
    expect(raw).toMatch(/^HTTP\/1\.1 404 [\s\S]*application\/problem\+json[\s\S]*\r\n\r\n$/);
  });

  it.each([
    ['400', 'what is not HTTP', 'nonsense\r\n\r\n'],
    ['431', 'headers that overflow', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  ])('answer %s to %s', async (status, _what, bytes) => {
    const [head = '', body = ''] = (await receiveRaw(bytes)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1\\.1 ${status} [\\s\\S]*application/problem\\+json`));
    expect(JSON.parse(body)).toMatchObject({ code: 'invalid-request', status: Number(status) });
  });

  it('each explain themselves where their type points, to people and to programs', async () => {
    for (const [code, { title, remedy }] of Object.entries(PROBLEMS)) {
      const page = await get(`/problems/${code}`, { accept: 'text/html,*/*', authorization: '' });
      expect([page.status, page.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      expect(page.text).toContain(asHtml(title));
      expect(page.text).toContain(asHtml(remedy));
      expect((await get(`/problems/${code}`)).json()).toMatchObject({
        code,
        title,
        type: `/problems/${code}`,
      });
    }
    expectProblem(await get('/problems/constructor'), 404, 'not-found');
    expect((await get('/problems')).json()['problems']).toHaveLength(Object.keys(PROBLEMS).length);
  });
});

describe('ETags', () => {
  const pathsWithBody = [CONTACTS, '/texts', '/openapi.json', '/problems'];

  it.each(pathsWithBody)(
    'of %s are strong, and answer 304 without a body to those who have it',
    async (path) => {
      const first = await get(path);
      const etag = first.headers['etag'] ?? '';
      expect(etag).toMatch(/^"[\w-]{43}"$/);
      expect((await get(path)).headers['etag']).toBe(etag);
      for (const ifNoneMatch of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const again = await get(path, { 'if-none-match': ifNoneMatch });
        expect([again.status, again.text, again.headers['etag']]).toEqual([304, '', etag]);
        expect(again.headers).not.toHaveProperty('content-type');
        expect(again.headers).not.toHaveProperty('content-length');
      }
      expect((await get(path, { 'if-none-match': '"x"' })).text).toBe(first.text);
    },
  );

  it('differ with the bytes', async () => {
    expect((await get(`${CONTACTS}?status=all`)).headers['etag']).not.toBe(
      (await get(CONTACTS)).headers['etag'],
    );
  });

  it('are the same on a HEAD', async () => {
    const { headers } = await get(CONTACTS);
    const head = await call('HEAD', CONTACTS);
    expect([head.status, head.headers['etag'], head.headers['content-length'], head.text]).toEqual([
      200,
      headers['etag'],
      headers['content-length'],
      '',
    ]);
    expect((await call('HEAD', CONTACTS, { headers: { 'if-none-match': '*' } })).status).toBe(304);
  });

  it('leave the connection usable after a 304', async () => {
    const conditional = request(`GET ${CONTACTS} HTTP/1.1`, 'If-None-Match: *').replace(
      'close',
      'keep-alive',
    );
    const raw = await receiveRaw(conditional, request(`GET ${CONTACTS} HTTP/1.1`));
    expect(raw).toMatch(/^HTTP\/1\.1 304 [\s\S]*\r\n\r\nHTTP\/1\.1 200 /);
  });

  it('are on no other answer', async () => {
    const answers = [
      await post(`${CONTACTS}:resolve`, { ids: [] }),
      await get('/nothing-here'),
      await get('/faults/merged'),
    ];
    answers.push(await get('/nothing'), await call('PATCH', '/created'));
    for (const answer of answers) expect(answer.headers).not.toHaveProperty('etag');
    expect((await get('/nothing-here', { 'if-none-match': '*' })).status).toBe(404);
  });
});

describe('The OpenAPI document', () => {
  interface Document {
    readonly openapi: string;
    readonly paths: Record<string, Record<string, Operation>>;
    readonly components: {
      readonly schemas: Record<string, unknown>;
      readonly securitySchemes: Record<string, unknown>;
    };
  }
  interface Operation {
    readonly security?: unknown[];
    readonly parameters?: { readonly name: string; readonly schema: Record<string, unknown> }[];
    readonly responses: Record<string, { content?: Record<string, { examples?: Record<string, unknown> }> }>;
  }
  const problemsOf = ({ responses }: Operation, status: number): string[] =>
    Object.keys(responses[status]?.content?.['application/problem+json']?.examples ?? {});
  const documentOf = async (): Promise<Document> =>
    (await get('/openapi.json', { authorization: '' })).json() as unknown as Document; // as the tests below see to

  it('is OpenAPI 3.1 with the key, the parameters and the problems of every route', async () => {
    const document = await documentOf();
    expect(document.openapi).toBe('3.1.0');
    expect(document.components.securitySchemes).toHaveProperty('bearer');
    expect(document.components.schemas).toHaveProperty('Problem');
    const list = document.paths['/v1/projects/{project_id}/contacts']?.['get'];
    const show = document.paths['/v1/projects/{project_id}/contacts/{contact_id}']?.['get'];
    if (list === undefined || show === undefined)
      throw new Error(`Only ${Object.keys(document.paths).join(' ')}.`);
    expect(list.security).toEqual([{ bearer: [] }]);
    expect(list.parameters?.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'project_id',
        'page_size',
        'page_token',
        'email',
        'status',
        'include_merged',
        'wait',
        'at',
      ]),
    );
    expect(problemsOf(list, 400)).toEqual(['invalid-request', 'unknown-parameter', 'page-token-mismatch']);
    expect(problemsOf(show, 401)).toEqual(['unauthenticated']);
    expect(problemsOf(show, 404)).toEqual(['not-found']);
    expect(problemsOf(show, 410)).toEqual(['contact-merged']);
    expect(JSON.stringify(document)).not.toContain('"nullable"');
  });

  it('shows the body of a POST, that it is answered 200, and literal colons', async () => {
    const { paths } = await documentOf();
    const resolve = paths['/v1/projects/{project_id}/contacts:resolve']?.['post'];
    expect(resolve).toMatchObject({ requestBody: { content: { 'application/json': expect.anything() } } });
    expect(Object.keys(resolve?.responses ?? {})).toEqual(expect.arrayContaining(['200', '413', '415']));
    expect(paths).toHaveProperty(['/v1/projects/{project_id}/duplicates/{id}:dismiss']);
  });

  it('is shown by a page that needs nothing from elsewhere', async () => {
    const page = await get('/docs', { authorization: '' });
    expect(page.status).toBe(200);
    const urls = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, url = '']) => new URL(url, 'http://here/docs'),
    );
    expect(urls.length).toBeGreaterThan(3);
    for (const { host, pathname } of urls)
      expect([host, (await get(pathname)).status]).toEqual(['here', 200]);
    expect(page.text).not.toMatch(/<script>|<script [^>]*>[^<\s]/);
    const policy = page.headers['content-security-policy'] ?? '';
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('upgrade-insecure-requests');
    expect((await get('/docs/swagger-ui-init.js')).text).toContain('"validatorUrl": null');
  });
});
