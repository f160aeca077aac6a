import { accessVariables } from '../../simulator/demo/access-variables';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import { send } from '../sinch/at-simulator';
import { OwnServer } from './own-server';
import { ServiceProcess, type Ended } from './service-process';

jest.setTimeout(120_000);

const ADMIN_KEY = 'k'.repeat(32);
const kills = 5;

let server: OwnServer;
let simulator: Simulator;
let aheadNs: bigint;

beforeAll(async () => {
  server = await OwnServer.start();
});
afterAll(() => server.remove());

let seed = 40;
beforeEach(async () => {
  aheadNs = 0n;
  // a project of each test's own
  simulator = await startSimulator({
    seed: seed++,
    clock: () => BigInt(Date.now()) * 1_000_000n + aheadNs,
  });
});
afterEach(() => simulator.close());

const ownEnv = (): Record<string, string> => ({
  DATABASE_URL: server.url,
  SINCH_WEBHOOK_SECRETS: 's'.repeat(20),
  ADMIN_API_KEY: ADMIN_KEY,
});
const env = (): Record<string, string> => ({
  ...ownEnv(),
  ...accessVariables(simulator),
});
const startService = (): ServiceProcess => new ServiceProcess(env());
const startCommand = (...args: readonly string[]): ServiceProcess =>
  new ServiceProcess(env(), 'dist/src/sync-contacts.js', ...args);

interface Progress {
  readonly state: string;
  readonly pages: number;
  readonly contacts: number;
  readonly created: number;
  readonly unchanged: number;
  readonly deleted: number;
}

async function progress(): Promise<Progress> {
  const { rows } = await server.owner.query<Progress>(
    `select state, pages::int, contacts::int, created::int, unchanged::int, deleted::int
     from sync_run where project_id = $1 order by id desc limit 1`,
    [simulator.projectId],
  );
  return rows[0] ?? { state: 'none', pages: 0, contacts: 0, created: 0, unchanged: 0, deleted: 0 };
}

async function request(service: ServiceProcess, mode: string): Promise<void> {
  const answer = await fetch(`${service.base}/v1/projects/${simulator.projectId}/sync-runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ mode }),
  });
  expect(answer.status).toBe(202);
}

/** The mirror has what the simulator has, and the journal tells of each contact once. */
async function expectWhole(): Promise<void> {
  const { rows } = await server.owner.query<{ id: string; snapshot: unknown; events: number }>(
    `select id, snapshot, (select count(*)::int from audit_event e where e.project_id = c.project_id and e.contact_id = c.id) as events
     from contact c where project_id = $1 and gone is null`,
    [simulator.projectId],
  );
  expect(new Map(rows.map(({ id, snapshot }) => [id, snapshot]))).toEqual(
    new Map(simulator.contacts().map((contact) => [contact.id, contact])),
  );
  expect(rows.filter(({ events }) => events !== 1)).toEqual([]);
}

function linesOf({ stdout, stderr }: Ended): readonly string[] {
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

it('goes on where it was, and has no page in effect twice, when its service is killed again and again', async () => {
  const pages = 400;
  simulator.seed(20 * pages);
  simulator.dials.set({ pageLatencyMs: 5 });
  let service = startService();
  await service.ready();
  await request(service, 'reconcile');
  for (let kill = 1; kill <= kills; kill++) {
    const from = (pages * kill) / (kills + 2);
    await service.until(async () => (await progress()).pages >= from);
    await service.kill();
    const at = await progress();
    expect([at.state, at.pages < pages]).toEqual(['running', true]);
    service = startService();
    await service.ready();
  }
  await service.until(async () => (await progress()).state === 'completed');
  expect(await progress()).toEqual({
    state: 'completed',
    pages,
    contacts: 20 * pages,
    created: 20 * pages,
    unchanged: 0,
    deleted: 0,
  });
  await expectWhole();
  // what was fetched and not yet written when it was killed is fetched again: at most what is held
  expect(simulator.requests.pages).toBeLessThan(pages + kills * 100);
  expect((await service.stop()).code).toBe(0);
});

it('is a command’s own where no service runs: tells how far it is, and what it found', async () => {
  simulator.seed(1_000);
  const ended = await startCommand('backfill').ended;
  const lines = linesOf(ended);
  expect(ended.code).toBe(0);
  expect(lines).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^backfill \d+: .*1,000 contacts/),
      'completed',
      expect.stringMatching(/^ {2}created +1,000$/),
    ]),
  );
  await expectWhole();

  aheadNs += 10_000_000_000n;
  for (const { id } of simulator.contacts().slice(0, 12)) await send(simulator, 'DELETE', `/contacts/${id}`);
  const waiting = await startCommand('reconcile').ended;
  expect(waiting.code).toBe(2);
  expect(linesOf(waiting).at(-1)).toContain('npm run sync -- reconcile --confirm');
  const confirmed = await startCommand('reconcile', '--confirm').ended;
  expect([confirmed.code, linesOf(confirmed)]).toEqual([
    0,
    expect.arrayContaining([expect.stringMatching(/^ {2}deleted +12$/)]),
  ]);
  await expectWhole();

  simulator.dials.set({ wrongRegion: true });
  const failed = await startCommand('reconcile').ended;
  expect([failed.code, failed.stdout]).toEqual([1, expect.stringContaining('SINCH_REGION')]);
});

it('is left resumable by Ctrl-C, which says so', async () => {
  simulator.seed(2_000);
  simulator.dials.set({ pageLatencyMs: 20 });
  const command = startCommand('backfill');
  await command.until(async () => (await progress()).pages > 10);
  command.signal('SIGINT');
  const broken = await command.ended;
  expect([broken.code, linesOf(broken).at(-1)]).toEqual([
    130,
    expect.stringMatching(/^Broken off after \d+ pages: /),
  ]);
  expect((await progress()).state).toBe('running');
  simulator.dials.set({ pageLatencyMs: 0 });
  expect((await startCommand('backfill').ended).code).toBe(0);
  expect(await progress()).toMatchObject({ pages: 100, contacts: 2_000, created: 2_000 });
  await expectWhole();
});

it('is left to a service that runs, while the command looks on; which goes on with it when the service is killed', async () => {
  simulator.seed(3_000);
  simulator.dials.set({ pageLatencyMs: 20 });
  const service = startService();
  await service.ready();
  const command = startCommand('backfill');
  await command.until(async () => (await progress()).pages > 20);
  await command.until(() => command.printed.includes(', in the service'));
  await service.kill();
  const ended = await command.ended;
  expect([ended.code, linesOf(ended).includes('completed')]).toEqual([0, true]);
  expect(await progress()).toMatchObject({ state: 'completed', pages: 150, created: 3_000 });
  await expectWhole();
});

it('says how it is called, and what it takes', async () => {
  for (const args of [[], ['everything'], ['backfill', 'reconcile'], ['backfill', '--force']]) {
    expect(await startCommand(...args).ended).toMatchObject({
      code: 1,
      stderr: 'npm run sync -- backfill|reconcile [--confirm]\n',
    });
  }
  const without = new ServiceProcess(ownEnv(), 'dist/src/sync-contacts.js', 'backfill');
  expect(await without.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('SINCH_KEY_SECRET') });
});
