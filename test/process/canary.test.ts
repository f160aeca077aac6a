import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { callback, contact, sign } from '../support/sinch/callbacks';
import { DataDir, ServiceProcess } from '../support/process/service-process';

/** Stand in what is secret, and in what is personal: no log, figure or error may show them. */
const SECRET = 'canary-secret-7f3a91-of-the-webhook';
const ADMIN_KEY = 'canary-secret-7f3a91-of-the-admin-key';
const WRONG_KEY = 'canary-secret-7f3a91-that-is-no-key-here';
const PHONE = '4915550007777';
const NAME = 'canary-person-3c91e2';
const CANARIES = ['canary-secret-7f3a91', PHONE, NAME];
/** What would look like an entry of the log, were it written as it came. */
const FORGED = '\r\n{"level":60,"msg":"forged-5d1c"}\r\n';
const PROJECT = 'p';
const BASE = `/v1/projects/${PROJECT}`;

const SUBSCRIBER = { kind: 'webhook', url: 'https://93.184.216.34/', headers: { authorization: SECRET } };

const dataDir = DataDir.migrated();
let service: ServiceProcess;
/** The answers to what was refused, with the part of the request that they repeat. */
const refusals: { readonly asked: string; readonly text: string }[] = [];

beforeAll(async () => {
  service = new ServiceProcess({
    DATA_DIR: dataDir.path,
    SINCH_WEBHOOK_SECRETS: SECRET,
    ADMIN_API_KEY: ADMIN_KEY,
    LOG_LEVEL: 'trace',
  });
  await service.ready();
}, 60_000);
afterAll(async () => {
  await ServiceProcess.killAll();
  dataDir.remove();
});

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** Asks by a target as it is, however odd; the status, null where no answer came. */
async function ask(
  method: string,
  target: string,
  { headers = {}, body = '' }: Sent = {},
): Promise<number | null> {
  const { port, hostname } = new URL(service.base);
  return await new Promise((resolve) => {
    const request = httpRequest({
      port,
      hostname,
      method,
      path: target,
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        'content-length': Buffer.byteLength(body),
        ...headers,
      },
    });
    request.once('error', () => {
      resolve(null);
    });
    request.once('response', (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.once('close', () => {
        const status = response.statusCode ?? 0;
        if (status >= 400) refusals.push({ asked: target, text });
        resolve(status);
      });
    });
    request.end(body);
  });
}

const deliver = (body: Buffer, headers = sign(body, SECRET)): Promise<number | null> =>
  ask('POST', '/webhooks/sinch', { headers, body });
const json = (value: unknown): Sent => ({
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});
const says = (id: string): Record<string, unknown> =>
  contact(id, {
    display_name: `${NAME}${FORGED}`,
    email: `${NAME}@example.com`,
    channel_identities: [{ channel: 'SMS', identity: PHONE, app_id: '' }],
  });
const tell = (told: Parameters<typeof callback>[0]): Buffer =>
  callback(told, BigInt(Date.now()) * 1_000_000n, { project_id: PROJECT });

