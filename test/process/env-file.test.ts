import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DataDir, MIRROR, ServiceProcess } from '../support/process/service-process';

jest.setTimeout(90_000);

let dir: DataDir;
beforeEach(() => {
  dir = DataDir.migrated();
});
afterEach(async () => {
  await ServiceProcess.killAll();
  dir.remove();
});

const SECRET = 'the-webhook-secret-of-the-file-alone';

it('is read by the service from .env in the working directory, and named without its values', async () => {
  writeFileSync(
    join(dir.path, '.env'),
    `SINCH_WEBHOOK_SECRETS=${SECRET}\nPORT=1\nDATA_DIR=${dir.path}\nPUBLIC_URL=\nPOSTGRES_PASSWORD=x\n`,
  );
  const child = spawn(process.execPath, [resolve('dist/src/main.js')], {
    cwd: dir.path,
    env: { PATH: process.env['PATH'], PORT: '0', LOG_FORMAT: 'json' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = once(child, 'exit');
  await Promise.race([
    ended,
    new Promise<void>((resolveReady) => {
      child.stdout.on('data', () => {
        if (stdout.includes('Try it:')) resolveReady();
      });
    }),
  ]);
  child.kill('SIGTERM');
  expect((await ended)[0]).toBe(0);
  // the port of the environment, the secret and the folder of the file
  expect(stdout).toContain('from SINCH_WEBHOOK_SECRETS');
  expect(stdout).toContain(
    `Read from ${join(dir.path, '.env')}: DATA_DIR, SINCH_WEBHOOK_SECRETS (variables of the environment take precedence)`,
  );
  expect(stdout).not.toContain(SECRET);
  expect(readFileSync(join(dir.path, 'admin-api-key'), 'utf8')).not.toBe('');
});

it('is read by the commands from the file that ENV_FILE names, and by none where that is off', async () => {
  const file = join(dir.path, 'other.env');
  writeFileSync(file, 'WEBHOOK_MAX_AGE=5\n');
  const doctor = (env: Record<string, string>) =>
    new ServiceProcess({ DATA_DIR: join(dir.path, 'none'), ...env }, MIRROR, 'doctor').ended;
  const read = await doctor({ ENV_FILE: file });
  expect([read.code, read.stdout, read.stderr]).toEqual([
    1,
    expect.stringContaining('WEBHOOK_MAX_AGE is not a variable'),
    `Read from ${file}: WEBHOOK_MAX_AGE (variables of the environment take precedence)\n`,
  ]);
  expect(await doctor({ ENV_FILE: 'off' })).toMatchObject({ code: 0, stderr: '' });
  expect(await doctor({ ENV_FILE: join(dir.path, 'none') })).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^broken +configuration .*none cannot be read \(ENV_FILE\): /m),
  });
});

it('leaves the log readable for people with LOG_FORMAT=pretty, from the first line with the version to the last', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const service = new ServiceProcess({ DATA_DIR: dir.path, LOG_FORMAT: 'pretty', LOG_LEVEL: 'info' });
  await service.ready();
  expect((await new ServiceProcess({ DATA_DIR: dir.path }, MIRROR, 'event').ended).code).toBe(0);
  const { stdout } = await service.stop();
  const lines = stdout.trim().split('\n');
  expect(lines[0]).toMatch(
    new RegExp(`^\\d\\d:\\d\\d:\\d\\d INFO  Sinch contact mirror ${version} starts on Node `),
  );
  expect(stdout).toMatch(/^\d\d:\d\d:\d\d INFO {2}Webhook: CONTACT_CREATE committed$/m);
  expect(lines.at(-1)).toMatch(/^\d\d:\d\d:\d\d INFO {2}Stopped \(SIGTERM\)$/);
  expect(lines.filter((line) => line.startsWith('{'))).toEqual([]);
});
