import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { ADMIN_KEY, App, expectProblem, type Answer } from '../support/http/app';

const limit = 5;
/** From here on a whole minute lies ahead, in ms by the clock that never goes back. */
const minuteMs = 1_000 * 60_000;

let app: App;
beforeAll(async () => {
  app = await App.start({ config: { rateLimitPerMinute: limit } });
});
afterAll(() => app.stop());
beforeEach(() => jest.spyOn(performance, 'now').mockReturnValue(minuteMs));
afterEach(() => jest.restoreAllMocks());

const PATH = '/v1/projects/p/contacts';
const list = (key: string): Promise<Answer> => app.request('GET', PATH, { authorization: `Bearer ${key}` });
const later = (seconds: number): void => {
  jest.spyOn(performance, 'now').mockReturnValue(minuteMs + seconds * 1_000);
};

/** A key that has sent nothing yet. */
async function freshKey(): Promise<string> {
  const grant = { name: 'fresh', scopes: ['contacts:read'], project_ids: ['p'] };
  // an hour apart, so that what is sent to make it counts elsewhere
  later(-3_600);
  const made = (await app.post('/v1/api-keys', grant)).json() as ShownApiKeyObject;
  later(0);
  return made.key;
}

it('tells with each answer how many requests are left, and refuses those beyond until the minute is over', async () => {
  const key = await freshKey();
  for (let sent = 1; sent <= limit; sent++) {
    later(sent);
    const { status, headers } = await list(key);
    expect([status, headers['ratelimit-policy'], headers['ratelimit']]).toEqual([
      200,
      `"per-key";q=${limit};w=60`,
      `"per-key";r=${limit - sent};t=${60 - sent}`,
    ]);
  }
  later(10.5);
  const refused = await list(key);
  expectProblem(refused, 429, 'rate-limited');
  expect([refused.headers['retry-after'], refused.headers['ratelimit']]).toEqual([
    '50',
    '"per-key";r=0;t=50',
  ]);
  later(60);
  expect((await list(key)).headers['ratelimit']).toBe(`"per-key";r=${limit - 1};t=60`);
});

it('counts each key for itself, what is forbidden too, and the admin like any other', async () => {
  const [key, other] = [await freshKey(), await freshKey()];
  for (let n = 0; n < limit; n++) {
    const answer = await app.request('GET', '/v1/quarantine', { authorization: `Bearer ${key}` });
    expectProblem(answer, 403, 'forbidden');
  }
  expectProblem(await list(key), 429, 'rate-limited');
  expect((await list(other)).status).toBe(200);
  later(120);
  for (let n = 0; n < limit; n++) expect((await list(ADMIN_KEY)).status).toBe(200);
  expectProblem(await list(ADMIN_KEY), 429, 'rate-limited');
});

it('does not count what needs no key, nor who has none', async () => {
  for (let n = 0; n <= limit; n++) {
    for (const [path, headers] of [
      ['/health/live', {}],
      ['/health/ready', { authorization: `Bearer ${ADMIN_KEY}` }],
    ] as const) {
      const answer = await app.request('GET', path, headers);
      expect([answer.status, answer.headers['ratelimit']]).toEqual([200, undefined]);
    }
    const delivery = await app.deliver('{}');
    expect([delivery.status, delivery.headers['ratelimit']]).toEqual([202, undefined]);
    expectProblem(await list('x'.repeat(40)), 401, 'unauthenticated');
  }
});

it('is off where it is configured so', async () => {
  const free = await App.start({ database: app.database });
  const answer = await free.get(PATH);
  expect([answer.status, answer.headers['ratelimit']]).toEqual([200, undefined]);
  await free.stop();
});

it('does not mind that the clock on the wall is set back', async () => {
  const key = await freshKey();
  for (let n = 0; n <= limit; n++) await list(key);
  jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000);
  later(60);
  expect((await list(key)).status).toBe(200);
});
