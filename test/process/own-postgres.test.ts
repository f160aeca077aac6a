import { connect, createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { EmbeddedPostgres } from '../../src/database/embedded-postgres';
import { DataDir, freePort, ServiceProcess } from './service-process';

jest.setTimeout(60_000);

const dir = new DataDir();
const silent = () => undefined;
const SECRETS = { SINCH_WEBHOOK_SECRETS: 's'.repeat(20), ADMIN_API_KEY: 'k'.repeat(32) };

let server: EmbeddedPostgres;

beforeAll(async () => {
  server = await EmbeddedPostgres.begin({
    dataDir: dir.path,
    log: { info: silent, warn: silent, error: silent },
    durable: false,
  });
  await server.ready();
});

afterAll(async () => {
  await ServiceProcess.killAll();
  await server.stop(5_000);
  dir.remove();
});

function changed(change: (url: URL) => void): string {
  const url = new URL(server.url);
  change(url);
  return url.href;
}

async function refusal(env: Readonly<Record<string, string>>): Promise<string> {
  const { code, stderr } = await new ServiceProcess({ ...SECRETS, ...env }).ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/^[^\n]+\n$/);
  return stderr;
}

it('refuses a wrong password, a database that is missing, and a user who may not', async () => {
  const wrong = changed((url) => (url.password = 'wrong-horse'));
  expect(await refusal({ DATABASE_URL: wrong })).toMatch(
    /^Cannot migrate the database.*password authentication failed/,
  );
  const missing = changed((url) => (url.pathname = '/missing'));
  expect(await refusal({ DATABASE_URL: missing })).toMatch(/database "missing" does not exist/);
  const stranger = changed((url) => (url.username = 'stranger'));
  expect(await refusal({ DATABASE_OWNER_URL: server.url, DATABASE_URL: stranger })).toMatch(/^Cannot /);
});

it('waits for a Postgres that is away, tells so once, and leaves it running', async () => {
  const proxy = createServer((client) => {
    const upstream = connect(Number(new URL(server.url).port), '127.0.0.1');
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  const port = await freePort();
  const url = changed((to) => (to.port = String(port)));
  const httpPort = await freePort();
  const service = new ServiceProcess({
    ...SECRETS,
    DATABASE_URL: url,
    LOG_LEVEL: 'warn',
    PORT: String(httpPort),
  });
  const ask = (path: string) => fetch(`http://127.0.0.1:${httpPort}/health/${path}`).catch(() => null);
  await service.until(async () => (await ask('live'))?.status === 200);
  const early = await ask('ready');
  expect([early?.status, early?.headers.get('retry-after')]).toEqual([503, '1']);
  // time for several tries
  await delay(1_000);
  expect(service.curl()).toBeNull();
  await portOf(proxy, port);
  await service.ready();
  expect(await service.status('/health/ready')).toBe(200);
  expect((await service.stop()).stdout.match(/Waiting for Postgres/g)).toHaveLength(1);
  await new Promise((resolve) => proxy.close(resolve));
  await server.ready();
});

it('starts with two users, of whom the owner lets the other work as mirror_service', async () => {
  const client = new Client({ connectionString: server.url });
  await client.connect();
  await client.query(`create role "service user" login password 'p@ss/word' connection limit 20`);
  await client.end();
  const own = changed((url) => {
    url.username = 'service user';
    url.password = 'p@ss/word';
  });
  const service = new ServiceProcess({ ...SECRETS, DATABASE_URL: own, DATABASE_OWNER_URL: server.url });
  await service.ready();
  expect(service.curl()).toMatch(/health\/ready$/);
  expect(await service.status('/health/ready')).toBe(200);
  expect((await service.stop()).code).toBe(0);
});

async function portOf(listener: Server, port = 0): Promise<number> {
  await new Promise<void>((resolve) => {
    listener.listen(port, '127.0.0.1', resolve);
  });
  const address = listener.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
