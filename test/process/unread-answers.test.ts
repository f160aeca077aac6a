import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { PostgresClient } from '../../src/database/postgres-client';
import { DataDir, ServiceProcess } from '../support/process/service-process';

const ADMIN_KEY = 'k'.repeat(32);
/** Far less than what is asked for: the service would end when it needs more. */
const heapMaxMb = 256;
/** The heap at its largest, and what is outside of it. */
const residentMaxBytes = 500 * 1_000_000;

const dataDir = DataDir.migrated();
let service: ServiceProcess;
beforeAll(async () => {
  service = new ServiceProcess({
    DATA_DIR: dataDir.path,
    ADMIN_API_KEY: ADMIN_KEY,
    NODE_OPTIONS: `--max-old-space-size=${heapMaxMb}`,
  });
  await service.ready();
  const client = new PostgresClient({ connectionString: dataDir.serverUrl });
  await client.connect();
  await client.query(
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys)
     select 'p', 'c' || lpad(i::text, 6, '0'), i, '\\x03',
            json_build_object('id', 'c' || lpad(i::text, 6, '0'), 'metadata', repeat('x', 10000)), '{}'
     from generate_series(1, 200) i`,
  );
  await client.end();
}, 120_000);
afterAll(async () => {
  await ServiceProcess.killAll();
  dataDir.remove();
});

/** A caller that sends and reads nothing. */
async function deaf(text: string): Promise<Socket> {
  const socket = connect(Number(new URL(service.base).port), '127.0.0.1').pause();
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

function get(path: string, headers = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: mirror\r\n${headers}\r\n`;
}

/** Asks as others do meanwhile; the most that the service held. */
async function watch(seconds: number): Promise<number> {
  let most = 0;
  for (let n = 0; n < seconds * 10; n++) {
    expect(await service.status('/health/live')).toBe(200);
    most = Math.max(most, service.residentBytes);
    await delay(100);
  }
  return most;
}

it('outlives callers that ask 1,400 times each and read nothing', async () => {
  const callers = await Promise.all(
    Array.from({ length: 12 }, () => deaf(get('/openapi.json').repeat(1_400))),
  );
  expect(await watch(3)).toBeLessThan(residentMaxBytes);
  for (const caller of callers) caller.destroy();
}, 120_000);

it('outlives a key that asks for 100 large pages on connections of their own and reads none', async () => {
  const page = get('/v1/projects/p/contacts?page_size=200', `Authorization: Bearer ${ADMIN_KEY}\r\n`);
  const callers = await Promise.all(Array.from({ length: 100 }, () => deaf(page)));
  expect(await watch(3)).toBeLessThan(residentMaxBytes);
  for (const caller of callers) caller.destroy();
}, 120_000);

it('outlives a key that asks for 40 large pages on one connection and reads none', async () => {
  const page = get('/v1/projects/p/contacts?page_size=200', `Authorization: Bearer ${ADMIN_KEY}\r\n`);
  const caller = await deaf(page.repeat(40));
  expect(await watch(3)).toBeLessThan(residentMaxBytes);
  caller.destroy();
}, 120_000);
