import { DataDir, ServiceProcess, type Ended } from './service-process';

jest.setTimeout(60_000);

const dir = new DataDir();
const env = { DATA_DIR: dir.path };
const keys = (...args: readonly string[]): Promise<Ended> =>
  new ServiceProcess(env, 'dist/src/manage-keys.js', ...args).ended;

afterAll(async () => {
  await ServiceProcess.killAll();
  dir.remove();
});

it('makes, lists, rotates and revokes keys beside a service and without one, which then needs no ADMIN_API_KEY', async () => {
  const early = await keys('list');
  expect([early.code, early.stderr]).toEqual([
    1,
    'The database has no keys yet: start the service of this release once\n',
  ]);

  const service = new ServiceProcess(env);
  await service.ready();
  const made = await keys('create', '--name', 'root', '--scopes', 'admin', '--projects', '*');
  const [id = ''] = /[0-9a-f]{20}/.exec(made.stdout) ?? [];
  expect([made.code, made.stdout, made.stderr]).toEqual([
    0,
    expect.stringMatching(/^scm_[0-9a-f]{20}_[\w-]{43}\n$/),
    `Made ${id} (root); shown this once:\n`,
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
  expect([revoked.code, revoked.stderr]).toEqual([0, `Revoked ${id} (root)\n`]);
  const listed = await keys('list');
  expect(listed.stdout).toMatch(new RegExp(`^${id}\troot\tadmin\t\\*\trevoked [^\t]+\tlast used 2[^\t]+\n$`));
  const refused = await new ServiceProcess({ ...env, ADMIN_API_KEY: 'off' }).ended;
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(/^Cannot find an admin: ADMIN_API_KEY is off, .*\n$/),
  ]);
});

it('says in one line what is wrong with what it was given, and changes nothing', async () => {
  for (const [args, reason] of [
    [['frobnicate'], /^Usage: npm run keys/],
    [['create', '--name', 'n', '--scopes', 'x', '--projects', 'p'], /^--scopes must be some of/],
    [['create', '--name', 'n', '--scopes', 'admin', '--projects', 'p'], /^--projects must be "\*"/],
    [['create', '--nmae', 'n'], /^Unknown option '--nmae'/],
    [['rotate', 'x', '--grace-seconds', '-1'], /Usage: npm run keys|^--grace-seconds/],
  ] as const) {
    const { code, stdout, stderr } = await keys(...args);
    expect([code, stdout, stderr.trim().split('\n')]).toEqual([1, '', [expect.stringMatching(reason)]]);
  }
});

async function statusFor(service: ServiceProcess, key: string): Promise<number> {
  const response = await fetch(`${service.base}/v1/api-keys`, {
    headers: { authorization: `Bearer ${key}` },
  });
  await response.arrayBuffer();
  return response.status;
}
