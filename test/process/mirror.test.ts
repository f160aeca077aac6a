import { execFile, spawnSync } from 'node:child_process';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import { accessVariables } from '../../simulator/demo/access-variables';
import { DataDir, freePort, MIRROR, ServiceProcess, type Ended } from '../support/process/service-process';

jest.setTimeout(120_000);

let dir: DataDir;
beforeEach(() => {
  dir = new DataDir();
});
afterEach(async () => {
  await ServiceProcess.killAll();
  dir.remove();
});

const mirror = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ended> =>
  new ServiceProcess({ DATA_DIR: dir.path, ...env }, MIRROR, ...args).ended;

const COMMANDS = [
  'keys create',
  'keys list',
  'keys rotate',
  'keys revoke',
  'sync backfill',
  'sync reconcile',
  'webhook register',
  'duplicates scan',
  'event',
  'doctor',
];

it('prints its version, and help with examples and exit codes', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  expect(await mirror({}, '--version')).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  const help = await mirror({}, '--help');
  expect([help.code, help.stderr]).toEqual([0, '']);
  for (const name of COMMANDS)
    expect(help.stdout).toMatch(new RegExp(`^ {2}${name.split(' ')[0] ?? ''} `, 'm'));
  for (const part of ['Usage: npm run mirror -- ', 'Exit codes:', 'Examples:'])
    expect(help.stdout).toContain(part);
  const inContainer = await mirror({ IN_CONTAINER: 'true' }, '--help');
  expect(inContainer.stdout).toMatch(/^Usage: mirror /);
});

it('prints the same help for the command help', async () => {
  for (const [asked, option] of [
    [['help'], ['--help']],
    [
      ['help', 'keys'],
      ['keys', '--help'],
    ],
    [
      ['keys', 'help', 'create'],
      ['keys', 'create', '--help'],
    ],
  ] as const) {
    const { code, stdout, stderr } = await mirror({}, ...asked);
    expect([asked, code, stdout, stderr]).toEqual([asked, 0, (await mirror({}, ...option)).stdout, '']);
  }
});

it.each(COMMANDS)('helps with %s, and refuses an unknown option with exit code 2', async (command) => {
  const names = command.split(' ');
  const help = await mirror({}, ...names, '--help');
  expect([help.code, help.stderr]).toEqual([0, '']);
  expect(help.stdout).toContain('--json');
  const wrong = await mirror({}, ...names, '--frobnicate');
  expect([wrong.code, wrong.stdout, wrong.stderr]).toEqual([
    2,
    '',
    expect.stringMatching(/^error: [^\n]+\nAdd --help to see how the command is used\.\n$/),
  ]);
});

it('ends with exit code 2 for an unknown command, and for a command without its subcommand', async () => {
  for (const args of [['frobnicate'], ['keys'], [], ['event', 'explode']])
    expect([args, await mirror({}, ...args)]).toEqual([
      args,
      expect.objectContaining({ code: 2, stdout: '' }),
    ]);
});

describe('a stdout that takes nothing', () => {
  /** A device that is always full. */
  const toFullDisk = (...args: readonly string[]): readonly [number | null, string] => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = spawnSync(process.execPath, [resolve(MIRROR), ...args], {
      env: { PATH: process.env['PATH'], ENV_FILE: 'off', DATA_DIR: dir.path },
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    return [status, stderr];
  };

  it.each([['doctor'], ['--help'], ['keys', '--help'], ['--version']])(
    'ends %s quietly where it is a pipe that the reader has closed',
    async (...args) => {
      const command = new ServiceProcess({ DATA_DIR: dir.path, PORT: '0' }, MIRROR, ...args);
      command.closeStdout();
      expect(await command.ended).toMatchObject({ code: 0, stderr: '' });
    },
  );

  it('is said in one line, with exit code 1, where its disk is full', () => {
    expect(toFullDisk('doctor')).toEqual([
      1,
      expect.stringMatching(/^The result could not be written to stdout: ENOSPC[^\n]+\n$/),
    ]);
    expect(toFullDisk('--help')).toEqual([
      1,
      expect.stringMatching(/^The help could not be written to stdout: ENOSPC[^\n]+\n$/),
    ]);
  });
});

it.each([
  [['create', '--id', ''], '--id must not be empty'],
  [['create', '--other-id', 'zz'], '--other-id is only for the events merge and duplicates'],
  [['merge', '--id', 'a', '--other-id', 'a'], '--id and --other-id must name two contacts'],
  [['create', '--phone', 'abc'], '--phone must be a phone number with 3 to 15 digits, such as +12025550123'],
])('refuses event %j with exit code 2', async (args, reason) => {
  expect(await mirror({}, 'event', ...args)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining(`${reason}\n`),
  });
});

interface Sent {
  readonly contact_id: string;
  readonly other_id: string | null;
  readonly sent: readonly string[];
  readonly url: string;
}

/** Gives the test a database in place of an empty folder. */
function useMigrated(): void {
  dir.remove();
  dir = DataDir.migrated();
}

