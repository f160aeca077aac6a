import { randomUUID } from 'node:crypto';
import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { ApiKeysRepository } from '../../src/access/api-keys.repository';
import { until } from '../support/until';
import { contact } from '../support/sinch/callbacks';
import {
  ADMIN_KEY,
  App,
  at,
  expectProblem,
  type Answer,
  type Headers,
  type Project,
} from '../support/http/app';

let app: App;
let project: Project;
beforeAll(async () => {
  app = await App.start();
  project = app.project();
  await project.tell({ create: contact('A') }, at(0));
});
afterAll(() => app.stop());
afterEach(() => jest.restoreAllMocks());

const KEYS = '/v1/api-keys';
const grant = (name = 'x'): string =>
  JSON.stringify({ name, scopes: ['contacts:write'], project_ids: ['p', project.id] });

function post(path: string, key: string, body: string | null, headers: Headers = {}): Promise<Answer> {
  return app.request(
    'POST',
    path,
    {
      authorization: `Bearer ${ADMIN_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': key,
      ...headers,
    },
    body,
  );
}

const keysNamed = async (name: string): Promise<number> =>
  (await app.sql('select from api_key where name = $1', [name])).length;

describe('A request with an Idempotency-Key', () => {
  it.each([KEYS, `${KEYS}/0123456789abcdef0123:rotate`])(
    'is refused where the answer holds a secret and the key is easy to guess: %s',
    async (path) => {
      for (const key of ['1', 'x'.repeat(21)]) {
        const problem = expectProblem(await post(path, key, grant()), 400, 'invalid-request');
        expect(problem.errors).toMatchObject([{ pointer: '/header/Idempotency-Key' }]);
      }
      expect((await post(path, 'x'.repeat(22), grant(randomUUID()))).status).not.toBe(400);
    },
  );

  it('keeps nothing of a read, nor of a preview', async () => {
    const body = JSON.stringify({ ids: ['A'] });
    for (const path of ['contacts:batchGet', 'contacts:resolve']) {
      const key = randomUUID();
      const answers = [
        await post(`${project.base}/${path}`, key, body),
        await post(`${project.base}/${path}`, key, body),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200]);
      expect(answers.map(({ headers }) => headers['idempotent-replayed'])).toEqual([undefined, undefined]);
    }
    const merge = JSON.stringify({ survivor_id: 'A', loser_id: 'B' });
    await post(`${project.base}/merges?validate_only=true`, randomUUID(), merge);
    expect(
      await app.sql('select from idempotent_request where subject_project_id = $1', [project.id]),
    ).toEqual([]);
  });

  it('keeps of an answer that is too long only that there was one', async () => {
    const [key, name] = [randomUUID(), randomUUID()];
    const projects = Array.from({ length: 1_000 }, (_, n) => `${n}`.padEnd(400, 'p'));
    const body = JSON.stringify({ name, scopes: ['contacts:read'], project_ids: projects });
    expect((await post(KEYS, key, body)).status).toBe(201);
    const again = await post(KEYS, key, body);
    expectProblem(again, 409, 'idempotency-conflict');
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(await keysNamed(name)).toBe(1);
    const rows = await app.sql<{ size: number }>(
      'select max(length(answer)) as size from idempotent_request',
    );
    expect(rows[0]?.size).toBeLessThan(300_000);
  });

  it('is processed once, and repeats get the same answer, the secret of a key too', async () => {
    const [key, name] = [randomUUID(), randomUUID()];
    const first = await post(KEYS, key, grant(name));
    const again = await post(KEYS, key, grant(name));
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    expect([first.headers['idempotent-replayed'], again.headers['idempotent-replayed']]).toEqual([
      undefined,
      'true',
    ]);
    for (const header of ['content-type', 'cache-control'])
      expect([header, again.headers[header]]).toEqual([header, first.headers[header]]);
    expect(await keysNamed(name)).toBe(1);
    const { key: secret } = first.json() as ShownApiKeyObject;
    const [row] = await app.sql<{ text: string }>(
      `select string_agg(r::text || encode(r.answer, 'escape'), '') as text from idempotent_request r`,
    );
    expect(row?.text).not.toContain(secret);
    expect(row?.text).not.toContain(key);
  });

  it('is answered 422 with another body, query or path, whatever became of the first', async () => {
    const key = randomUUID();
    expect((await post(KEYS, key, grant())).status).toBe(201);
    for (const [path, body] of [
      [KEYS, grant('y')],
      [`${KEYS}?x=1`, grant()],
      [`${KEYS}/none:revoke`, null],
    ] as const)
      expect([400, 422]).toContain((await post(path, key, body)).status);
    expectProblem(await post(KEYS, key, grant('y')), 422, 'idempotency-mismatch');
  });

  it('has a refusal repeated, and no fault of ours', async () => {
    const refused = randomUUID();
    const first = expectProblem(await post(KEYS, refused, '{}'), 400, 'invalid-request');
    const again = await post(KEYS, refused, '{}');
    expect([again.json(), again.headers['content-type']]).toEqual([first, 'application/problem+json']);
    const [failed, name] = [randomUUID(), randomUUID()];
    jest.spyOn(ApiKeysRepository.prototype, 'add').mockRejectedValueOnce(new Error('planted'));
    expectProblem(await post(KEYS, failed, grant(name)), 500, 'internal');
    expect((await post(KEYS, failed, grant(name))).status).toBe(201);
    expect(await keysNamed(name)).toBe(1);
  });

  it('is answered 409 while the first is under way, and of many at once one is carried out', async () => {
    const [key, name] = [randomUUID(), randomUUID()];
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(KEYS, key, grant(name))));
    const texts = new Set(answers.filter(({ status }) => status === 201).map(({ text }) => text));
    expect([texts.size, await keysNamed(name)]).toEqual([1, 1]);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expectProblem(answer, 409, 'idempotency-conflict');
      expect(answer.headers['retry-after']).toBe('1');
    }
  });

  it('that was begun and never answered is carried out after five minutes, not before', async () => {
    const [key, name] = [randomUUID(), randomUUID()];
    expect((await post(KEYS, key, grant(name))).status).toBe(201);
    // as after a crash between the two
    await app.sql(`update idempotent_request set answer = null where answer is not null`);
    expectProblem(await post(KEYS, key, grant(name)), 409, 'idempotency-conflict');
    await app.sql(`update idempotent_request set begun_at = begun_at - interval '301 seconds'`);
    expectProblem(await post(KEYS, key, grant('another')), 422, 'idempotency-mismatch');
    expect((await post(KEYS, key, grant(name))).status).toBe(201);
    expect(await keysNamed(name)).toBe(2);
  });

  it('that was begun in the future, by a clock that was wrong, is carried out', async () => {
    const [key, name] = [randomUUID(), randomUUID()];
    expect((await post(KEYS, key, grant(name))).status).toBe(201);
    await app.sql(`update idempotent_request set answer = null, begun_at = begun_at + interval '1 hour'`);
    expect((await post(KEYS, key, grant(name))).status).toBe(201);
    await app.sql(`update idempotent_request set begun_at = begun_at + interval '25 hours'`);
    expect((await post(KEYS, key, grant('quite another'))).status).toBe(201);
    await app.sql('delete from idempotent_request');
  });

  it('is forgotten after a day, and removed by the next', async () => {
    const [key, other] = [randomUUID(), randomUUID()];
    expect((await post(KEYS, key, grant())).status).toBe(201);
    await app.sql(`update idempotent_request set begun_at = begun_at - interval '24 hours 1 second'`);
    expect((await post(KEYS, key, grant('quite another'))).status).toBe(201);
    await app.sql(`update idempotent_request set begun_at = begun_at - interval '24 hours 1 second'`);
    expect((await post(KEYS, other, grant())).status).toBe(201);
    expect(await app.sql('select from idempotent_request')).toHaveLength(1);
  });

  it('is another with another API key, and in another project', async () => {
    const { key: secret } = (await post(KEYS, randomUUID(), grant())).json() as ShownApiKeyObject;
    const key = randomUUID();
    const put = (projectId: string, id: string, authorization = `Bearer ${secret}`): Promise<Answer> => {
      const path = `/v1/projects/${projectId}/contacts/A/references/crm/${id}`;
      return app.request('PUT', path, { authorization, 'idempotency-key': key });
    };
    expect((await put(project.id, '1')).status).toBe(201);
    expect((await put('p', '2')).status).toBe(404);
    expect((await put(project.id, '3', `Bearer ${ADMIN_KEY}`)).status).toBe(201);
    expectProblem(await put(project.id, '2'), 422, 'idempotency-mismatch');
    expect((await put(project.id, '1')).status).toBe(201);
  });

  it('may be a DELETE, whose answer has no body', async () => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'idempotency-key': randomUUID() };
    const path = `${project.base}/contacts/A/references/crm/9`;
    const first = await app.request('DELETE', path, headers);
    const again = await app.request('DELETE', path, headers);
    expect([first.status, again.status, again.text, again.headers['idempotent-replayed']]).toEqual([
      204,
      204,
      '',
      'true',
    ]);
  });

  it('has its answer kept although the caller has closed the connection', async () => {
    const [key, name] = [randomUUID(), randomUUID()];
    const body = grant(name);
    const head = [
      `POST ${KEYS} HTTP/1.1`,
      'Host: mirror',
      `Authorization: Bearer ${ADMIN_KEY}`,
      'Content-Type: application/json',
      `Idempotency-Key: ${key}`,
      `Content-Length: ${body.length}`,
      'Connection: close',
    ];
    void app.sendRaw(`${head.join('\r\n')}\r\n\r\n${body}`);
    await until(async () => (await keysNamed(name)) === 1);
    await until(async () => (await post(KEYS, key, body)).status === 201);
    expect(await keysNamed(name)).toBe(1);
  });

  it.each(['a b', 'x'.repeat(256), 'é'])('must have a fit key: %s', async (key) => {
    const problem = expectProblem(await post(KEYS, key, grant()), 400, 'invalid-request');
    expect(problem.errors?.[0]?.pointer).toBe('/header/Idempotency-Key');
  });

  it('is not looked at for who may not do it', async () => {
    const answer = await post(KEYS, randomUUID(), grant(), { authorization: 'Bearer x' });
    expectProblem(answer, 401, 'unauthenticated');
  });
});
