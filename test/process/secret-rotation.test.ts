import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import { accessTo, runRegistration, webhooksOf } from './registration-command';
import { DataDir, freePort, ServiceProcess } from './service-process';

jest.setTimeout(120_000);

const KEY = 'the-admin-key-of-the-rotation-test-only';
const stepEveryMs = 25;

const dir = new DataDir();
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

/** By how many secrets the events in the journal were signed. */
async function countSecrets(): Promise<number> {
  const client = new Client({ connectionString: dir.serverUrl });
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
    ...accessTo(simulator),
  });
  const start = async (secrets: string): Promise<ServiceProcess> => {
    const service = new ServiceProcess(environment(secrets));
    await service.ready();
    return service;
  };
  const register = (secrets: string) => runRegistration(environment(secrets));
  const secretAtSinch = async () => (await webhooksOf(simulator)).map(({ secret }) => secret);

  const first = await start('old');
  expect((await register('old')).stdout).toMatch(/takes the secret\n.*: created\n$/);
  life = setInterval(() => {
    simulator.live(3);
  }, stepEveryMs);
  await delay(1_000);

  // out of order, it is refused, and nothing is lost
  expect(await register('new')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('does not take the secret'),
  });
  expect(await secretAtSinch()).toEqual(['old']);

  await first.stop();
  const second = await start('new,old');
  await delay(500);
  const toldBefore = simulator.deliveries.told;
  expect((await register('new,old')).stdout).toMatch(/takes the secret\n.*: updated \(secret\)\n$/);
  expect(await secretAtSinch()).toEqual(['new']);
  await delay(1_500);
  expect(simulator.deliveries.told).toBeGreaterThan(toldBefore);

  // Sinch's retries of what the old one signed are over
  clearInterval(life);
  await simulator.settled();
  expect(await countSecrets()).toBe(2);
  life = setInterval(() => {
    simulator.live(3);
  }, stepEveryMs);
  await second.stop();
  const third = await start('new');
  await delay(1_000);
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