it('sends test events that the running service commits, and prints the line that shows the contact', async () => {
  useMigrated();
  const early = await mirror({}, 'event');
  expect([early.code, early.stdout, early.stderr]).toEqual([
    1,
    '',
    expect.stringMatching(/^There is no webhook secret in .* yet: start the service once \(npm start\)/),
  ]);
  // on any free port, which the command finds in DATA_DIR
  const service = new ServiceProcess({ DATA_DIR: dir.path });
  await service.ready();

  const created = await mirror({}, 'event', 'create', '--name', 'Ada Lovelace', '--phone', '+12025550123');
  expect([created.code, created.stderr]).toEqual([0, '']);
  const [said, , curl = ''] = created.stdout.split('\n');
  expect(said).toBe('CONTACT_CREATE: committed');
  const { stdout: contact } = await promisify(execFile)('sh', ['-c', curl]);
  expect(JSON.parse(contact)).toMatchObject({
    display_name: 'Ada Lovelace',
    channel_identities: [{ channel: 'SMS', identity: '12025550123', app_id: '' }],
  });

  const key = readFileSync(join(dir.path, 'admin-api-key'), 'utf8').trim();
  const read = async (url: string): Promise<readonly [number, Record<string, unknown>]> => {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    return [answer.status, (await answer.json()) as Record<string, unknown>];
  };
  const send = async (...args: readonly string[]): Promise<Sent> => {
    const { code, stdout } = await mirror({}, 'event', ...args, '--json');
    expect(code).toBe(0);
    return JSON.parse(stdout) as Sent;
  };
  const updated = await send('update', '--id', 'one', '--name', 'Renamed', '--project', 'other project');
  expect([updated.sent, updated.url]).toEqual([
    ['CONTACT_UPDATE'],
    `${service.base}/v1/projects/other%20project/contacts/one`,
  ]);
  expect(await read(updated.url)).toEqual([
    200,
    expect.objectContaining({ id: 'one', display_name: 'Renamed' }),
  ]);
  // what is not given stays
  const changed = await send(
    'update',
    '--id',
    created.stdout.match(/test-[0-9a-f]{8}/)?.[0] ?? '',
    '--email',
    'a@b.cd',
  );
  expect((await read(changed.url))[1]).toMatchObject({
    display_name: 'Ada Lovelace',
    email: 'a@b.cd',
    channel_identities: [{ channel: 'SMS', identity: '12025550123', app_id: '' }],
  });
  const long = await mirror({}, 'event', '--id', 'x'.repeat(600));
  expect([long.code, long.stderr]).toEqual([
    1,
    expect.stringMatching(/^CONTACT_CREATE was not committed: .* quarantine \(202\): bad-id: .* 512 bytes/),
  ]);
  const deleted = await send('delete');
  expect(deleted.sent).toEqual(['CONTACT_CREATE', 'CONTACT_DELETE']);
  expect((await read(deleted.url))[0]).toBe(410);
  const merged = await send('merge');
  const [status, survivor] = await read(merged.url.replace(merged.contact_id, merged.other_id ?? ''));
  expect([status, survivor['id']]).toEqual([200, merged.contact_id]);
  const duplicates = await send('duplicates');
  expect(duplicates.sent).toEqual(['CONTACT_CREATE', 'CONTACT_CREATE', 'CONTACT_IDENTITIES_DUPLICATION']);

  const wrong = await mirror({ SINCH_WEBHOOK_SECRETS: 'not-the-secret-of-the-service' }, 'event');
  expect([wrong.code, wrong.stderr]).toEqual([
    1,
    expect.stringMatching(/^CONTACT_CREATE was not committed: .* does not accept the webhook secret \(401\)/),
  ]);
  expect((await service.stop()).code).toBe(0);
  const late = await mirror({ PORT: String(await freePort()) }, 'event');
  expect([late.code, late.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^No service answers at http:\/\/127\.0\.0\.1:\d+: start it \(npm run mirror -- start\)/,
    ),
  ]);
});

it('leaves the service to run where its address cannot be kept, and finds it by PORT', async () => {
  useMigrated();
  mkdirSync(join(dir.path, 'service-url'), { recursive: true });
  const env = { PORT: String(await freePort()) };
  const service = new ServiceProcess({ DATA_DIR: dir.path, LOG_LEVEL: 'warn', ...env });
  expect(await service.ready()).toContain(
    'cannot be stored in DATA_DIR, so commands find it by HOST and PORT',
  );
  expect((await mirror(env, 'event')).code).toBe(0);
  expect((await service.stop()).code).toBe(0);
});

interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly remedy: string | null;
  }[];
}

