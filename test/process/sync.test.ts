import { createServer, type AddressInfo } from 'node:net';
import { accessVariables } from '../../simulator/demo/access-variables';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import { send } from '../support/sinch/at-simulator';
import { OwnDatabase } from '../support/process/own-database';
import { MIRROR, ServiceProcess, type Ended } from '../support/process/service-process';

jest.setTimeout(120_000);

const ADMIN_KEY = 'k'.repeat(32);
const kills = 2;

let database: OwnDatabase;
let simulator: Simulator;
let aheadNs: bigint;

beforeAll(async () => {
  database = await OwnDatabase.create();
});
afterAll(() => database.remove());

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
  DATABASE_URL: database.url,
  SINCH_WEBHOOK_SECRETS: 's'.repeat(20),
  ADMIN_API_KEY: ADMIN_KEY,
});
const env = (): Record<string, string> => ({
  ...ownEnv(),
  ...accessVariables(simulator),
});
const startService = (): ServiceProcess => new ServiceProcess(env());
const startCommand = (...args: readonly string[]): ServiceProcess =>
  new ServiceProcess(env(), MIRROR, 'sync', ...args);

interface Progress {
  readonly state: string;
  readonly pages: number;
  readonly contacts: number;
  readonly created: number;
  readonly unchanged: number;
  readonly deleted: number;
}

async function progress(): Promise<Progress> {
  const { rows } = await database.owner.query<Progress>(
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
  const { rows } = await database.owner.query<{ id: string; snapshot: unknown; events: number }>(
    `select id, snapshot, (select count(*)::int from audit_event e where e.project_id = c.project_id and e.contact_id = c.id) as events
     from contact c where project_id = $1 and gone is null`,
    [simulator.projectId],
  );
  expect(new Map(rows.map(({ id, snapshot }) => [id, snapshot]))).toEqual(
    new Map(simulator.contacts().map((contact) => [contact.id, contact])),
  );
  expect(rows.filter(({ events }) => events !== 1)).toEqual([]);
}

/** What a command printed while it worked, and its result, line by line. */
function linesOf({ stdout, stderr }: Ended): readonly string[] {
  return `${stderr}${stdout}`.trim().split('\n');
}

it('continues at its place, and applies no page twice, when its service is killed again and again', async () => {
  const pages = 150;
  simulator.seed(20 * pages);
  simulator.dials.set({ pageLatencyMs: 10 });
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
  expect(waiting.code).toBe(3);
  expect(waiting.stderr.trim().split('\n').at(-1)).toContain('npm run mirror -- sync reconcile --confirm');
  expect(waiting.stdout).toMatch(/unchanged/);
  expect(waiting.stdout).not.toMatch(/confirm/);
  // one JSON document, and nothing else on stdout
  const confirmed = await startCommand('reconcile', '--confirm', '--json').ended;
  expect([confirmed.code, JSON.parse(confirmed.stdout)]).toEqual([
    0,
    expect.objectContaining({ mode: 'reconcile', state: 'completed', deleted: 12 }),
  ]);
  await expectWhole();

  simulator.dials.set({ wrongRegion: true });
  const failed = await startCommand('reconcile').ended;
  expect([failed.code, failed.stderr]).toEqual([
    1,
    expect.stringMatching(/^The reconcile failed: .*SINCH_REGION/m),
  ]);
  expect(failed.stdout).not.toContain('SINCH_REGION');
});

it('is left resumable by Ctrl-C, which says so', async () => {
  simulator.seed(2_000);
  simulator.dials.set({ pageLatencyMs: 20 });
  const command = startCommand('backfill');
  await command.until(async () => (await progress()).pages > 10);
  command.signal('SIGINT');
  const broken = await command.ended;
  expect([broken.code, broken.stdout, broken.stderr.trim().split('\n').at(-1)]).toEqual([
    130,
    '',
    expect.stringMatching(/^Interrupted after \d+ pages: /),
  ]);
  expect((await progress()).state).toBe('running');
  simulator.dials.set({ pageLatencyMs: 0 });
  expect((await startCommand('backfill').ended).code).toBe(0);
  expect(await progress()).toMatchObject({ pages: 100, contacts: 2_000, created: 2_000 });
  await expectWhole();
});

it('is left to a running service while the command watches; the command continues it when the service is killed', async () => {
  simulator.seed(3_000);
  // the command writes a line every few seconds, and the run has to last until then
  simulator.dials.set({ pageLatencyMs: 100 });
  const service = startService();
  await service.ready();
  const command = startCommand('backfill');
  await command.until(async () => (await progress()).pages > 20);
  await command.until(() => command.noted.includes(', in the service'));
  await service.kill();
  simulator.dials.set({ pageLatencyMs: 0 });
  const ended = await command.ended;
  expect([ended.code, linesOf(ended).includes('completed')]).toEqual([0, true]);
  expect(await progress()).toMatchObject({ state: 'completed', pages: 150, created: 3_000 });
  await expectWhole();
});

it('says why it stands still: while Sinch has not answered, and once the run waits for it', async () => {
  const silent = createServer((socket) => socket.resume());
  const port = await new Promise<number>((resolve) => {
    silent.listen(0, '127.0.0.1', () => {
      resolve((silent.address() as AddressInfo).port);
    });
  });
  const against = (url: string): ServiceProcess =>
    new ServiceProcess({ ...env(), SINCH_API_URL: url }, MIRROR, 'sync', 'backfill');
  const waiting = against(`http://127.0.0.1:${port}`);
  await waiting.until(() => /0 pages; no new page for \d+ s: Sinch has not answered/.test(waiting.noted));
  waiting.signal('SIGINT');
  await waiting.ended;
  await new Promise((resolve) => silent.close(resolve));

  const refused = against(`http://127.0.0.1:${port}`);
  await refused.until(() => /asks Sinch again at .* UTC: .*ECONNREFUSED/.test(refused.noted));
  refused.signal('SIGINT');
  const lines = linesOf(await refused.ended);
  expect(lines.slice(1).filter((line) => line.includes(' 0/s'))).toEqual([]);
  // it continues when Sinch answers again
  simulator.seed(20);
  expect((await startCommand('backfill').ended).code).toBe(0);
});

it('refuses a wrong command line with exit code 2, and a configuration without access to Sinch with 1', async () => {
  for (const args of [[], ['everything'], ['backfill', 'reconcile'], ['backfill', '--force']])
    expect([args, (await startCommand(...args).ended).code]).toEqual([args, 2]);
  const without = new ServiceProcess(ownEnv(), MIRROR, 'sync', 'backfill');
  expect(await without.ended).toMatchObject({ code: 1, stderr: expect.stringContaining('SINCH_KEY_SECRET') });
});
