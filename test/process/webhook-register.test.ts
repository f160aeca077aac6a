import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import { Receiver } from '../sinch/receiver';
import { accessTo, runRegistration, type Said, webhooksOf } from './registration-command';
import { DataDir, freePort, ServiceProcess } from './service-process';

jest.setTimeout(90_000);

const HOST = 'https://m.example.invalid';
const HOOK = `${HOST}/webhooks/sinch`;
const KEPT = 'the-webhook-secret-that-the-first-start-made';
const SECRETS = [KEPT, 'secret-one', 'secret-two'];

let dir: DataDir;
let simulator: Simulator;
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  dir = new DataDir();
  simulator = await startSimulator();
  open.push(simulator);
});
afterEach(async () => {
  await ServiceProcess.killAll();
  await Promise.all(open.splice(0).map((opened) => opened.close()));
  dir.remove();
});

const environment = (more: Record<string, string> = {}) => ({
  DATA_DIR: dir.path,
  SINCH_WEBHOOK_SECRETS: 'secret-one',
  ...accessTo(simulator),
  ...more,
});

/** What the command said, which is never a secret. */
async function register(env: Record<string, string>, ...args: readonly string[]): Promise<Said> {
  const said = await runRegistration(env, ...args);
  for (const secret of [...SECRETS, simulator.keySecret]) {
    expect(said.stdout + said.stderr).not.toContain(secret);
  }
  return said;
}

async function refusal(env: Record<string, string>, ...args: readonly string[]): Promise<string> {
  const said = await register(env, ...args);
  expect(said.code).toBe(1);
  // one line, no stack
  expect(said.stderr).toMatch(/^[^\n]+\n$/);
  return said.stderr.trim();
}

it('creates, leaves, updates and moves the webhook, and says so', async () => {
  const asked = (host = HOST) =>
    `The service at ${host}/webhooks/sinch could not be asked from here whether it takes the secret\n`;
  const created = await register(environment(), '--url', HOST);
  const [{ id } = { id: null }] = await webhooksOf(simulator);
  const name = `Sinch's webhook ${String(id)} for ${HOOK}`;
  expect(created).toEqual({ code: 0, stdout: `${asked()}${name}: created\n`, stderr: '' });

  const again = await register(environment({ PUBLIC_URL: HOST }));
  expect(again).toEqual({ code: 0, stdout: `${asked()}${name}: unchanged\n`, stderr: '' });

  const rotated = await register(
    environment({ SINCH_WEBHOOK_SECRETS: 'secret-two,secret-one' }),
    '--url',
    HOOK,
  );
  expect(rotated).toEqual({ code: 0, stdout: `${asked()}${name}: updated (secret)\n`, stderr: '' });

  const other = 'https://other.example.invalid';
  const moved = await register(
    environment({ SINCH_WEBHOOK_SECRETS: 'secret-two', PUBLIC_URL: other }),
    '--replace',
    HOST,
  );
  expect(moved.stdout).toBe(
    `${asked(other)}Sinch's webhook ${String(id)} for ${other}/webhooks/sinch: updated (target)\n`,
  );
  expect(await webhooksOf(simulator)).toMatchObject([
    { id, target: `${other}/webhooks/sinch`, secret: 'secret-two' },
  ]);
});

it('takes the secret that the first start made, and makes none itself', async () => {
  const env = environment({ SINCH_WEBHOOK_SECRETS: '' });
  expect(await refusal(env, '--url', HOST)).toBe(
    `There is no webhook secret in ${dir.path} yet: start the service once, or set SINCH_WEBHOOK_SECRETS as it has it`,
  );
  mkdirSync(dir.path);
  writeFileSync(join(dir.path, 'webhook-secret'), `${KEPT}\n`);
  expect((await register(env, '--url', HOST)).code).toBe(0);
  expect(await webhooksOf(simulator)).toMatchObject([{ secret: KEPT }]);
  expect(readdirSync(dir.path)).toEqual(['webhook-secret']);
});

