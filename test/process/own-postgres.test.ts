import { createServer, type Server } from 'node:net';
import { errorCode } from '../../src/base/error-code';
import { migrate } from '../../src/database/migrate';
import { PostgresClient } from '../../src/database/postgres-client';
import { EmbeddedPostgres } from '../../src/database/embedded/embedded-postgres';
import { isDatabaseAway } from '../../src/database/sqlstate';
import { connectTo } from '../support/http/postgres-link';
import { DataDir, freePort, ServiceProcess } from '../support/process/service-process';

jest.setTimeout(180_000);

const dir = new DataDir();
const silent = () => undefined;
const SECRETS = { SINCH_WEBHOOK_SECRETS: 's'.repeat(20), ADMIN_API_KEY: 'k'.repeat(32) };

let server: EmbeddedPostgres;

beforeAll(async () => {
  server = await EmbeddedPostgres.begin({
    dataDir: dir.path,
    log: { info: silent, warn: silent, error: silent },
    durable: false,
    isOwnerSuperuser: true,
  });
  await server.ready();
});

afterAll(async () => {
  await ServiceProcess.killAll();
  await server.stop(5_000);
  dir.remove();
});

function changed(change: (url: URL) => void): string {
  const url = new URL(server.ownerUrl);
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
  const stranger = changed((url) => (url.username = 'stranger'));
  for (const [owner, service, code] of [
    [missing, missing, '3D000'],
    [server.ownerUrl, stranger, '28P01'],
  ] as const) {
    const error: unknown = await migrate(owner, service).catch((thrown: unknown) => thrown);
    // so it is a refusal, and nothing to wait for
    expect([errorCode(error), isDatabaseAway(error)]).toEqual([code, false]);
  }
});

it('waits for a Postgres that is unavailable, logs so once, and leaves it running', async () => {
  let [isOpen, turnedAway] = [false, 0];
  const proxy = createServer((client) => {
    if (!isOpen) {
      turnedAway += 1;
      client.destroy();
      return;
    }
    const upstream = connectTo(new URL(server.ownerUrl));
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.pipe(upstream).pipe(client);
  });
  const port = await freePort();
  const url = changed((to) => (to.host = `127.0.0.1:${port}`));
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
  // first nothing listens there, then what listens hangs up
  await service.until(() => service.printed.includes('Cannot connect to Postgres'));
  await portOf(proxy, port);
  await service.until(() => turnedAway >= 2);
  expect(service.curl()).toBeNull();
  isOpen = true;
  await service.ready();
  expect(await service.status('/health/ready')).toBe(200);
  expect((await service.stop()).stdout.match(/Cannot connect to Postgres/g)).toHaveLength(1);
  await new Promise((resolve) => proxy.close(resolve));
  await server.ready();
});

it('starts with two users, where the owner grants mirror_service to the other', async () => {
  const client = new PostgresClient({ connectionString: server.ownerUrl });
  await client.connect();
  await client.query(`create role "service user" login password 'p@ss/word' connection limit 20`);
  await client.end();
  const own = changed((url) => {
    url.username = 'service user';
    url.password = 'p@ss/word';
  });
  const service = new ServiceProcess({ ...SECRETS, DATABASE_URL: own, DATABASE_OWNER_URL: server.ownerUrl });
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