async function sendEverything(): Promise<void> {
  for (const id of [`A ${NAME}`, `B ${NAME}${FORGED}`, `C ${PHONE}`])
    await deliver(tell({ create: says(id) }));
  await deliver(tell({ merge: { survivor: says(`A ${NAME}`), loser: says(`C ${PHONE}`) } }));
  await deliver(tell({ delete: says(`D ${NAME}`) }));
  await deliver(tell({ duplicates: [{ channel: 'SMS', contact_ids: [`A ${NAME}`, `B ${NAME}`] }] }));
  const good = tell({ create: says('E') });
  await deliver(good, sign(good, WRONG_KEY));
  await deliver(good, { ...sign(good, SECRET), 'x-sinch-webhook-signature': SECRET });
  await deliver(good, sign(good, SECRET, { timestamp: '1700000000' }));
  for (const body of [`{"project_id":"${NAME}"`, `"${NAME}"`, `{"a":"${NAME}\\ud800"}`])
    await deliver(Buffer.from(body));
  await deliver(Buffer.from(JSON.stringify({ project_id: PROJECT, [`${NAME}_notification`]: says('F') })));
  await deliver(Buffer.from(`"${NAME}${'x'.repeat(2_000_000)}"`));

  const id = encodeURIComponent(`A ${NAME}`);
  const forged = encodeURIComponent(`${NAME}${FORGED}`);
  for (const path of [
    `${BASE}/contacts?phone=%2B${PHONE}`,
    `${BASE}/contacts?q=${NAME}`,
    `${BASE}/contacts?email=${NAME}%40example.com&status=all`,
    `${BASE}/contacts?${NAME}=1`,
    `${BASE}/contacts?page_token=${NAME}`,
    `${BASE}/contacts/${id}`,
    `${BASE}/contacts/${id}/history`,
    `${BASE}/contacts/${forged}`,
    `${BASE}/contacts/none-${PHONE}`,
    `${BASE}/contacts:export`,
    `${BASE}/audit-events:export?format=csv`,
    `${BASE}/audit-events?contact_id=${forged}`,
    `${BASE}/duplicates`,
    `${BASE}/merges`,
    `/v1/projects/${forged}/contacts`,
    '/v1/quarantine',
    `/${NAME}/%zz?key=${ADMIN_KEY}`,
    `/webhooks/${forged}`,
  ])
    await ask('GET', path);
  await ask('POST', `${BASE}/contacts:resolve`, json({ ids: [NAME, PHONE, FORGED] }));
  await ask('POST', `${BASE}/contacts:batchGet`, json({ ids: [NAME], on_merged: NAME }));
  await ask('POST', `${BASE}/contacts:resolve`, { headers: { 'content-type': NAME }, body: NAME });
  await ask(
    'POST',
    `${BASE}/merges`,
    json({ survivor_id: NAME, loser_id: PHONE, reason: `${NAME}${FORGED}` }),
  );
  await ask('POST', '/v1/api-keys', json({ name: FORGED, scopes: ['ops'], project_ids: [NAME] }));
  await ask('POST', '/v1/api-keys', json({ name: 'x', scopes: [NAME], project_ids: [PHONE] }));
  await ask('PUT', `${BASE}/contacts/${id}/references/crm/${PHONE}`);
  for (const destination of [SUBSCRIBER, { ...SUBSCRIBER, url: 'https://127.0.0.1/' }, { kind: SECRET }])
    await ask(
      'POST',
      `${BASE}/subscriptions`,
      json({ name: `${NAME} ${randomUUID()}`, purpose: 'trigger', destination }),
    );
  await ask('POST', '/oauth2/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: '' },
    body: `grant_type=client_credentials&client_id=${NAME}&client_secret=${WRONG_KEY}`,
  });
  for (const authorization of [`Bearer ${WRONG_KEY}`, `Basic ${WRONG_KEY}`, WRONG_KEY, ''])
    await ask('GET', `${BASE}/contacts`, { headers: { authorization } });
  await ask('GET', `${BASE}/contacts`, {
    headers: { traceparent: `00-${NAME}-00`, 'user-agent': NAME, cookie: SECRET, 'idempotency-key': NAME },
  });
  await ask('POST', `${BASE}/merges`, { ...json({}), headers: { 'idempotency-key': `${PHONE} ${NAME}` } });
  await ask(NAME.toUpperCase(), `/${NAME}`);
}

it('shows neither a secret nor a person in its log, its figures and its errors, also while Postgres fails', async () => {
  await sendEverything();
  // the server is killed, and comes back by itself: what is sent meanwhile fails in every way
  process.kill(dataDir.postmasterPid, 'SIGKILL');
  const until = Date.now() + 4_000;
  while (Date.now() < until) {
    await Promise.all([
      deliver(tell({ create: says(`${NAME} ${randomUUID()}`) })),
      ask('GET', `${BASE}/contacts?phone=${PHONE}`),
      ask('GET', `${BASE}/contacts:export`),
      ask('POST', '/v1/api-keys', json({ name: NAME, scopes: ['ops'], project_ids: [NAME] })),
      ask(
        'POST',
        `${BASE}/subscriptions`,
        json({ name: randomUUID(), purpose: 'trigger', destination: SUBSCRIBER }),
      ),
    ]);
    await delay(20);
  }
  await service.until(async () => (await service.status('/health/ready')) === 200);
  await sendEverything();
  const metrics = await (
    await fetch(`${service.base}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })
  ).text();
  expect(metrics).toContain('mirror_deliveries_total');
  const { stdout, stderr } = await service.stop();

  for (const canary of CANARIES) {
    const inLog = stdout.split('\n').filter((line) => line.includes(canary));
    expect([canary, inLog, stderr.includes(canary), metrics.includes(canary)]).toEqual([
      canary,
      [],
      false,
      false,
    ]);
  }
  // an answer repeats the target that was asked for, and what of the request it is about; never what authorises
  expect(refusals.length).toBeGreaterThan(40);
  const secrets = refusals.filter(
    ({ asked, text }) => !asked.includes(ADMIN_KEY) && text.includes('canary-secret'),
  );
  expect(secrets).toEqual([]);
}, 90_000);

it('has one log entry a line, and none was forged', async () => {
  const { stdout } = await service.ended;
  const [banner = '', ...lines] = stdout.split(/\n(?=\{)/);
  expect(banner).not.toContain('forged-5d1c');
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines.flatMap((each) => each.trimEnd().split('\n'))) {
    if (!line.startsWith('{')) continue; // the banner, which comes once the service is ready
    const entry = JSON.parse(line) as { readonly level: number };
    expect(typeof entry.level).toBe('number');
    expect(line).not.toContain('"msg":"forged-5d1c"');
  }
});
