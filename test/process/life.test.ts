import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findPostmaster } from '../../src/database/embedded/postmaster';
import { PostgresClient } from '../../src/database/postgres-client';
import { DataDir, isAlive, ServiceProcess } from '../support/process/service-process';
import { until } from '../support/until';

jest.setTimeout(180_000);

let dir: DataDir;
/** Gives the test a database in place of an empty folder: it is not about the first start. */
function useMigrated(): void {
  dir.remove();
  dir = DataDir.migrated();
}
const start = () => new ServiceProcess({ DATA_DIR: dir.path });

beforeEach(() => {
  dir = new DataDir();
});

afterEach(async () => {
  await ServiceProcess.killAll();
  dir.remove();
});

const modeOf = (name: string) => statSync(join(dir.path, name)).mode & 0o777;
const valueOf = (name: string) => readFileSync(join(dir.path, name), 'utf8').trim();

async function onServer<T>(work: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = new PostgresClient({ connectionString: dir.serverUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** How many services have a session by which they hold the server, or want to. */
async function countLifelines(): Promise<number> {
  const { rowCount } = await onServer((client) =>
    client.query(`select from pg_stat_activity where application_name = 'sinch-contact-mirror lifeline'`),
  );
  return rowCount ?? 0;
}

it('makes its secrets on the first start, shows where they are and not what they are, and works', async () => {
  const first = start();
  const banner = await first.ready();
  expect(statSync(dir.path).mode & 0o777).toBe(0o700);
  for (const name of ['webhook-secret', 'admin-api-key', 'outward-key', 'postgres-password'])
    expect(modeOf(name)).toBe(0o600);
  for (const name of ['webhook-secret', 'admin-api-key']) expect(banner).toContain(join(dir.path, name));
  // its output is no terminal here, so a log may keep it
  for (const name of ['webhook-secret', 'admin-api-key', 'outward-key', 'postgres-password'])
    expect(banner).not.toContain(valueOf(name));
  expect(await first.status('/health/live')).toBe(200);
  expect(await first.status('/health/ready')).toBe(200);
  await promisify(execFile)('sh', ['-c', first.curl() ?? 'false']);
  const durable = await onServer(async (client) => {
    const { rows } = await client.query<Record<string, string>>(
      `select current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit, current_setting('full_page_writes') as pages`,
    );
    return rows;
  });
  expect(durable).toEqual([{ fsync: 'on', commit: 'on', pages: 'on' }]);
  const postmaster = dir.postmasterPid;

  const asked = Date.now();
  expect((await first.stop()).code).toBe(0);
  expect(Date.now() - asked).toBeLessThan(10_000);
  expect(isAlive(postmaster)).toBe(false);
  expect(existsSync(join(dir.path, 'postgres/postmaster.pid'))).toBe(false);

  const second = start();
  const quiet = await second.ready();
  expect(quiet).toContain(join(dir.path, 'admin-api-key'));
  expect(quiet).not.toContain(valueOf('webhook-secret'));
  expect(quiet).not.toContain(valueOf('admin-api-key'));
  second.signal('SIGINT');
  expect((await second.ended).code).toBe(0);
});

it('loses nothing and starts again after either process, or both, were killed, and beside a postmaster.pid of another time', async () => {
  useMigrated();
  const first = start();
  await first.ready();
  const postmaster = dir.postmasterPid;
  await onServer((client) => client.query('create table witness as select 1 as seen'));
  const seen = () =>
    onServer(async (client) => (await client.query<{ seen: number }>('select seen from witness')).rows);

  await first.kill();
  expect(isAlive(postmaster)).toBe(true);
  const second = start();
  await second.ready();
  expect(dir.postmasterPid).toBe(postmaster);
  expect(await seen()).toEqual([{ seen: 1 }]);

  process.kill(postmaster, 'SIGKILL');
  // it may be back so soon that nobody saw it unready
  let restarted = postmaster;
  await second.until(async () => {
    restarted = (await findPostmaster(join(dir.path, 'postgres')))?.pid ?? postmaster;
    return restarted !== postmaster && (await second.status('/health/ready')) === 200;
  });
  expect(await seen()).toEqual([{ seen: 1 }]);

  second.signal('SIGKILL');
  process.kill(restarted, 'SIGKILL');
  await second.ended;
  const third = start();
  await third.ready();
  expect(await seen()).toEqual([{ seen: 1 }]);
  const last = dir.postmasterPid;
  const file = join(dir.path, 'postgres/postmaster.pid');
  const lines = readFileSync(file, 'utf8').split('\n');
  expect((await third.stop()).code).toBe(0);
  expect(isAlive(last)).toBe(false);

  // as after a crash of the machine: the number belongs to another process now
  const ofAnotherTime = [String(process.pid), ...lines.slice(1)].join('\n');
  writeFileSync(file, ofAnotherTime);
  writeFileSync(join(dir.path, 'postgres/.s.PGSQL.5432.lock'), ofAnotherTime);
  const fourth = start();
  await fourth.ready();
  expect(await seen()).toEqual([{ seen: 1 }]);
  expect((await fourth.stop()).code).toBe(0);
});

it('refuses a second service on its DATA_DIR, which leaves the first unharmed', async () => {
  const [one, other] = [start(), start()];
  const refused = await Promise.race([one.ended, other.ended]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/^[^\n]*DATA_DIR[^\n]*\n$/);
  const first = await Promise.any([one.ready().then(() => one), other.ready().then(() => other)]);
  const postmaster = dir.postmasterPid;

  const late = await start().ended;
  expect(late.code).toBe(1);
  expect(late.stderr).toBe(
    `Another service uses ${dir.path}: stop it, or set another DATA_DIR for this one\n`,
  );
  // nor does one that is asked to end while it still waits
  await until(async () => (await countLifelines()) === 1);
  const waiting = start();
  await waiting.until(async () => (await countLifelines()) === 2);
  expect((await waiting.stop()).code).toBe(0);

  expect(dir.postmasterPid).toBe(postmaster);
  expect(await first.status('/health/ready')).toBe(200);
  expect((await first.stop()).code).toBe(0);
  expect(isAlive(postmaster)).toBe(false);
});

it('ends cleanly when it is asked to at any moment of the first start, and starts over what one left that was killed', async () => {
  for (const afterMs of [150, 450, 900]) {
    const service = start();
    await delay(afterMs);
    const { code, stderr } = await service.stop();
    // before the service has its handlers, the signal itself ends it
    expect([0, null]).toContain(code);
    expect(stderr).toBe('');
    if (existsSync(dir.path))
      expect(readdirSync(dir.path).filter((name) => name.includes('.new-'))).toEqual([]);
    expect(existsSync(join(dir.path, 'postgres/postmaster.pid'))).toBe(false);
  }
  for (const afterMs of [300, 700]) {
    const service = start();
    await delay(afterMs);
    await service.kill();
  }
  const last = start();
  await last.ready();
  expect(readdirSync(dir.path).filter((name) => name.includes('.new-'))).toEqual([]);
  expect((await last.stop()).code).toBe(0);
});

/** Sends the head of a request and the beginning of its body; resolves when the service has the head and waits for the rest. */
async function halfRequest(service: ServiceProcess): Promise<Socket> {
  const socket = connect(Number(new URL(service.base).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    'POST /webhooks/sinch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n{',
  );
  expect(await answerOf(socket)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  return socket;
}

/** What comes next on a connection. */
async function answerOf(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(30_000) })) as [Buffer];
  return chunk.toString();
}

/** Resolves when a service that is asked to end has stopped listening. */
async function untilDraining(service: ServiceProcess): Promise<void> {
  await service.until(() =>
    service.status('/health/live').then(
      () => false,
      () => true,
    ),
  );
}

it('answers the requests that it has before it ends, and takes two signals of one Ctrl-C for one', async () => {
  useMigrated();
  const service = start();
  await service.ready();
  const socket = await halfRequest(service);
  service.signal('SIGINT');
  service.signal('SIGINT');
  await untilDraining(service);
  socket.write('}');
  expect(await answerOf(socket)).toMatch(/^HTTP\/1\.1 401 [^]*\r\nconnection: close\r\n/i);
  expect((await service.ended).code).toBe(0);
});

it('ends at once at a second signal, and the embedded server with it', async () => {
  useMigrated();
  const service = start();
  await service.ready();
  const postmaster = dir.postmasterPid;
  const socket = await halfRequest(service);
  service.signal('SIGTERM');
  await untilDraining(service);
  // two signals of one Ctrl-C come within half a second
  await delay(600);
  const asked = Date.now();
  service.signal('SIGTERM');
  expect((await service.ended).code).toBe(1);
  expect(Date.now() - asked).toBeLessThan(500);
  await until(() => !isAlive(postmaster));
  socket.destroy();
});

it('ends within 10 s, cleanly, when a request does not', async () => {
  useMigrated();
  const service = start();
  await service.ready();
  const socket = await halfRequest(service);
  const asked = Date.now();
  expect((await service.stop()).code).toBe(0);
  expect(Date.now() - asked).toBeLessThan(10_000);
  socket.destroy();
});
