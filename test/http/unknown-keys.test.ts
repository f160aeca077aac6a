import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { ApiKeysRepository, type UsableKey } from '../../src/access/api-keys.repository';
import { composeAccessToken } from '../../src/access/tokens/jwt';
import { wrongKeysMax } from '../../src/access/wrong-keys';
import { SecurityLog } from '../../src/rest/security-log';
import { App, expectProblem, inParallel, type Answer, type Project } from '../support/http/app';
import { anyText } from '../support/any-text';

let app: App;
let project: Project;
let reader: ShownApiKeyObject;
beforeAll(async () => {
  app = await App.start();
  project = app.project();
  const grant = { name: 'reader', scopes: ['contacts:read'], project_ids: [project.id] };
  reader = (await app.post('/v1/api-keys', grant)).json() as ShownApiKeyObject;
});
afterAll(() => app.stop());
afterEach(() => jest.restoreAllMocks());

const hex = fc.stringMatching(/^[0-9a-f]{32}$/);
/** Whatever JSON can hold: U+0000, lone surrogates, anything long. */
const hostile = fc.oneof(
  hex,
  anyText({ maxLength: 50 }),
  fc.constantFrom('', '\0', `${'0'.repeat(31)}\0`, 'x'.repeat(5_000), "' or 1=1 --"),
);

const read = (authorization: string): Promise<Answer> =>
  app.request('GET', `${project.base}/contacts`, { authorization });

