import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { DataDir, isAlive, ServiceProcess } from './service-process';

jest.setTimeout(60_000);

let dir: DataDir;
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

async function onServer<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: dir.serverUrl });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

it('makes its secrets on the first start, shows them once, and works', async () => {
  const first = start();
  const banner = await first.ready();
  expect(statSync(dir.path).mode & 0o777).toBe(0o700);
  for (const name of ['webhook-secret', 'admin-api-key', 'postgres-password'])
    expect(modeOf(name)).toBe(0o600);
  expect(banner).toContain(valueOf('webhook-secret'));
  expect(banner).toContain(valueOf('admin-api-key'));
  expect(banner).not.toContain(valueOf('postgres-password'));
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

it('loses nothing and starts again after either process, or both, were killed', async () => {
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
  await second.until(async () => (await second.status('/health/ready')) === 503);
  await second.until(async () => (await second.status('/health/ready')) === 200);
  const restarted = dir.postmasterPid;
  expect(restarted).not.toBe(postmaster);
  expect(await seen()).toEqual([{ seen: 1 }]);

  second.signal('SIGKILL');
  process.kill(restarted, 'SIGKILL');
  await second.ended;
  const third = start();
  await third.ready();
  expect(await seen()).toEqual([{ seen: 1 }]);
  const last = dir.postmasterPid;
  expect((await third.stop()).code).toBe(0);
  expect(isAlive(last)).toBe(false);
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
    `Another service works in ${dir.path}: stop it, or give this one a DATA_DIR of its own\n`,
  );
  // nor does one that is asked to end while it still waits
  const waiting = start();
  await delay(1_500);
  expect((await waiting.stop()).code).toBe(0);

  expect(dir.postmasterPid).toBe(postmaster);
  expect(await first.status('/health/ready')).toBe(200);
  expect((await first.stop()).code).toBe(0);
  expect(isAlive(postmaster)).toBe(false);
});

it('ends cleanly when it is asked to at any moment of the first start', async () => {
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
  const last = start();
  await last.ready();
  expect((await last.stop()).code).toBe(0);
});

it('starts over what a first start left that was killed in the middle', async () => {
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

it('is not hindered by a postmaster.pid of another time, whose number belongs to another process now', async () => {
  const first = start();
  await first.ready();
  const file = join(dir.path, 'postgres/postmaster.pid');
  const lines = readFileSync(file, 'utf8').split('\n');
  await first.stop();
  writeFileSync(file, [String(process.pid), ...lines.slice(1)].join('\n'));
  const second = start();
  await second.ready();
  expect((await second.stop()).code).toBe(0);
});

/** Sends the head of a request and the beginning of its body: the service has to wait for the rest. */
async function halfRequest(service: ServiceProcess): Promise<Socket> {
  const socket = connect(Number(new URL(service.base).port), '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    'POST /webhooks/sinch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{',
  );
  await delay(100);
  return socket;
}

it('answers the requests that it has before it ends, and takes two signals of one Ctrl-C for one', async () => {
  const service = start();
  await service.ready();
  const socket = await halfRequest(service);
  service.signal('SIGINT');
  service.signal('SIGINT');
  await delay(800);
  await expect(service.status('/health/live')).rejects.toThrow();
  socket.write('}');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 401 [^]*\r\nconnection: close\r\n/i);
  expect((await service.ended).code).toBe(0);
});

it('ends at once at a second signal, and the embedded server with it', async () => {
  const service = start();
  await service.ready();
  const postmaster = dir.postmasterPid;
  const socket = await halfRequest(service);
  service.signal('SIGTERM');
  await delay(800);
  const asked = Date.now();
  service.signal('SIGTERM');
  expect((await service.ended).code).toBe(1);
  expect(Date.now() - asked).toBeLessThan(500);
  for (let waitedMs = 0; waitedMs < 5_000 && isAlive(postmaster); waitedMs += 20) await delay(20);
  expect(isAlive(postmaster)).toBe(false);
  socket.destroy();
});

it('ends within 10 s, cleanly, when a request does not', async () => {
  const service = start();
  await service.ready();
  const socket = await halfRequest(service);
  const asked = Date.now();
  expect((await service.stop()).code).toBe(0);
  expect(Date.now() - asked).toBeLessThan(10_000);
  socket.destroy();
});
