import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { PostgresClient } from '../../src/database/postgres-client';
import { DataDir, ServiceProcess } from '../support/process/service-process';

jest.setTimeout(120_000);

let dir: DataDir;
beforeEach(() => {
  dir = new DataDir();
});
afterEach(async () => {
  await ServiceProcess.killAll();
  dir.remove();
});

const pidFile = () => readFileSync(join(dir.path, 'postgres/postmaster.pid'), 'utf8').split('\n');

async function errorOf(url: string): Promise<{ code?: string; message: string }> {
  const client = new PostgresClient({ connectionString: url, connectionTimeoutMillis: 5_000 });
  const error: unknown = await client.connect().catch((thrown: unknown) => thrown);
  client.end().catch(() => undefined);
  return error as { code?: string; message: string };
}

/** A message of the protocol: its type, its length, and what is in it. */
function message(type: string, ...parts: readonly (Buffer | number)[]): Buffer {
  const body = Buffer.concat(
    parts.map((part) => {
      if (typeof part !== 'number') return part;
      const number = Buffer.alloc(4);
      number.writeInt32BE(part);
      return number;
    }),
  );
  const head = Buffer.alloc(5, type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const ASKS = {
  'the password in clear': message('R', 3),
  'the password as MD5': message('R', 5, randomBytes(4)),
  'no proof of the password': Buffer.concat([
    message('R', 0),
    message('K', 1, 1),
    message('Z', Buffer.from('I')),
  ]),
} as const;

/** Sends the same bytes to every client that connects, and keeps what each sends after its start-up message. */
class FakeServer {
  readonly heard: Buffer[] = [];
  /** How many have sent their start-up message. */
  callersCount = 0;
  readonly server: Server;

  constructor(says: Buffer) {
    this.server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        this.callersCount += 1;
        socket.write(says);
        socket.on('data', (chunk) => this.heard.push(chunk));
      });
    });
  }

  async listen(where: string | number): Promise<number> {
    await new Promise<void>((resolve) => {
      if (typeof where === 'string') this.server.listen(where, resolve);
      else this.server.listen(where, '127.0.0.1', resolve);
    });
    const address = this.server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
  }
}

it.each(Object.entries(ASKS))('gives nothing to a server that asks for %s', async (how, says) => {
  const fake = new FakeServer(says);
  const port = await fake.listen(0);
  const error = await errorOf(
    `postgresql://mirror:the-password@127.0.0.1:${port}/mirror?require_auth=scram-sha-256`,
  );
  expect(error.message).toContain(`The server asks for ${how}, which this service gives to no server`);
  await fake.close();
  expect(Buffer.concat(fake.heard).toString('latin1')).toBe('');
});

it('takes a server of DATABASE_URL that trusts it, and gives no password to one that asks for it in clear', async () => {
  const trusting = new FakeServer(ASKS['no proof of the password']);
  const client = new PostgresClient({
    connectionString: `postgresql://mirror:the-password@127.0.0.1:${await trusting.listen(0)}/mirror`,
  });
  await client.connect();
  await client.end();
  await trusting.close();

  const asking = new FakeServer(ASKS['the password in clear']);
  const { code, stderr } = await new ServiceProcess({
    DATABASE_URL: `postgresql://mirror:the-password@127.0.0.1:${await asking.listen(0)}/mirror`,
    SINCH_WEBHOOK_SECRETS: 's'.repeat(32),
    ADMIN_API_KEY: 'k'.repeat(32),
  }).ended;
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^Cannot migrate the database: The server asks for [^\n]+\n$/),
  ]);
  await asking.close();
  expect(Buffer.concat(asking.heard).toString('latin1')).toBe('');
});

it('listens on a socket that nobody else reaches, on no port, and lets no superuser in', async () => {
  // so that another user reaches DATA_DIR, as in most places
  chmodSync(join(dir.path, '..'), 0o755);
  const service = new ServiceProcess({ DATA_DIR: dir.path });
  await service.ready();
  const [pid = '', , , port = '', folder = '', address = ''] = pidFile();
  expect(address).toBe('');
  expect(statSync(folder).mode & 0o077).toBe(0);
  expect(statSync(join(folder, `.s.PGSQL.${port}`)).mode & 0o077).toBe(0);
  expect(folder).toBe(join(dir.path, 'postgres'));
  if (process.geteuid?.() === 0) {
    const foreign = spawnSync('ls', [folder], { encoding: 'utf8', uid: 12_345, gid: 12_345 });
    expect(foreign.status).not.toBe(0);
    expect(foreign.stderr).toContain('Permission denied');
    expect(execFileSync('ps', ['-o', 'user=', '-p', pid], { encoding: 'utf8' }).trim()).toMatch(
      /^(postgres|nobody)$/,
    );
  }

  // neither owner nor login is a superuser, and postgres cannot log in
  const owner = new PostgresClient({ connectionString: dir.serverUrl });
  await owner.connect();
  const { rows } = await owner.query(
    `select rolname::text as name, rolsuper as super from pg_roles where rolcanlogin order by 1`,
  );
  expect(rows).toEqual([
    { name: 'mirror', super: false },
    { name: 'mirror_owner', super: false },
    { name: 'postgres', super: true },
  ]);
  const { rows: sessions } = await owner.query<{ name: string }>(
    `select distinct usename::text as name from pg_stat_activity where datname = current_database() and usename is not null order by 1`,
  );
  expect(sessions.map(({ name }) => name)).toEqual(['mirror', 'mirror_owner']);
  for (const attempt of [
    `copy (select 1) to program 'true'`,
    `select pg_read_file('/etc/passwd')`,
    'alter system set work_mem = 1024',
    'set role postgres',
  ])
    await expect(owner.query(attempt)).rejects.toMatchObject({ code: '42501' });
  await owner.end();
  const url = new URL(dir.serverUrl);
  url.username = 'postgres';
  expect(await errorOf(url.href)).toMatchObject({ code: '28000' });
  expect((await service.stop()).code).toBe(0);
});