it('says in one line why it cannot, and changes nothing', async () => {
  const env = environment();
  expect(await refusal(env)).toBe(
    'Neither --url nor PUBLIC_URL is given. Usage: npm run webhook:register -- [--url <url>] [--replace <old url>]',
  );
  expect(await refusal(env, '--hurl', HOST)).toMatch(/^Unknown option '--hurl'.* Usage: npm run /);
  expect(await refusal(env, '--url', 'm.example.com')).toBe(
    '--url must be a URL like https://mirror.example.com',
  );
  expect(await refusal(environment({ PUBLIC_URL: 'https://conversation-api.eu.sinch.com' }))).toBe(
    'PUBLIC_URL must not be on a host of Sinch’s own',
  );
  expect(await refusal({ DATA_DIR: dir.path, SINCH_WEBHOOK_SECRETS: 'secret-one' }, '--url', HOST)).toBe(
    'SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID and SINCH_KEY_SECRET are missing',
  );
  expect(await refusal(environment({ SINCH_KEY_SECRET: 'wrong' }), '--url', HOST)).toMatch(
    /^Sinch, fetchToken: 401 .* SINCH_KEY_ID and SINCH_KEY_SECRET are not those of an access key of the project\.$/,
  );
  expect(await refusal(environment({ SINCH_APP_ID: 'unknown' }), '--url', HOST)).toMatch(
    /^Sinch, listWebhooks: 404 NOT_FOUND: .* see SINCH_APP_ID, SINCH_PROJECT_ID and SINCH_REGION\.$/,
  );
  expect(await refusal(env, '--url', HOST, '--replace', 'https://old.example.com')).toBe(
    'The app has no webhook with the target https://old.example.com/webhooks/sinch that could be moved. It has no webhooks at all.',
  );
  expect(await webhooksOf(simulator)).toEqual([]);
  for (let n = 0; n < 5; n++) await register(env, '--url', `https://x.example.invalid/${n}`);
  expect(await refusal(env, '--url', HOST)).toMatch(
    /^The app has 5 webhooks already, and Sinch allows 5: .* Its targets: https:\/\/x\.example\.invalid\/0, /,
  );
});

it('does not give Sinch a secret that the service there refuses', async () => {
  const receiver = await Receiver.start();
  open.push({ close: () => receiver.stop() });
  receiver.answer = () => 401;
  expect(await refusal(environment(), '--url', receiver.url)).toMatch(
    /^What answers at .* nothing was changed$/,
  );
  expect(await webhooksOf(simulator)).toEqual([]);
  receiver.answer = () => 200;
  const { code, stdout } = await register(environment(), '--url', receiver.url);
  expect([code, stdout.split('\n')[0]]).toEqual([
    0,
    `The service at ${receiver.url}/webhooks/sinch takes the secret`,
  ]);
});

describe('A start with WEBHOOK_REGISTER', () => {
  const start = (more: Record<string, string> = {}) =>
    new ServiceProcess(
      environment({ WEBHOOK_REGISTER: 'true', PUBLIC_URL: HOST, LOG_LEVEL: 'info', ...more }),
    );
  /** Stops the service when it has logged what it is to log. */
  const logs = async (service: ServiceProcess, line: RegExp): Promise<void> => {
    await service.until(async () => line.test(await service.ready()));
    const { code, stdout } = await service.stop();
    expect(code).toBe(0);
    for (const secret of [...SECRETS, simulator.keySecret]) expect(stdout).not.toContain(secret);
  };

  it('creates the webhook, leaves a secret that the service takes, and replaces another', async () => {
    await logs(start(), /"msg":"Sinch's webhook \w+ for https:[^"]+: created"/);
    expect(await webhooksOf(simulator)).toMatchObject([{ target: HOOK, secret: 'secret-one' }]);
    await logs(
      start({ SINCH_WEBHOOK_SECRETS: 'secret-two,secret-one' }),
      /: unchanged · It signs with an older secret of ours\. [^"]*npm run webhook:register\."/,
    );
    expect(await webhooksOf(simulator)).toMatchObject([{ secret: 'secret-one' }]);
    await logs(start({ SINCH_WEBHOOK_SECRETS: 'secret-two' }), /: updated \(secret\)"/);
    expect(await webhooksOf(simulator)).toMatchObject([{ secret: 'secret-two' }]);
    await logs(
      start({ SINCH_APP_ID: 'unknown' }),
      /"level":50,[^\n]*The webhook was not registered: Sinch, listWebhooks: 404 NOT_FOUND: /,
    );
  });

  it('waits for a Sinch that is away beside its work, and lets itself be stopped meanwhile', async () => {
    // by one seed and one clock, the same app and key each time
    const options = { port: await freePort(), clock: () => 1_718_460_000_000_000_000n };
    const early = await startSimulator(options);
    const access = accessTo(early);
    await early.close();
    const first = start(access);
    await first.ready();
    const asked = Date.now();
    expect((await first.stop()).code).toBe(0);
    expect(Date.now() - asked).toBeLessThan(5_000);

    const second = start(access);
    await second.ready();
    expect(await second.status('/health/ready')).toBe(200);
    const late = await startSimulator(options);
    open.push(late);
    await second.until(async () => (await webhooksOf(late)).length > 0);
    await logs(second, /: created"/);
  });

  it('is refused without what it needs', async () => {
    const { code, stderr } = await start({ PUBLIC_URL: '' }).ended;
    expect([code, stderr]).toEqual([
      1,
      'WEBHOOK_REGISTER needs PUBLIC_URL too: give them, or leave it out\n',
    ]);
  });
});
