import { ADMIN_KEY, App } from '../support/http/app';

const arrivalMaxMs = 30_000;
/** For how long a body may gain less than 16 KiB. */
const stepMaxMs = 10_000;
/** Node looks once a second, and a busy machine takes its time. */
const graceMs = 5_000;

let app: App;
beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

const PATH = '/v1/projects/p/contacts';

describe('A request that does not arrive', () => {
  const head = `POST ${PATH}:resolve HTTP/1.1\r\nHost: mirror\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n`;

  it('is ended after 30 s without its head and 10 s without its body, while others are answered', async () => {
    const began = Date.now();
    const endOf = async (maxMs: number, ...parts: readonly string[]): Promise<readonly [number, boolean]> => {
      const { status } = await app.sendRaw(...parts);
      const tookMs = Date.now() - began;
      return [status, tookMs > maxMs - 1_000 && tookMs < maxMs + graceMs];
    };
    const chunked = 'POST /webhooks/sinch HTTP/1.1\r\nHost: mirror\r\nTransfer-Encoding: chunked\r\n\r\n';
    const heads = Promise.all([
      ...Array.from({ length: 200 }, () => endOf(arrivalMaxMs, head)),
      endOf(arrivalMaxMs, 'POST /webhooks/sinch HT'),
    ]);
    const body = endOf(
      stepMaxMs,
      `${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n`,
      '{"ids":',
    );
    // which Sinch sends again
    const delivery = endOf(stepMaxMs, chunked, '5\r\n{"a":');
    for (let n = 0; n < 20; n++) expect((await app.get(PATH)).status).toBe(200);
    expect([await body, await delivery]).toEqual([
      [408, true],
      [503, true],
    ]);
    for (const end of await heads) expect(end).toEqual([408, true]);
  }, 60_000);
});

describe('A request that is too large', () => {
  it('in its head is answered 431: by its line or by its headers', async () => {
    const raw = (line: string, header: string): Promise<{ status: number; text: string }> =>
      app.sendRaw(`GET ${line} HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n${header}\r\n`);
    expect((await raw('/health/live', `X: ${'x'.repeat(15_000)}\r\n`)).status).toBe(200);
    for (const { status, text } of [
      await raw('/health/live', `X: ${'x'.repeat(17_000)}\r\n`),
      await raw(`/health/live?x=${'x'.repeat(17_000)}`, ''),
      await raw('/health/live', `X: ${'y'.repeat(100)}\r\n`.repeat(200)),
    ]) {
      expect(status).toBe(431);
      expect(text).toContain('"code":"invalid-request"');
    }
  });

  it('in a part of its path is answered 414, and an id beyond 512 bytes 400', async () => {
    expect((await app.get(`${PATH}/${'x'.repeat(2_049)}`)).status).toBe(414);
    expect((await app.get(`${PATH}/${'x'.repeat(513)}`)).status).toBe(400);
  });
});

describe('A request that two readers may read differently', () => {
  it.each(['Authorization: Bearer x', 'Host: other', 'host: mirror'])(
    'is answered 400 where it repeats a header: %s',
    async (header) => {
      const { status, text } = await app.sendRaw(
        `GET ${PATH} HTTP/1.1\r\nHost: mirror\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n${header}\r\nConnection: close\r\n\r\n`,
      );
      expect(status).toBe(400);
      expect(text).toContain('is given more than once');
    },
  );
});

describe('A request that expects what is not done here', () => {
  it('is answered 417 with a problem, and its body is not read', async () => {
    const { status, text } = await app.sendRaw(
      'POST /webhooks/sinch HTTP/1.1\r\nHost: mirror\r\nExpect: foo\r\nContent-Length: 2\r\n\r\n{}',
    );
    expect(status).toBe(417);
    expect(text).toMatch(/^content-type: application\/problem\+json\r$/im);
    expect(text).toContain('"pointer":"/header/expect"');
  });
});

describe('A browser', () => {
  it.each(['https://elsewhere.example', 'null'])('elsewhere gets no CORS headers: %s', async (origin) => {
    const preflight = await app.sendRaw(
      `OPTIONS ${PATH} HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\nOrigin: ${origin}\r\nAccess-Control-Request-Method: GET\r\n\r\n`,
    );
    expect(preflight.status).toBe(405);
    expect(preflight.text).not.toMatch(/access-control-/i);
    const { headers } = await app.get(PATH, { origin });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  describe('of an origin that is named', () => {
    const named = 'https://crm.example.com';
    let open: App;
    beforeAll(async () => {
      open = await App.start({ config: { corsOrigins: new Set([named, 'http://localhost:8080']) } });
    });
    afterAll(() => open.stop());

    const preflight = (origin: string, path = PATH): Promise<{ status: number; text: string }> =>
      open.sendRaw(
        [
          `OPTIONS ${path} HTTP/1.1`,
          'Host: mirror',
          'Connection: close',
          `Origin: ${origin}`,
          'Access-Control-Request-Method: PUT',
          'Access-Control-Request-Headers: authorization,idempotency-key',
          '\r\n',
        ].join('\r\n'),
      );

    it('may ask with a key, and reads answers and errors with the headers that clients need', async () => {
      const { status, text } = await preflight(named);
      expect(status).toBe(204);
      expect(text).toMatch(/^access-control-allow-origin: https:\/\/crm\.example\.com\r$/im);
      expect(text).toMatch(/^access-control-allow-methods: .*PUT/im);
      expect(text).toMatch(/^access-control-allow-headers: .*Authorization.*Idempotency-Key/im);
      expect(text).not.toMatch(/access-control-allow-credentials/i);
      for (const path of [PATH, `${PATH}/none`]) {
        const { headers } = await open.get(path, { origin: named });
        expect(headers).toMatchObject({
          'access-control-allow-origin': named,
          'access-control-expose-headers': expect.stringContaining('ETag'),
          vary: expect.stringContaining('Origin'),
        });
      }
    });

    it.each(['https://elsewhere.example', 'null', `${named}.elsewhere.example`, 'http://crm.example.com'])(
      'does not open it to another: %s',
      async (origin) => {
        const { status, text } = await preflight(origin);
        expect(status).toBe(405);
        expect(text).not.toMatch(/access-control-/i);
        const { headers } = await open.get(PATH, { origin });
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
        expect(headers['vary']).toContain('Origin');
      },
    );

    it('leaves all else as it is: the webhook, unknown paths, and requests of no browser', async () => {
      for (const path of ['/webhooks/sinch', '/webhooks/sinch?a=b', '/webhooks/sinch?']) {
        const webhook = await preflight(named, path);
        expect(webhook.text).not.toMatch(/access-control-allow-origin/i);
      }
      const asked = await open.sendRaw(
        'OPTIONS /v1/nothing HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n',
      );
      expect(asked.status).toBe(404);
      const { headers } = await open.get(PATH);
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    });
  });

  it('gets headers that restrict what it may do with answers', async () => {
    for (const path of [PATH, '/docs', '/v1/nothing']) {
      const { headers } = await app.get(path);
      expect(headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'SAMEORIGIN',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'strict-transport-security': expect.stringContaining('max-age='),
        'content-security-policy': expect.stringContaining("default-src 'self'"),
      });
      expect(headers).not.toHaveProperty('x-powered-by');
    }
  });
});
