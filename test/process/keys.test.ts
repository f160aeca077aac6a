import { DataDir, MIRROR, ServiceProcess, type Ended } from '../support/process/service-process';

jest.setTimeout(180_000);

const dir = DataDir.migrated();
const empty = new DataDir();
const env = { DATA_DIR: dir.path };
const keys = (...args: readonly string[]): Promise<Ended> =>
  new ServiceProcess(env, MIRROR, 'keys', ...args).ended;

afterAll(async () => {
  await ServiceProcess.killAll();
  dir.remove();
  empty.remove();
});

it('makes, lists, rotates and revokes keys beside a service and without one, which then needs no ADMIN_API_KEY', async () => {
  const early = await new ServiceProcess({ DATA_DIR: empty.path }, MIRROR, 'keys', 'list').ended;
  expect([early.code, early.stderr]).toEqual([
    1,
    `There is no database in ${empty.path} yet: start the service once (npm start), or set DATA_DIR or DATABASE_URL to the same value as for the service\n`,
  ]);

  const service = new ServiceProcess(env);
  await service.ready();
  const made = await keys('create', '--name', 'root', '--scopes', 'admin', '--projects', '*');
  const [id = ''] = /[0-9a-f]{32}/.exec(made.stdout) ?? [];
  expect([made.code, made.stdout, made.stderr]).toEqual([
    0,
    expect.stringMatching(/^scm_[0-9a-f]{32}_[\w-]{43}\n$/),
    `Created ${id} (root). The key is shown only this once:\n`,
  ]);
  expect(await statusFor(service, made.stdout.trim())).toBe(200);
  expect((await service.stop()).code).toBe(0);

  const without = new ServiceProcess({ ...env, ADMIN_API_KEY: 'off' });
  expect(await without.ready()).toContain('  admin key       off');
  const rotated = await keys('rotate', id);
  expect(await statusFor(without, made.stdout.trim())).toBe(401);
  expect(await statusFor(without, rotated.stdout.trim())).toBe(200);
  expect((await without.stop()).code).toBe(0);

  const revoked = await keys('revoke', id);
  expect([revoked.code, revoked.stdout]).toEqual([0, `Revoked ${id} (root)\n`]);
  const listed = await keys('list');
  expect(listed.stdout).toMatch(
    new RegExp(
      `^ID +NAME +SCOPES +PROJECTS +STATE +LAST USED\n${id} +root +admin +\\* +revoked \\S+ +2\\S+\n$`,
    ),
  );
  const asJson = await keys('list', '--json');
  expect(JSON.parse(asJson.stdout)).toEqual([
    expect.objectContaining({ id, name: 'root', scopes: ['admin'], project_ids: ['*'] }),
  ]);
  expect(asJson.stdout).not.toContain(made.stdout.trim());
  const refused = await new ServiceProcess({ ...env, ADMIN_API_KEY: 'off' }).ended;
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/^Cannot find an admin key: ADMIN_API_KEY is off, .*\n$/),
  ]);
});

it('revokes every key at once, for a copy of a database', async () => {
  for (const name of ['one', 'two'])
    await keys('create', '--name', name, '--scopes', 'contacts:read', '--projects', 'p');
  const all = await keys('revoke', '--all');
  expect([all.code, all.stdout.replace(/\d+/, 'n')]).toEqual([0, 'Revoked n keys\n']);
  expect(all.stderr).toContain('ADMIN_API_KEY still works');
  const { stdout } = await keys('list');
  const [, ...rows] = stdout.trim().split('\n');
  expect(rows.length).toBeGreaterThan(1);
  for (const row of rows) expect(row).toContain('  revoked ');
  expect((await keys('revoke', '--all')).stdout).toMatch(/^Revoked 0 keys/);
  const both = await keys('revoke', 'x', '--all');
  expect([both.code, both.stderr]).toEqual([2, 'error: Give the id of a key, or --all\n']);
});

it('names the key whose text was lost, because nobody read stdout, and how to revoke it', async () => {
  const creating = new ServiceProcess(
    env,
    MIRROR,
    'keys',
    'create',
    '--name',
    'lost',
    '--scopes',
    'ops',
    '--projects',
    '*',
  );
  creating.closeStdout();
  const { code, stderr } = await creating.ended;
  const [id = ''] = /[0-9a-f]{32}/.exec(stderr) ?? [];
  expect([code, stderr.trim().split('\n').at(-1)]).toEqual([
    1,
    expect.stringMatching(
      `^The result could not be written to stdout: .*EPIPE.*\\. Key ${id} \\(lost\\) was created, but could not be printed: revoke it with "keys revoke ${id}"$`,
    ),
  ]);
  expect((await keys('revoke', id)).code).toBe(0);
});

it('makes no key when Ctrl-C comes while Postgres starts, and ends with exit code 130', async () => {
  const command = ['keys', 'create', '--name', 'early', '--scopes', 'ops', '--projects', '*'] as const;
  const creating = new ServiceProcess(env, MIRROR, ...command);
  await creating.until(() => creating.noted.includes('starting the embedded Postgres'));
  creating.signal('SIGINT');
  expect(await creating.ended).toMatchObject({
    code: 130,
    stdout: '',
    stderr: 'No service runs: starting the embedded Postgres…\nInterrupted: nothing was done\n',
  });
  expect((await keys('list')).stdout).not.toContain('early');
});

it('says what is wrong with the command line, ends with exit code 2, and changes nothing', async () => {
  const create = ['create', '--name', 'n', '--projects', 'p', '--scopes'] as const;
  for (const [args, reason] of [
    [['frobnicate'], /^error: unknown command 'frobnicate'/],
    [[...create, 'x'], /^error: --scopes must be some of/],
    [[...create, 'admin'], /^error: --projects must be "\*"/],
    [[...create, 'ops', '--expires-at', 'tomorrow'], /^error: --expires-at must be an RFC 3339 time/],
    [['create', '--name', 'n'], /^error: required option '--scopes/],
    [[...create, 'ops', '--nmae', 'n'], /^error: unknown option '--nmae'/],
    [
      ['rotate', 'x', '--grace-seconds', '-1'],
      /^error: option '--grace-seconds <n>' argument '-1' is invalid/,
    ],
    [['revoke'], /^error: Give the id of a key, or --all/],
  ] as const) {
    const { code, stdout, stderr } = await keys(...args);
    expect([args, code, stdout, stderr]).toEqual([args, 2, '', expect.stringMatching(reason)]);
  }
});

async function statusFor(service: ServiceProcess, key: string): Promise<number> {
  const response = await fetch(`${service.base}/v1/api-keys`, {
    headers: { authorization: `Bearer ${key}` },
  });
  await response.arrayBuffer();
  return response.status;
}
