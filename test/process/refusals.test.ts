import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DataDir, ServiceProcess } from '../support/process/service-process';

jest.setTimeout(180_000);

const dir = new DataDir();

afterAll(async () => {
  await ServiceProcess.killAll();
  dir.remove();
});

async function refusal(env: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, stderr } = await new ServiceProcess({ DATA_DIR: dir.path, ...env }).ended;
  expect(code).toBe(1);
  expect(stdout).toBe('');
  // one line, no stack
  expect(stderr).toMatch(/^[^\n]+\n$/);
  return stderr;
}

it('names the variable that is out of range or unknown', async () => {
  expect(await refusal({ PORT: '70000' })).toMatch(/^PORT /);
  expect(await refusal({ WEBHOOK_MAX_AGE: '5' })).toMatch(/^WEBHOOK_MAX_AGE /);
});

it('names the kept file that holds no secret', async () => {
  mkdirSync(dir.path, { recursive: true });
  const file = join(dir.path, 'admin-api-key');
  for (const content of ['', 'short\n', 'two lines of text that are\nlong enough to be one\n']) {
    writeFileSync(file, content);
    expect(await refusal({})).toContain(`${file} must hold`);
  }
  rmSync(file);
  mkdirSync(file);
  expect(await refusal({})).toContain(`${file} cannot be read`);
  rmSync(file, { recursive: true });
});

it('names a DATA_DIR that cannot be one', async () => {
  const file = join(dir.path, 'file');
  writeFileSync(file, '');
  expect(await refusal({ DATA_DIR: file })).toContain('DATA_DIR');
  expect(await refusal({ DATA_DIR: '/proc/mirror' })).toContain('DATA_DIR');
});

it('names the port that is in use, and leaves no server behind', async () => {
  const taken = await new Promise<Server>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      resolve(server);
    });
  });
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? String(address.port) : '';
  expect(await refusal({ PORT: port })).toBe(
    `PORT ${port} on HOST 127.0.0.1 is in use: stop the other program, or set PORT to a free port\n`,
  );
  expect(() => dir.postmasterPid).toThrow('ENOENT');
  taken.close();
  expect(await refusal({ HOST: '192.0.2.1' })).toMatch(/^PORT 0 on HOST 192\.0\.2\.1 /);
});

it('refuses a cluster of another version, and one whose password is lost', async () => {
  const other = new DataDir();
  const cluster = join(other.path, 'postgres');
  mkdirSync(cluster, { recursive: true });
  writeFileSync(join(other.path, 'postgres-password'), 'p'.repeat(32));
  writeFileSync(join(cluster, 'PG_VERSION'), '17\n');
  expect(await refusal({ DATA_DIR: other.path })).toMatch(
    /is of Postgres 17, and this release embeds Postgres 18/,
  );
  rmSync(join(other.path, 'postgres-password'));
  expect(await refusal({ DATA_DIR: other.path })).toContain('postgres-password is missing');
  expect(() => readFileSync(join(other.path, 'postgres-password'))).toThrow('ENOENT');
  other.remove();
});

it('repeats what Postgres said when it does not start', async () => {
  const other = DataDir.migrated();
  const control = join(other.path, 'postgres/global/pg_control');
  chmodSync(control, 0o600);
  writeFileSync(control, 'damaged');
  expect(await refusal({ DATA_DIR: other.path })).toMatch(
    /^The embedded Postgres does not start: .*pg_control/,
  );
  other.remove();
});
