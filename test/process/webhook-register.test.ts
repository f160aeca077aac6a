import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { judgeTarget } from '../../src/webhook/judge-target';
import { type Simulator, startSimulator } from '../../simulator/simulator';
import { send, subscribe } from '../support/sinch/at-simulator';
import { Receiver } from '../support/sinch/receiver';
import { accessVariables } from '../../simulator/demo/access-variables';
import { runRegistration, type Said, webhooksOf } from '../support/process/registration-command';
import { OwnDatabase } from '../support/process/own-database';
import { DataDir, freePort, ServiceProcess } from '../support/process/service-process';

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
  ...accessVariables(simulator),
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
  expect(said.code).toBe(/^error: /.test(said.stderr) ? 2 : 1);
  // one line, no stack, beside what the service at the target answered
  expect(said.stderr).toMatch(/^(?:The service at [^\n]+\n)?[^\n]+\n$/);
  return said.stderr.trim().split('\n').at(-1) ?? '';
}

async function addWebhook(target: string): Promise<void> {
  const webhook = { app_id: simulator.appId, target, triggers: ['CONTACT_CREATE'] };
  expect((await send(simulator, 'POST', '/webhooks', webhook)).status).toBe(200);
}

it('creates, leaves, updates and moves the webhook, and says so', async () => {
  const asked = (host = HOST) =>
    `The service at ${host}/webhooks/sinch could not be reached from here, so it is not known whether it accepts the secret\n`;
  const created = await register(environment(), '--url', HOST);
  const [{ id } = { id: null }] = await webhooksOf(simulator);
  const name = `Sinch's webhook ${String(id)} for ${HOOK}`;
  expect(created).toEqual({ code: 0, stdout: `${name}: created\n`, stderr: asked() });

  const again = await register(environment({ PUBLIC_URL: HOST }));
  expect(again).toEqual({ code: 0, stdout: `${name}: unchanged\n`, stderr: asked() });

  const rotated = await register(
    environment({ SINCH_WEBHOOK_SECRETS: 'secret-two,secret-one' }),
    '--url',
    HOOK,
  );
  expect(rotated).toEqual({ code: 0, stdout: `${name}: updated (secret)\n`, stderr: asked() });

  const other = 'https://other.example.invalid';
  const moved = await register(
    environment({ SINCH_WEBHOOK_SECRETS: 'secret-two', PUBLIC_URL: other }),
    '--replace',
    HOST,
  );
  expect(moved.stdout).toBe(`Sinch's webhook ${String(id)} for ${other}/webhooks/sinch: updated (target)\n`);
  expect(await webhooksOf(simulator)).toMatchObject([
    { id, target: `${other}/webhooks/sinch`, secret: 'secret-two' },
  ]);
});

it('says on stderr what is left to do, so that stdout has the result alone', async () => {
  await addWebhook('https://old.example.invalid/webhooks/sinch');
  const { code, stdout, stderr } = await register(environment(), '--url', HOST);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^Sinch's webhook \w+ for [^\n]+: created\n$/)]);
  expect(stderr).toMatch(
    /\nThe app also has a webhook for https:\/\/old\.example\.invalid\/webhooks\/sinch: /,
  );
});

it('takes the secret that the first start made, and makes none itself', async () => {
  const env = environment({ SINCH_WEBHOOK_SECRETS: '' });
  expect(await refusal(env, '--url', HOST)).toBe(
    `There is no webhook secret in ${dir.path} yet: start the service once (npm start), or set DATA_DIR or SINCH_WEBHOOK_SECRETS to the same value as for the service`,
  );
  mkdirSync(dir.path);
  writeFileSync(join(dir.path, 'webhook-secret'), `${KEPT}\n`);
  expect((await register(env, '--url', HOST)).code).toBe(0);
  expect(await webhooksOf(simulator)).toMatchObject([{ secret: KEPT }]);
  expect(readdirSync(dir.path)).toEqual(['webhook-secret']);
});

it('says in one line why it cannot, and changes nothing', async () => {
  const env = environment();
  expect(await refusal(env)).toBe('error: Give --url https://…, or set PUBLIC_URL');
  const unknown = await register(env, '--hurl', HOST);
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining("unknown option '--hurl'")]);
  expect(await refusal(env, '--url', 'm.example.com')).toBe(
    'error: --url must be a URL like https://mirror.example.com',
  );
  expect(await refusal(environment({ PUBLIC_URL: 'https://conversation-api.eu.sinch.com' }))).toBe(
    'PUBLIC_URL must not be a Sinch host',
  );
  expect(await refusal({ DATA_DIR: dir.path, SINCH_WEBHOOK_SECRETS: 'secret-one' }, '--url', HOST)).toBe(
    'SINCH_PROJECT_ID, SINCH_APP_ID, SINCH_KEY_ID and SINCH_KEY_SECRET are missing',
  );
  expect(await refusal(environment({ SINCH_KEY_SECRET: 'wrong' }), '--url', HOST)).toMatch(
    /^Sinch, fetchToken: 401 .* SINCH_KEY_ID and SINCH_KEY_SECRET are not those of an access key of the project: check both and SINCH_PROJECT_ID\.$/,
  );
  expect(await refusal(environment({ SINCH_APP_ID: 'unknown' }), '--url', HOST)).toMatch(
    /^Sinch, listWebhooks: 404 NOT_FOUND: .* check SINCH_APP_ID, SINCH_PROJECT_ID and SINCH_REGION\.$/,
  );
  expect(await refusal(env, '--url', HOST, '--replace', 'https://old.example.com')).toBe(
    'The app has no webhook with the target https://old.example.com/webhooks/sinch that could be moved. It has no webhooks at all.',
  );
  expect(await webhooksOf(simulator)).toEqual([]);
  for (let n = 0; n < 5; n++) await addWebhook(`https://x.example.invalid/${n}`);
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
  receiver.body = '{"result":"ignored"}';
  const { code, stderr } = await register(environment(), '--url', receiver.url);
  expect([code, stderr.split('\n')[0]]).toEqual([
    0,
    `The service at ${receiver.url}/webhooks/sinch accepts the secret`,
  ]);
});

