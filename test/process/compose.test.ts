import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The lines that docker-compose.yml runs before the start of the image of Postgres. */
const SCRIPT = /entrypoint:[^]*?- \|\n([^]*?)\n {6}- postgres-with-password/
  .exec(readFileSync('docker-compose.yml', 'utf8'))?.[1]
  ?.replaceAll(/^ {8}/gm, '')
  .replaceAll('$$', '$');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mirror-compose-'));
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, 'database'));
  mkdirSync(join(folder, 'data'));
  // stand in for the image's own start, and for chown, which only root may use
  program('docker-entrypoint.sh', 'printf "%s" "$POSTGRES_PASSWORD $*"');
  program('chown', 'echo "$@" >../chown');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function program(name: string, line: string): void {
  writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${line}\n`, { mode: 0o755 });
}

function start(given = ''): { status: number | null; stdout: string; stderr: string } {
  if (SCRIPT === undefined) throw new Error('docker-compose.yml has no lines to run');
  const script = SCRIPT.replace('/run/database', join(folder, 'database'));
  const args = ['-euo', 'pipefail', '-c', script, 'postgres-with-password', 'postgres'];
  const env = {
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    PGDATA: join(folder, 'data'),
    POSTGRES_PASSWORD: given,
  };
  return spawnSync('bash', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The password with which Postgres was started; the service's URL has to have the same. */
function passwordOf(given = ''): string {
  const { stdout, stderr } = start(given);
  expect(stderr).toBe('');
  const password = / postgres$/.test(stdout) ? stdout.slice(0, -' postgres'.length) : '';
  const url = new URL(readFileSync(join(folder, 'database/url'), 'utf8'));
  expect(decodeURIComponent(url.password)).toBe(password);
  url.password = '';
  expect(url.href).toBe('postgres://mirror@postgres:5432/mirror');
  return password;
}

const modeOf = (path: string) => (statSync(join(folder, path)).mode & 0o777).toString(8);

it('the first start makes a password, and later ones keep it', () => {
  const made = passwordOf();
  expect(made).toMatch(/^[0-9a-f]{48}$/);
  writeFileSync(join(folder, 'data/PG_VERSION'), '17\n');
  expect(passwordOf()).toBe(made);
});

it('each stack has a password of its own, which only the user of the service can read', () => {
  const made = passwordOf();
  expect(readFileSync(join(folder, 'chown'), 'utf8')).toBe('1000:1000 . url.new\n');
  expect(['database', 'database/url', 'database/password'].map(modeOf)).toEqual(['700', '600', '600']);
  execFileSync('rm', ['-r', join(folder, 'database')]);
  mkdirSync(join(folder, 'database'));
  expect(passwordOf()).not.toBe(made);
});

it.each(['simple', 'p@ss/w:o%r?d#', 'quo\'te"s $HOME `x` \\', ' Grüße 😀 ', `-n ${'x'.repeat(100)}`])(
  'a given password is taken as it is, and kept when it is given no more: %j',
  (given) => {
    expect(passwordOf(given)).toBe(given);
    expect(passwordOf()).toBe(given);
    expect(passwordOf('another')).toBe('another');
  },
);

it('does not start on a database whose password it does not know, and says what to set', () => {
  writeFileSync(join(folder, 'data/PG_VERSION'), '17\n');
  const { status, stdout, stderr } = start();
  expect([status, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^The database exists already.* Set POSTGRES_PASSWORD in \.env .*\n$/);
  expect(passwordOf('mirror')).toBe('mirror');
});
