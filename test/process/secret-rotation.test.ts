import { PostgresClient } from '../../src/database/postgres-client';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import { accessVariables } from '../../simulator/demo/access-variables';
import { runRegistration, webhooksOf } from '../support/process/registration-command';
import { DataDir, freePort, ServiceProcess } from '../support/process/service-process';
import { until } from '../support/until';

jest.setTimeout(300_000);

const KEY = 'the-admin-key-of-the-rotation-test-only';
const stepEveryMs = 25;
/** So many callbacks may wait: a slow machine is given no more than it can take. */
const waitingMax = 300;

const dir = DataDir.migrated();
let simulator: Simulator;
let life: NodeJS.Timeout;

beforeAll(async () => {
  simulator = await startSimulator({
    seed: 7,
    populationMin: 100,
    delivery: { backOffBaseMs: 50, backOffCapMs: 500 },
    dials: { repeats: 0.05, reorder: 0.2, delayMs: 200 },
  });
});
afterAll(async () => {
  clearInterval(life);
  await ServiceProcess.killAll();
  await simulator.close();
  dir.remove();
});

/** The mirror's contacts by id, without what only the mirror knows. */
async function mirrored(base: string): Promise<ReadonlyMap<unknown, unknown>> {
  const contacts = new Map<unknown, unknown>();
  for (let token = ''; ;) {
    const response = await fetch(
      `${base}/v1/projects/${simulator.projectId}/contacts?page_size=200&page_token=${encodeURIComponent(token)}`,
      { headers: { authorization: `Bearer ${KEY}` } },
    );
    const page = (await response.json()) as {
      contacts: Record<string, unknown>[];
      next_page_token: string;
    };
    for (const { mirror, ...contact } of page.contacts) {
      expect(mirror).toBeDefined();
      contacts.set(contact['id'], contact);
    }
    token = page.next_page_token;
    if (token === '') return contacts;
  }
}

/** Has contacts change at Sinch, and callbacks sent of it, until `life` is cleared. */
function live(): void {
  life = setInterval(() => {
    const { told, done } = simulator.deliveries;
    if (told - done < waitingMax) simulator.live(3);
  }, stepEveryMs);
}

/** Resolves when the simulated Sinch has reported so many more changes. */
async function untilReported(more: number): Promise<void> {
  const before = simulator.deliveries.told;
  await until(() => simulator.deliveries.told >= before + more);
}

/** By how many secrets the events in the journal were signed. */
async function countSecrets(): Promise<number> {
  const client = new PostgresClient({ connectionString: dir.serverUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ count: number }>(
      `select count(distinct signature ->> 'secret_id')::int as count from audit_event`,
    );
    return rows[0]?.count ?? 0;
  } finally {
    await client.end();
  }
}

it('gives Sinch another secret under load, by the documented steps, and loses nothing', async () => {
  const port = await freePort();
  const environment = (secrets: string): Record<string, string> => ({
    DATA_DIR: dir.path,
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
    ADMIN_API_KEY: KEY,
    SINCH_WEBHOOK_SECRETS: secrets,
    ...accessVariables(simulator),
  });
  const start = async (secrets: string): Promise<ServiceProcess> => {
    const service = new ServiceProcess(environment(secrets));
    await service.ready();
    return service;
  };
  const register = (secrets: string) => runRegistration(environment(secrets));
  const secretAtSinch = async () => (await webhooksOf(simulator)).map(({ secret }) => secret);

  const first = await start('old');
  expect(await register('old')).toMatchObject({
    stderr: expect.stringContaining('accepts the secret'),
    stdout: expect.stringMatching(/: created\n$/),
  });
  live();
  await untilReported(120);

  // out of order, it is refused, and nothing is lost
  expect(await register('new')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('does not accept the secret'),
  });
  expect(await secretAtSinch()).toEqual(['old']);

  await first.stop();
  const second = await start('new,old');
  await untilReported(60);
  expect(await register('new,old')).toMatchObject({
    stderr: expect.stringContaining('accepts the secret'),
    stdout: expect.stringMatching(/: updated \(secret\)\n$/),
  });
  expect(await secretAtSinch()).toEqual(['new']);
  await untilReported(200);

  // Sinch's retries of what the old one signed are over
  clearInterval(life);
  await simulator.settled();
  expect(await countSecrets()).toBe(2);
  live();
  await second.stop();
  const third = await start('new');
  await untilReported(150);
  clearInterval(life);
  await simulator.settled();

  const { told, done, retried, lost, refused } = simulator.deliveries;
  expect({ done, lost, refused }).toEqual({ done: told, lost: 0, refused: 0 });
  // the restarts were felt
  expect(retried).toBeGreaterThan(0);
  expect(told).toBeGreaterThan(500);
  expect(await mirrored(third.base)).toEqual(
    new Map(simulator.contacts().map((contact) => [contact.id, contact])),
  );
});