it('does not give Sinch a target that answers a signed delivery in any other way', async () => {
  const receiver = await Receiver.start();
  open.push({ close: () => receiver.stop() });
  const target = `${receiver.url}/wrong/path`;
  for (const [status, body, reason] of [
    [405, '{}', 'answers 405 to a signed delivery'],
    [503, '{}', 'answers 503 to a signed delivery'],
    [301, '', 'redirects (301), which Sinch is not known to follow'],
    [200, '<html>Welcome</html>', 'answers 200, but not as this service does'],
    [200, 'x'.repeat(1_000_000), 'answers 200, but not as this service does'],
    [204, '', 'answers 204, but not as this service does'],
    [404, '{}', 'answers 404 to a signed delivery'],
  ] as const) {
    receiver.answer = () => status;
    receiver.body = body;
    const { isFit, words } = await judgeTarget(target, 'secret-one');
    expect([isFit, words]).toEqual([
      false,
      expect.stringContaining(`What answers at ${target} ${reason}, and Sinch would lose`),
    ]);
  }
  expect(await refusal(environment(), '--url', target)).toContain(
    `What answers at ${target} answers 404 to a signed delivery, and Sinch would lose`,
  );
  expect(await webhooksOf(simulator)).toEqual([]);
});

describe('A start with WEBHOOK_REGISTER', () => {
  let database: OwnDatabase;
  beforeAll(async () => {
    database = await OwnDatabase.create();
  });
  afterAll(() => database.remove());

  const start = (more: Record<string, string> = {}) =>
    new ServiceProcess(
      environment({
        DATABASE_URL: database.url,
        ADMIN_API_KEY: 'k'.repeat(32),
        WEBHOOK_REGISTER: 'true',
        PUBLIC_URL: HOST,
        LOG_LEVEL: 'info',
        ...more,
      }),
    );
  /** Stops the service when it has logged what it is to log. */
  const logs = async (service: ServiceProcess, line: RegExp): Promise<void> => {
    await service.until(async () => line.test(await service.ready()));
    const { code, stdout } = await service.stop();
    expect(code).toBe(0);
    for (const secret of [...SECRETS, simulator.keySecret]) expect(stdout).not.toContain(secret);
  };

  it('leaves a secret that the service takes, replaces another, and says what failed', async () => {
    await subscribe(simulator, HOST, 'secret-one');
    await logs(
      start({ SINCH_WEBHOOK_SECRETS: 'secret-two,secret-one' }),
      /"msg":"The service at https:[^"]+ could not be reached from here, [^"]+ · Sinch's webhook \w+ for https:[^"]+: unchanged · It still signs with an older secret\. [^"]*npm run mirror -- webhook register"/,
    );
    expect(await webhooksOf(simulator)).toMatchObject([{ secret: 'secret-one' }]);
    await logs(start({ SINCH_WEBHOOK_SECRETS: 'secret-two' }), /: updated \(secret\)"/);
    expect(await webhooksOf(simulator)).toMatchObject([{ secret: 'secret-two' }]);
    await logs(
      start({ SINCH_APP_ID: 'unknown' }),
      /"level":50,[^\n]*The webhook was not registered: Sinch, listWebhooks: 404 NOT_FOUND: [^"]*[^.]\. Sinch does not find/,
    );
  });

  it('gives Sinch no target that would lose what is sent there, and the right one once it answers', async () => {
    const receiver = await Receiver.start();
    open.push({ close: () => receiver.stop() });
    receiver.answer = () => 404;
    const service = start({ PUBLIC_URL: receiver.url });
    await service.until(async () =>
      /"msg":"The webhook is not registered yet: What answers at [^"]+ answers 404 to a signed delivery, /.test(
        await service.ready(),
      ),
    );
    expect(await webhooksOf(simulator)).toEqual([]);
    expect(await service.status('/health/ready')).toBe(200);
    receiver.body = '{"result":"ignored"}';
    receiver.answer = () => 200;
    await service.until(async () => (await webhooksOf(simulator)).length > 0);
    await logs(
      service,
      /"msg":"The service at [^"]+ accepts the secret · Sinch's webhook \w+ for [^"]+: created"/,
    );
  });

  it('waits for Sinch in the background while Sinch is unavailable, and can be stopped meanwhile', async () => {
    // by one seed and one clock, the same app and key each time
    const options = { port: await freePort(), clock: () => 1_718_460_000_000_000_000n };
    const early = await startSimulator(options);
    const access = accessVariables(early);
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
      'WEBHOOK_REGISTER=true requires PUBLIC_URL: set it, or remove WEBHOOK_REGISTER=true\n',
    ]);
  });
});