const ask = (form: Readonly<Record<string, string>>, headers = {}): Promise<Answer> =>
  app.request(
    'POST',
    '/oauth2/token',
    { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    new URLSearchParams({ grant_type: 'client_credentials', ...form }).toString(),
  );

function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

it('keys, tokens and client ids that somebody made up are refused without asking Postgres', async () => {
  const errors = jest.spyOn(Logger.prototype, 'error');
  const lookUp = jest.spyOn(ApiKeysRepository.prototype, 'findUsable');
  const [secret, exp] = ['A'.repeat(43), Math.floor(Date.now() / 1000) + 600];
  const made = fc.sample(hostile, { numRuns: 60, seed: 20_261_129 });
  await inParallel(4, made, async (text) => {
    const token = await composeAccessToken({ sub: text, exp, scope: 'contacts:read' }, Buffer.alloc(32));
    const answers = [
      ...(/^[\x21-\x7e]+$/.test(text) ? [await read(`Bearer scm_${text}_${secret}`)] : []),
      await read(`Bearer ${token}`),
      await ask({ client_id: text, client_secret: `scm_${text}_${secret}` }),
      ...(text.length < 1_000
        ? [await read(basic(text, secret)), await ask({}, { authorization: basic(text, secret) })]
        : []),
    ];
    expect([text, new Set(answers.map(({ status }) => status))]).toEqual([text, new Set([401])]);
  });
  expect(lookUp).not.toHaveBeenCalled();
  expect(errors).not.toHaveBeenCalled();
});

it('many requests at once with one id look it up once at a time, and each is answered as is right', async () => {
  const { findUsable } = ApiKeysRepository.prototype;
  let [running, most, asked] = [0, 0, 0];
  jest.spyOn(ApiKeysRepository.prototype, 'findUsable').mockImplementation(async function (
    this: ApiKeysRepository,
    id: string,
  ): Promise<UsableKey | null> {
    running += 1;
    asked += 1;
    most = Math.max(most, running);
    try {
      return await findUsable.call(this, id);
    } finally {
      running -= 1;
    }
  });
  const wrong = `scm_${reader.id}_${'A'.repeat(43)}`;
  const answers = await inParallel(
    50,
    Array.from({ length: 300 }, (_, n) => n),
    async (n) => (await read(`Bearer ${n % 2 === 0 ? wrong : reader.key}`)).status,
  );
  expect(answers).toEqual(answers.map((_, n) => (n % 2 === 0 ? 401 : 200)));
  expect(most).toBe(1);
  expect(asked).toBeLessThan(300);
});

it('a key that is revoked is refused from the next request on, though others with its id are under way', async () => {
  const grant = { name: 'brief', scopes: ['contacts:read'], project_ids: [project.id] };
  const { id, key } = (await app.post('/v1/api-keys', grant)).json() as ShownApiKeyObject;
  let isRevoked = false;
  const under = inParallel(8, Array.from({ length: 200 }), async () => {
    const wasRevoked = isRevoked;
    const { status } = await read(`Bearer ${key}`);
    if (wasRevoked) expect(status).toBe(401);
  });
  await app.post(`/v1/api-keys/${id}:revoke`);
  isRevoked = true;
  await under;
});

it('an address with many wrong keys is answered 429, a right key from it 200, and the webhook as ever', async () => {
  const statuses = await inParallel(16, Array.from({ length: 2 * wrongKeysMax + 10 }), async () => {
    return (await read('Bearer wrong')).status;
  });
  expect(statuses.slice(-5)).toEqual([429, 429, 429, 429, 429]);
  const refused = await read('Bearer wrong');
  // a new minute may have begun
  if (refused.status === 429) {
    expectProblem(refused, 429, 'rate-limited');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  }
  expect((await read(`Bearer ${reader.key}`)).status).toBe(200);
  expect((await app.deliver('{}', {})).status).toBe(401);
});

describe('The security log', () => {
  it('has refusals by key and reason, each line with their number', async () => {
    const warned = jest.spyOn(Logger.prototype, 'warn');
    for (let n = 0; n < 20; n++)
      await app.request('GET', '/v1/api-keys', { authorization: `Bearer ${reader.key}` });
    app.part(SecurityLog).onApplicationShutdown();
    const lines = warned.mock.calls.map(([line]) => line as { key?: string; count: number; code?: string });
    const ours = lines.filter(({ key, code }) => key === reader.id && code === 'forbidden');
    expect(ours.reduce((sum, { count }) => sum + count, 0)).toBe(20);
    expect(ours.length).toBeLessThan(20);
    expect(ours[0]).toEqual({
      event: 'refused',
      key: reader.id,
      code: 'forbidden',
      detail: 'The key lacks the scope admin.',
      route: '/v1/api-keys',
      count: expect.any(Number),
    });
  });

  it('has a bound, however many different refusals there are', () => {
    const warned = jest.spyOn(Logger.prototype, 'warn');
    const log = new SecurityLog();
    for (let n = 0; n < 10_000; n++)
      log.refused({ key: String(n), code: 'forbidden', detail: '', route: 'none' });
    log.onApplicationShutdown();
    expect(warned).toHaveBeenCalledTimes(51);
    expect(warned.mock.lastCall).toEqual([{ event: 'refused', code: 'others', count: 9_950 }]);
  });

  it('has every export and every change of a key, with who did it', async () => {
    const told = jest.spyOn(Logger.prototype, 'log');
    const grant = { name: 'y', scopes: ['contacts:read'], project_ids: [project.id] };
    const { id } = (await app.post('/v1/api-keys', grant)).json() as ShownApiKeyObject;
    await app.post(`/v1/api-keys/${id}:rotate`);
    await app.post(`/v1/api-keys/${id}:revoke`);
    await app.request('GET', `${project.base}/contacts:export`, { authorization: `Bearer ${reader.key}` });
    const trace_id = expect.stringMatching(/^[0-9a-f]{32}$/) as string;
    expect(told.mock.calls.map(([line]) => line as unknown)).toEqual([
      { event: 'key-created', key: 'admin', trace_id, subject: id },
      { event: 'key-rotated', key: 'admin', trace_id, subject: id },
      { event: 'key-revoked', key: 'admin', trace_id, subject: id },
      {
        event: 'export',
        key: reader.id,
        trace_id,
        project_id: project.id,
        route: '/v1/projects/{project_id}/contacts:export',
      },
    ]);
  });
});
