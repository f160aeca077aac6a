import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DataDir, isAlive, MIRROR, ServiceProcess } from '../support/process/service-process';
import { until } from '../support/until';

jest.setTimeout(120_000);

const KEY = 'the-key-of-the-demo-of-this-test-only';
let dir: DataDir;
let demo: ChildProcess | null = null;
let stdout = '';
let stderr = '';

beforeEach(() => {
  dir = DataDir.migrated();
});
afterEach(async () => {
  if (demo?.exitCode === null && demo.signalCode === null) {
    demo.kill('SIGTERM');
    await once(demo, 'exit');
  }
  dir.remove();
});

function start(env: Readonly<Record<string, string>> = {}): ChildProcess {
  [stdout, stderr] = ['', ''];
  const child = spawn(process.execPath, ['scripts/demo.mjs'], {
    env: { PATH: process.env['PATH'], PORT: '0', DATA_DIR: dir.path, ADMIN_API_KEY: KEY, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  demo = child;
  return child;
}

/** Waits for something that the demo is to bring about. */
async function untilDemo(isSo: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
  const describe = (): string => `${String(isSo)}\n${stdout}\n${stderr}`;
  const isSoYet = async (): Promise<boolean> => {
    if (await isSo()) return true;
    if (demo?.exitCode === 1) throw new Error(`It ended before it came to that: ${describe()}`);
    return false;
  };
  await until(isSoYet, withinMs, { everyMs: 100, describe });
}

/** The base of the mirror's REST API that the demo prints when it runs. */
async function printedBase(): Promise<string> {
  const base = (): string => /^ {2}mirror +(\S+)$/m.exec(stdout)?.[1] ?? '';
  await untilDemo(() => base() !== '' && stdout.includes('Ctrl-C'), 60_000);
  return base();
}

async function count(base: string, list: string): Promise<number> {
  const response = await fetch(`${base}/${list}?page_size=200`, {
    headers: { authorization: `Bearer ${KEY}` },
  });
  const page = (await response.json()) as Record<string, unknown[]>;
  return page[list]?.length ?? 0;
}

async function isReached(base: string): Promise<boolean> {
  return await fetch(base).then(
    () => true,
    () => false,
  );
}

it('shows a mirror that lives, and leaves nothing running when it is stopped', async () => {
  const child = start({ DEMO_DIALS: '5', DEMO_SEED: '3' });
  const base = await printedBase();
  await untilDemo(
    async () => (await count(base, 'contacts')) >= 200 && (await count(base, 'merges')) >= 1,
    30_000,
  );
  const curl = /^curl .*$/m.exec(stdout)?.[0] ?? '';
  expect(curl).toContain(base);
  expect(stdout).not.toContain(KEY);
  // the demo keeps its webhook secret where the command finds it
  const event = /^ENV_FILE=off .* npm run (mirror -- event)$/m.exec(stdout)?.[1];
  expect(event).toBe('mirror -- event');
  const sent = await new ServiceProcess({ DATA_DIR: dir.path, ADMIN_API_KEY: KEY }, MIRROR, 'event').ended;
  expect([sent.code, sent.stdout]).toEqual([0, expect.stringMatching(/^CONTACT_CREATE: committed\n/)]);
  const simulator = /^ {2}simulator +(http:\/\/[^/]+)/m.exec(stdout)?.[1] ?? '';
  expect(await isReached(simulator)).toBe(true);
  const postmaster = dir.postmasterPid;
  // a line for each happening, and now and then a summary
  const summary = /^\d\d:\d\d:\d\d -- last 10 s: .*; contacts: \d+ at Sinch, \d+ in the mirror$/m;
  await untilDemo(
    () => /^\d\d:\d\d:\d\d (?:created|updated) +\S/m.test(stdout) && summary.test(stdout),
    60_000,
  );

  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  expect([code, stderr]).toEqual([0, '']);
  expect(isAlive(postmaster)).toBe(false);
  expect([await isReached(base), await isReached(simulator)]).toEqual([false, false]);

  // once more on the same data, as another project
  const again = start();
  const other = await printedBase();
  expect(new URL(other).pathname).not.toBe(new URL(base).pathname);
  await untilDemo(async () => (await count(other, 'contacts')) >= 200, 30_000);
  again.kill('SIGINT');
  expect((await once(again, 'exit'))[0]).toBe(0);
});

it('takes the service and its Postgres along when it is killed', async () => {
  const child = start({ LOG_LEVEL: 'debug' });
  const base = await printedBase();
  const postmaster = dir.postmasterPid;
  child.kill('SIGKILL');
  await once(child, 'exit');
  await untilDemo(async () => !isAlive(postmaster) && !(await isReached(base)), 15_000);
});

it('ends with one line when an option makes no sense, or the service does not start', async () => {
  const child = start({ DEMO_DIALS: 'many' });
  expect((await once(child, 'close'))[0]).toBe(1);
  expect(stderr).toBe('DEMO_DIALS must be a whole number from 0 to 100\n');
  const refused = start({ HOST: '192.0.2.1' });
  expect((await once(refused, 'close'))[0]).toBe(1);
  expect(stderr).toBe('PORT 0 on HOST 192.0.2.1 is not an address of this machine: correct HOST\n');
});