describe('doctor', () => {
  let simulator: Simulator;
  let taken: Server;
  beforeEach(async () => {
    simulator = await startSimulator();
    taken = await new Promise<Server>((resolve) => {
      const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1', () => {
        resolve(server);
      });
    });
  });
  afterEach(async () => {
    await simulator.close();
    taken.close();
  });

  it('names each of three things that are broken, with what to do, and ends with exit code 1', async () => {
    const env = {
      ...accessVariables(simulator),
      PORT: String((taken.address() as AddressInfo).port),
      DATABASE_URL: `postgres://user:the-password@127.0.0.1:${await freePort()}/mirror`,
      SINCH_KEY_SECRET: 'not-the-secret-of-the-key',
    };
    const { code, stdout, stderr } = await mirror(env, 'doctor');
    expect([code, stderr]).toEqual([1, '']);
    const brokenLines = stdout.split('\n').filter((line) => line.startsWith('broken'));
    expect(brokenLines).toEqual([
      expect.stringMatching(/^broken +port +another program .* To do: stop that program, or set PORT/),
      expect.stringMatching(
        /^broken +Postgres +cannot connect by DATABASE_URL: .* To do: check the host and port in DATABASE_URL, and whether/,
      ),
      expect.stringMatching(
        /^broken +Sinch access +Sinch, fetchToken: 401 .* To do: SINCH_KEY_ID and SINCH_KEY_SECRET/,
      ),
    ]);
    expect(stdout).not.toContain('the-password');
    expect(stdout).not.toContain(env.SINCH_KEY_SECRET);
    const { stdout: json } = await mirror(env, 'doctor', '--json');
    const { ok, checks } = JSON.parse(json) as Diagnosis;
    expect([ok, checks.filter(({ status }) => status === 'broken').map(({ name }) => name)]).toEqual([
      false,
      ['port', 'Postgres', 'Sinch access'],
    ]);
  });

  it('gives JSON where its file of variables cannot be read, and says that the webhook is not checked', async () => {
    const unread = await mirror({ ENV_FILE: '/nope' }, 'doctor', '--json');
    expect([unread.code, unread.stderr, JSON.parse(unread.stdout)]).toEqual([
      1,
      '',
      expect.objectContaining({
        ok: false,
        checks: expect.arrayContaining([
          expect.objectContaining({ name: 'configuration', status: 'broken' }),
        ]) as unknown,
      }),
    ]);
    const { stdout } = await mirror({ ...accessVariables(simulator), SINCH_APP_ID: 'unknown' }, 'doctor');
    expect(stdout).toMatch(/^broken +Sinch access .*[^.]\. To do: /m);
    const unregistered = await mirror(accessVariables(simulator), 'doctor');
    expect(unregistered.stdout).toMatch(/^ok +webhook +not checked: set PUBLIC_URL$/m);
  });

  it('says what is wrong with the configuration', async () => {
    const { code, stdout } = await mirror({ WEBHOOK_MAX_AGE: '5' }, 'doctor');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^broken +configuration +WEBHOOK_MAX_AGE /m)]);
  });

  it('says that the secret of a running service is not here, and where it comes from', async () => {
    useMigrated();
    const service = new ServiceProcess({
      DATA_DIR: dir.path,
      SINCH_WEBHOOK_SECRETS: 'a-secret-of-its-own-environment',
    });
    await service.ready();
    const { code, stdout } = await mirror({}, 'doctor');
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(
        /^broken +webhook secret +a service runs, but .* To do: set SINCH_WEBHOOK_SECRETS or DATA_DIR to the same value as for the service$/m,
      ),
    ]);
    const event = await mirror({}, 'event');
    expect([event.code, event.stderr]).toEqual([
      1,
      `There is no webhook secret in ${dir.path}, but the service at ${service.base} has one: set SINCH_WEBHOOK_SECRETS to the same value as for the service\n`,
    ]);
    expect((await service.stop()).code).toBe(0);
  });

  it('finds nothing broken before the first start, and beside a service that runs', async () => {
    const env = {
      ...accessVariables(simulator),
      PORT: String(await freePort()),
      PUBLIC_URL: 'https://m.example.invalid',
    };
    const before = await mirror(env, 'doctor', '--json');
    const statusOf = ({ stdout }: Ended, name: string): string | undefined =>
      (JSON.parse(stdout) as Diagnosis).checks.find((check) => check.name === name)?.status;
    expect([before.code, statusOf(before, 'service'), statusOf(before, 'Sinch access')]).toEqual([
      0,
      'warn',
      'ok',
    ]);
    useMigrated();
    const service = new ServiceProcess({ DATA_DIR: dir.path, ...env });
    await service.ready();
    const beside = await mirror(env, 'doctor', '--json');
    expect([beside.code, beside.stdout]).toEqual([0, expect.not.stringContaining('broken')]);
    for (const name of ['Node', 'service', 'webhook secret', 'Postgres', 'Postgres roles', 'extensions'])
      expect([name, statusOf(beside, name)]).toEqual([name, 'ok']);
    for (const whose of ['Postgres', 'Sinch']) expect(statusOf(beside, `clock of ${whose}`)).toBe('ok');
    expect(statusOf(beside, 'webhook')).toBe('warn');
  });
});