it('gives no password to a process that takes the place of the server, also when that dies', async () => {
  dir.remove();
  dir = DataDir.migrated();
  const service = new ServiceProcess({ DATA_DIR: dir.path, LOG_LEVEL: 'warn' });
  await service.ready();
  const [pid, , , port, folder = ''] = pidFile();
  const url = dir.serverUrl;
  const owner = new PostgresClient({ connectionString: url });
  owner.on('error', () => undefined);
  await owner.connect();
  // as if the folder were open: another socket takes the place of the server's in one step
  const fake = new FakeServer(ASKS['the password in clear']);
  await fake.listen(join(folder, 'fake'));
  renameSync(join(folder, 'fake'), join(folder, `.s.PGSQL.${port ?? ''}`));
  const client = await errorOf(`${url}?require_auth=scram-sha-256`);
  expect(client.message).toContain('which this service gives to no server');
  // the service loses its session, and connects again
  const known = fake.callersCount;
  await owner.query(
    'select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()',
  );
  await service.until(() => fake.callersCount > known + 2);
  process.kill(Number(pid), 'SIGKILL');
  // a server that starts takes its socket back
  await service.until(async () => (await service.status('/health/ready')) === 200);
  await owner.end().catch(() => undefined);
  await fake.close();
  expect(Buffer.concat(fake.heard).toString('latin1')).toBe('');
  expect((await service.stop()).code).toBe(0);
});

it('works in a folder whose path is too long for a socket, adopts its server after a kill, and leaves nothing', async () => {
  const long = join(dir.path, 'x'.repeat(120), `y, "z"`);
  mkdirSync(join(dir.path, 'x'.repeat(120)), { recursive: true });
  const made = DataDir.migrated();
  renameSync(made.path, long);
  made.remove();
  const first = new ServiceProcess({ DATA_DIR: long });
  await first.ready();
  const memory = join(long, 'postgres-socket-folder');
  const folder = readFileSync(memory, 'utf8').trim();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(readdirSync(folder)).toContain('.s.PGSQL.5432');
  const lines = () => readFileSync(join(long, 'postgres/postmaster.pid'), 'utf8').split('\n');
  const [pid] = lines();
  await first.kill();
  const second = new ServiceProcess({ DATA_DIR: long });
  await second.ready();
  expect(lines()[0]).toBe(pid);
  expect(await second.status('/health/ready')).toBe(200);
  expect((await second.stop()).code).toBe(0);
  expect([existsSync(folder), existsSync(memory)]).toEqual([false, false]);

  // one that somebody else could enter is not used again
  const open = join(dir.path, 'open');
  mkdirSync(open, { mode: 0o755 });
  writeFileSync(memory, `${open}\n`);
  const third = new ServiceProcess({ DATA_DIR: long });
  await third.ready();
  expect(lines()[4]).not.toBe(open);
  expect((await third.stop()).code).toBe(0);
});

const hasPsql = spawnSync('psql', ['--version']).status === 0;
const withPsql = hasPsql ? it : it.skip;

it('has psql where everything is to be tried', () => {
  expect(hasPsql || (process.env['CI'] ?? '') === '').toBe(true);
});

withPsql(`lets psql connect as docs/sql.md says${hasPsql ? '' : ' (psql is not installed)'}`, async () => {
  const [, line = ''] =
    /<!-- commands: [^>]*-->\n\n```sh\n(.*)\n```/.exec(readFileSync('docs/sql.md', 'utf8')) ?? [];
  expect(line).toContain('psql ');
  dir.remove();
  dir = DataDir.migrated();
  const service = new ServiceProcess({ DATA_DIR: dir.path });
  await service.ready();
  // the line is for the folder in which the service was started
  const answer = execFileSync('sh', ['-euc', `${line} -Atc "select current_user, count(*) from contact"`], {
    cwd: dirname(dir.path),
    env: { PATH: process.env['PATH'] },
    encoding: 'utf8',
  });
  expect(answer).toBe('mirror_owner|0\n');
  expect((await service.stop()).code).toBe(0);
});
