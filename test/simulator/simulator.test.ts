import { SinchClient } from '@sinch/sdk-core';
import { CONTACT_TRIGGERS } from '../../simulator/happening.rule';
import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/simulator';
import { readNotification } from '../../src/audit/commit/read-notification.rule';
import { readTime } from '../../src/json/read-time.rule';
import { verifySignature } from '../../src/webhook/verify-signature.rule';
import { type Answering, Receiver } from '../support/sinch/receiver';
import { until } from '../support/until';

const SECRET = 'foo_secret1234';
const nsPerDay = 86_400_000_000_000n;
const open: { close(): Promise<void> }[] = [];

async function simulate(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  open.push(simulator);
  return simulator;
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((simulator) => simulator.close()));
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

function basic({ keyId, keySecret }: Pick<Simulator, 'keyId' | 'keySecret'>): string {
  return `Basic ${Buffer.from(`${keyId}:${keySecret}`).toString('base64')}`;
}

async function call(
  simulator: Simulator,
  method: string,
  path: string,
  body?: unknown,
  authorization = basic(simulator),
): Promise<Answer> {
  const response = await fetch(`${simulator.url}/v1/projects/${simulator.projectId}${path}`, {
    method,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

async function token(simulator: Simulator, grant = 'client_credentials', authorization = basic(simulator)) {
  const response = await fetch(`${simulator.url}/oauth2/token`, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ grant_type: grant }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

const person = (fields: Record<string, unknown> = {}) => ({
  channel_identities: [{ channel: 'SMS', identity: '+12015555555' }],
  language: 'EN_US',
  ...fields,
});

async function create(simulator: Simulator, fields: Record<string, unknown> = {}): Promise<string> {
  const answer = await call(simulator, 'POST', '/contacts', person(fields));
  expect(answer.status).toBe(200);
  return String(answer.body['id']);
}

function refusal(answer: Answer): unknown {
  const { error } = answer.body as { error?: { status?: unknown } };
  return [answer.status, error?.status];
}

async function subscribe(simulator: Simulator, target: string, fields: Record<string, unknown> = {}) {
  const answer = await call(simulator, 'POST', '/webhooks', {
    app_id: simulator.appId,
    target,
    secret: SECRET,
    triggers: CONTACT_TRIGGERS,
    ...fields,
  });
  expect([answer.status, answer.body]).toEqual([200, answer.body]);
  return answer.body;
}

describe('access', () => {
  it('is by a token that the key gets, or by the key itself', async () => {
    const simulator = await simulate();
    const issued = await token(simulator);
    expect(issued).toMatchObject({
      status: 200,
      body: { expires_in: 3600, token_type: 'bearer', scope: '' },
    });
    const bearer = `Bearer ${String(issued.body['access_token'])}`;
    expect((await call(simulator, 'GET', '/contacts', undefined, bearer)).status).toBe(200);
    expect((await call(simulator, 'GET', '/contacts')).status).toBe(200);
    expect((await token(simulator, 'password')).status).toBe(400);
    expect((await token(simulator, 'client_credentials', 'Basic eDp5')).status).toBe(401);
  });

  it('is refused with 401 without a known token, and names an expired token as expired', async () => {
    const simulator = await simulate();
    const unknown = await call(simulator, 'GET', '/contacts', undefined, 'Bearer nonsense');
    expect(refusal(unknown)).toEqual([401, 'UNAUTHENTICATED']);
    expect(unknown.headers.get('www-authenticate')).not.toContain('expired');
    const issued = await token(simulator);
    simulator.expireTokens();
    const bearer = `Bearer ${String(issued.body['access_token'])}`;
    const expired = await call(simulator, 'GET', '/contacts', undefined, bearer);
    expect([expired.status, expired.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('expired'),
    ]);
  });

  it('lets thirty tokens be had at once, then answers 429 without saying when to come again', async () => {
    const simulator = await simulate();
    const answers = await Promise.all(Array.from({ length: 60 }, () => token(simulator)));
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited.length).toBeGreaterThan(10);
    expect(limited.length).toBeLessThanOrEqual(30);
    expect(limited[0]?.headers.get('retry-after')).toBeNull();
  });

  it('is limited to so many requests a second of the project', async () => {
    const simulator = await simulate({ requestsPerSecond: 20 });
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => call(simulator, 'GET', '/contacts?page_size=1')),
    );
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(20);
    expect(simulator.requests.limited).toBeGreaterThan(20);
  });

  it('finds neither other projects nor, from a wrong region, its own', async () => {
    const simulator = await simulate();
    const other = { ...simulator, projectId: 'another' };
    expect(refusal(await call(other, 'GET', '/contacts'))).toEqual([404, 'NOT_FOUND']);
    simulator.dials.set({ wrongRegion: true });
    expect(refusal(await call(simulator, 'GET', '/contacts'))).toEqual([404, 'NOT_FOUND']);
    expect((await token(simulator)).status).toBe(200);
  });
});

describe('contacts', () => {
  it('are made, read, changed by mask, and deleted for good', async () => {
    const simulator = await simulate();
    const id = await create(simulator, { email: 'a@example.com', metadata: 'opaque' });
    expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    expect((await call(simulator, 'GET', `/contacts/${id}`)).body).toEqual({
      id,
      channel_identities: [{ channel: 'SMS', identity: '12015555555', app_id: '' }],
      channel_priority: [],
      display_name: 'Unknown',
      email: 'a@example.com',
      external_id: '',
      metadata: 'opaque',
      language: 'EN_US',
    });
    const change = { display_name: 'Ada', email: 'b@example.com' };
    const masked = await call(
      simulator,
      'PATCH',
      `/contacts/${id}?update_mask=display_name,metadata`,
      change,
    );
    expect(masked.body).toMatchObject({ display_name: 'Ada', email: 'a@example.com', metadata: '' });
    const identities = [
      { channel: 'MESSENGER', identity: '+7', app_id: simulator.appId },
      { channel: 'APPLEBC', identity: '9KC0p+pi4zPGFO99ACDxdQ==' },
    ];
    const whole = await call(simulator, 'PATCH', `/contacts/${id}`, { channel_identities: identities });
    expect(whole.body).toMatchObject({
      display_name: 'Ada',
      channel_identities: [identities[0], { ...identities[1], app_id: '' }],
    });
    expect(simulator.find(id)).toEqual(whole.body);
    const deleted = await call(simulator, 'DELETE', `/contacts/${id}`);
    expect([deleted.status, deleted.body]).toEqual([200, {}]);
    for (const method of ['GET', 'DELETE'])
      expect(refusal(await call(simulator, method, `/contacts/${id}`))).toEqual([404, 'NOT_FOUND']);
    expect(refusal(await call(simulator, 'PATCH', `/contacts/${id}`, change))).toEqual([404, 'NOT_FOUND']);
  });

  it('are refused where they are not as Sinch has them', async () => {
    const simulator = await simulate();
    const wrong = [
      person({ language: 'XX' }),
      person({ channel_identities: [] }),
      person({ channel_identities: [{ channel: 'PIGEON', identity: '1' }] }),
      person({ channel_identities: [{ channel: 'SMS' }] }),
      person({ channel_identities: [{ channel: 'LINE', identity: 'no app' }] }),
      person({ metadata: 'x'.repeat(1025) }),
      person({ email: 7 }),
      [],
    ];
    for (const body of wrong)
      expect(refusal(await call(simulator, 'POST', '/contacts', body))).toEqual([400, 'INVALID_ARGUMENT']);
    const id = await create(simulator);
    const unknown = await call(simulator, 'PATCH', `/contacts/${id}?update_mask=id,name`, {});
    expect(refusal(unknown)).toEqual([400, 'INVALID_ARGUMENT']);
    expect(simulator.contacts()).toHaveLength(1);
  });

  it('may have Viber Bot identities, and masks that name the id, as Sinch’s own clients send them', async () => {
    const simulator = await simulate();
    const viber = { channel: 'VIBER', identity: 'v1', app_id: '' };
    const id = await create(simulator, { channel_identities: [viber] });
    const changed = await call(simulator, 'PATCH', `/contacts/${id}?update_mask=id,display_name`, {
      id,
      display_name: 'Ada',
    });
    expect(changed.body).toMatchObject({ id, display_name: 'Ada', channel_identities: [viber] });
  });

  it('tell the profile name of a recipient, by contact or by identity', async () => {
    const simulator = await simulate();
    const messenger = { channel: 'MESSENGER', identity: '7001', app_id: simulator.appId };
    const id = await create(simulator, { display_name: 'Ada', channel_identities: [messenger] });
    const profileOf = (recipient: unknown) =>
      call(simulator, 'POST', '/contacts:getChannelProfile', {
        app_id: simulator.appId,
        recipient,
        channel: 'MESSENGER',
      });
    for (const recipient of [{ contact_id: id }, { identified_by: { channel_identities: [messenger] } }])
      expect((await profileOf(recipient)).body).toEqual({ profile_name: 'Ada' });
    for (const recipient of [
      { contact_id: 'nobody' },
      { identified_by: { channel_identities: [{ ...messenger, identity: '7002' }] } },
    ])
      expect(refusal(await profileOf(recipient))).toEqual([404, 'NOT_FOUND']);
    expect(refusal(await profileOf({}))).toEqual([400, 'INVALID_ARGUMENT']);
  });

  it('are merged as Sinch merges them, and the source is deleted', async () => {
    const simulator = await simulate();
    const kept = await create(simulator, { display_name: 'Ada', channel_priority: ['SMS'] });
    const source = await create(simulator, {
      channel_identities: [
        { channel: 'SMS', identity: '46700000000' },
        { channel: 'WHATSAPP', identity: '46700000000' },
      ],
      display_name: 'Ada L.',
      email: 'ada@example.com',
    });
    const merge = (body: unknown) => call(simulator, 'POST', `/contacts/${kept}:merge`, body);
    for (const body of [{}, { source_id: source, strategy: 'UNION' }, { source_id: kept }])
      expect(refusal(await merge(body))).toEqual([400, 'INVALID_ARGUMENT']);
    expect(refusal(await merge({ source_id: 'nobody' }))).toEqual([404, 'NOT_FOUND']);
    const merged = await merge({ source_id: source, strategy: 'MERGE' });
    expect([merged.status, merged.body]).toEqual([
      200,
      {
        id: kept,
        channel_identities: [
          { channel: 'SMS', identity: '12015555555', app_id: '' },
          { channel: 'WHATSAPP', identity: '46700000000', app_id: '' },
        ],
        channel_priority: ['SMS', 'WHATSAPP'],
        display_name: 'Ada',
        email: 'ada@example.com',
        external_id: '',
        metadata: '',
        language: 'EN_US',
      },
    ]);
    expect((await call(simulator, 'GET', `/contacts/${source}`)).status).toBe(404);
    expect(refusal(await merge({ source_id: source }))).toEqual([404, 'NOT_FOUND']);
  });

  it('are listed in pages of ten, at most twenty, to the end', async () => {
    const simulator = await simulate();
    simulator.seed(47);
    const first = await call(simulator, 'GET', '/contacts');
    expect(first.body['contacts']).toHaveLength(10);
    const ids: unknown[] = [];
    let next = '';
    do {
      const page = await call(simulator, 'GET', `/contacts?page_size=20&page_token=${next}`);
      ids.push(...(page.body['contacts'] as { id: string }[]).map(({ id }) => id));
      next = String(page.body['next_page_token']);
    } while (next !== '');
    expect(ids).toEqual(simulator.contacts().map(({ id }) => id));
    for (const query of ['page_size=21', 'page_size=-1', 'page_size=x', 'page_token=$$$x', 'page_token=YWJj'])
      expect(refusal(await call(simulator, 'GET', `/contacts?${query}`))).toEqual([400, 'INVALID_ARGUMENT']);
  });

  it('are found by external id, or by channel and identity, but not by both', async () => {
    const simulator = await simulate();
    const one = await create(simulator, { external_id: 'crm-1' });
    const two = await create(simulator, { external_id: 'crm-2' });
    const ids = async (query: string) =>
      ((await call(simulator, 'GET', `/contacts?${query}`)).body['contacts'] as { id: string }[]).map(
        ({ id }) => id,
      );
    expect(await ids('external_id=crm-2')).toEqual([two]);
    expect(await ids('channel=SMS&identity=12015555555')).toEqual([one, two]);
    expect(await ids('channel=RCS&identity=12015555555')).toEqual([]);
    for (const query of ['channel=SMS', 'identity=1', 'external_id=crm-1&channel=SMS&identity=1'])
      expect(refusal(await call(simulator, 'GET', `/contacts?${query}`))).toEqual([400, 'INVALID_ARGUMENT']);
    const rcs = await create(simulator, {
      channel_identities: [{ channel: 'RCS', identity: '12015555555' }],
    });
    expect((await call(simulator, 'GET', '/contacts:identityConflicts')).body).toEqual({
      conflicts: [{ identity: '12015555555', channels: ['RCS', 'SMS'], contact_ids: [one, two, rcs] }],
      next_page_token: '',
    });
  });
});

describe('webhooks', () => {
  it('are made, read, changed and deleted, their secrets in clear', async () => {
    const simulator = await simulate();
    const made = await subscribe(simulator, 'http://127.0.0.1:9/one');
    const id = String(made['id']);
    expect(made).toEqual({
      id,
      app_id: simulator.appId,
      target: 'http://127.0.0.1:9/one',
      target_type: 'HTTP',
      secret: SECRET,
      triggers: [...CONTACT_TRIGGERS],
      client_credentials: null,
    });
    const listed = await call(simulator, 'GET', `/apps/${simulator.appId}/webhooks`);
    expect(listed.body).toEqual({ webhooks: [made] });
    const changed = await call(simulator, 'PATCH', `/webhooks/${id}?update_mask=triggers`, {
      triggers: ['CONTACT_MERGE'],
      secret: 'not in the mask',
    });
    expect(changed.body).toEqual({ ...made, triggers: ['CONTACT_MERGE'] });
    expect((await call(simulator, 'GET', `/webhooks/${id}`)).body).toEqual(changed.body);
    expect((await call(simulator, 'DELETE', `/webhooks/${id}`)).body).toEqual({});
    expect((await call(simulator, 'GET', `/webhooks/${id}`)).status).toBe(404);
  });

  it('are five of an app at most, each with a target of its own, of 742 characters at most', async () => {
    const simulator = await simulate({ apps: 2 });
    const [app, other] = simulator.appIds;
    for (let n = 0; n < 5; n++) {
      await subscribe(simulator, `http://127.0.0.1:9/${n}`);
      if (n === 0) await subscribe(simulator, 'http://127.0.0.1:9/0', { app_id: other });
    }
    const add = (fields: Record<string, unknown>) =>
      call(simulator, 'POST', '/webhooks', { app_id: other, target: 'http://h/', triggers: [], ...fields });
    expect(refusal(await add({ app_id: app }))).toEqual([400, 'INVALID_ARGUMENT']);
    for (const fields of [
      { target: 'http://127.0.0.1:9/0' },
      { target: `http://h/${'x'.repeat(734)}` },
      { target: 'gopher://h/' },
      { target: 'https://conversation-api.prod.sinch.com/' },
      { triggers: ['UNSPECIFIED_TRIGGER'] },
      { target_type: 'GRPC' },
      { app_id: '' },
    ])
      expect([fields, refusal(await add(fields))]).toEqual([fields, [400, 'INVALID_ARGUMENT']]);
    expect(refusal(await add({ app_id: 'nobody' }))).toEqual([404, 'NOT_FOUND']);
    const made = await add({ target: `http://h/${'x'.repeat(733)}` });
    expect(made.status).toBe(200);
    const clash = await call(simulator, 'PATCH', `/webhooks/${String(made.body['id'])}`, {
      target: 'http://127.0.0.1:9/0',
    });
    expect(refusal(clash)).toEqual([400, 'INVALID_ARGUMENT']);
  });

  it('are not made below an app', async () => {
    const simulator = await simulate();
    const answer = await call(simulator, 'POST', `/apps/${simulator.appId}/webhooks`, {});
    expect(refusal(answer)).toEqual([501, 'UNIMPLEMENTED']);
  });
});

describe('errors, dates and delays', () => {
  it('come in each of the three shapes', async () => {
    const simulator = await simulate();
    const shapes = {
      wrapped: { error: { code: 404, status: 'NOT_FOUND', message: expect.any(String), details: [] } },
      unwrapped: { code: 404, status: 'NOT_FOUND', message: expect.any(String), details: [] },
      problem: {
        type: 'about:blank',
        title: 'NOT_FOUND',
        status: 404,
        detail: expect.any(String),
      },
    } as const;
    for (const errorShape of ['wrapped', 'unwrapped', 'problem'] as const) {
      simulator.dials.set({ errorShape });
      const answer = await call(simulator, 'GET', '/contacts/nobody');
      expect([answer.status, answer.body]).toEqual([404, shapes[errorShape]]);
      expect(answer.headers.get('content-type')).toContain(
        errorShape === 'problem' ? 'application/problem+json' : 'application/json',
      );
    }
  });

  it('tell the time of the simulator, a false one, or none', async () => {
    const noon = Date.UTC(2024, 5, 15, 12);
    const simulator = await simulate({ clock: () => BigInt(noon) * 1_000_000n });
    const date = async () => (await call(simulator, 'GET', '/contacts')).headers.get('date');
    expect(await date()).toBe('Sat, 15 Jun 2024 12:00:00 GMT');
    simulator.dials.set({ dateOffsetSeconds: -90 });
    expect(await date()).toBe('Sat, 15 Jun 2024 11:58:30 GMT');
    simulator.dials.set({ dateOffsetSeconds: 'missing' });
    expect(await date()).toBeNull();
  });

  it('fail as often as the dials say, and pages take as long', async () => {
    const simulator = await simulate();
    simulator.dials.set({ failures: 0.5 });
    const answers = await Promise.all(Array.from({ length: 60 }, () => call(simulator, 'GET', '/contacts')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 500, 503]));
    simulator.dials.set({ failures: 0, throttles: 1 });
    expect(refusal(await call(simulator, 'GET', '/contacts'))).toEqual([429, 'RESOURCE_EXHAUSTED']);
    simulator.dials.set({ throttles: 0, pageLatencyMs: 120 });
    const began = performance.now();
    await call(simulator, 'GET', '/contacts');
    expect(performance.now() - began).toBeGreaterThan(100);
  });

  it('are done, and answered as if they were not', async () => {
    const simulator = await simulate({ dials: { lostAnswers: 1 } });
    const answer = await call(simulator, 'POST', '/contacts', person({ display_name: 'Ann' }));
    expect(refusal(answer)).toEqual([503, 'UNAVAILABLE']);
    expect(simulator.contacts()).toMatchObject([{ display_name: 'Ann' }]);
    simulator.dials.set({ lostAnswers: 0 });
    expect((await call(simulator, 'GET', '/contacts')).body).toMatchObject({
      contacts: [{ display_name: 'Ann' }],
    });
  });

  it('bring thirty thousand contacts in pages of twenty, at little cost', async () => {
    const simulator = await simulate({ requestsPerSecond: 1_000_000 });
    const began = process.cpuUsage();
    simulator.seed(30_000);
    expect(cpuSecondsSince(began)).toBeLessThan(4);
    let next = '';
    const asked = process.cpuUsage();
    for (let n = 0; n < 300; n++) {
      const page = await call(simulator, 'GET', `/contacts?page_size=20&page_token=${next}`);
      next = String(page.body['next_page_token']);
    }
    expect(cpuSecondsSince(asked)).toBeLessThan(3);
  });
});

/** CPU time of this process: unlike time by the clock, other work of the machine hardly changes it. */
function cpuSecondsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000_000;
}

describe('callbacks', () => {
  let receiver: Receiver;
  const FAST = { backOffBaseMs: 5, backOffCapMs: 40, retryPeriodMs: 5_000, timeoutMs: 200 };
  beforeEach(async () => {
    receiver = await Receiver.start();
  });
  afterEach(async () => {
    await receiver.stop();
  });

  it('report every change, signed, each in the shape that the mirror reads', async () => {
    const simulator = await simulate({ apps: 2 });
    await subscribe(simulator, `${receiver.url}/a`);
    await subscribe(simulator, `${receiver.url}/b`, { app_id: simulator.appIds[1] });
    await subscribe(simulator, `${receiver.url}/deletes`, { triggers: ['CONTACT_DELETE'] });
    await subscribe(simulator, `${receiver.url}/dismissed`, { target_type: 'DISMISS' });
    simulator.live(300);
    await simulator.settled();

    const at = (path: string) => receiver.received.filter((received) => received.path === path);
    const triggers = new Map<string, number>();
    const fingerprints = { '/a': new Set<string>(), '/b': new Set<string>() };
    for (const { path, headers, body, json } of receiver.received) {
      const verdict = verifySignature(headers, body, [SECRET], 60, Math.floor(Date.now() / 1000));
      expect(verdict).toMatchObject({ kind: 'signed', fault: null });
      const reading = readNotification(body, BigInt(Date.now()) * 1_000_000n);
      if (reading.kind !== 'event') throw new Error(JSON.stringify(reading));
      const { notification } = reading;
      expect(notification).toMatchObject({ shape: 'sinch', projectId: simulator.projectId });
      expect(json['accepted_time']).toMatch(/\.\d{9}Z$/);
      if (path === '/a' || path === '/b') fingerprints[path].add(notification.fingerprint);
      if (path === '/a')
        triggers.set(notification.content.trigger, 1 + (triggers.get(notification.content.trigger) ?? 0));
    }
    expect([...triggers.keys()].sort()).toEqual([...CONTACT_TRIGGERS].sort());
    expect(fingerprints['/a']).toEqual(fingerprints['/b']);
    expect(fingerprints['/a'].size).toBe(at('/a').length);
    expect(at('/dismissed')).toEqual([]);
    expect(at('/deletes')).toHaveLength(triggers.get('CONTACT_DELETE') ?? 0);
    expect(new Set(at('/b').map(({ json }) => json['app_id']))).toEqual(new Set(['', simulator.appIds[1]]));
    const told = at('/a').length + at('/b').length + at('/deletes').length;
    expect(simulator.deliveries).toMatchObject({ told, sent: told, done: told, retried: 0, lost: 0 });
    const times = at('/a').map(({ json }) => readTime(String(json['accepted_time'])));
    expect(new Set(times).size).toBe(times.length);
  });

  it('reach a webhook though the target of another never answers', async () => {
    const simulator = await simulate({ delivery: { ...FAST, timeoutMs: 60_000, concurrencyMax: 2 } });
    await subscribe(simulator, `${receiver.url}/dead`);
    await subscribe(simulator, `${receiver.url}/alive`);
    receiver.answer = (_count, { path }) => (path === '/dead' ? 'hang' : 200);
    for (let n = 0; n < 10; n++) await create(simulator);
    const alive = () => receiver.received.filter(({ path }) => path === '/alive').length;
    await until(() => alive() === 10);
    expect(receiver.received.filter(({ path }) => path === '/dead')).toHaveLength(2);
  });

  it('report once a contact that Sinch creates for a message from an unknown identity', async () => {
    const simulator = await simulate();
    await subscribe(simulator, receiver.url);
    const sender = { channel: 'WHATSAPP', identity: '46700000001' };
    simulator.receiveMessage(sender, 'Ada');
    simulator.receiveMessage(sender, 'Ada');
    await simulator.settled();
    const [contact] = simulator.contacts();
    expect(contact).toMatchObject({
      display_name: 'Ada',
      channel_identities: [{ ...sender, app_id: '' }],
      language: 'UNSPECIFIED',
    });
    expect(receiver.received.map(({ json }) => json['contact_create_notification'])).toEqual([{ contact }]);
  });

  it('of the past carry the times of the past, in order, and are signed now', async () => {
    const simulator = await simulate();
    await subscribe(simulator, receiver.url);
    simulator.livePast(200, 90);
    simulator.live(10);
    await simulator.settled();
    const now = BigInt(Date.now()) * 1_000_000n;
    const days = new Set(
      receiver.received.map(({ json }) => (now - (readTime(String(json['accepted_time'])) ?? 0n)) / nsPerDay),
    );
    expect([...days].every((day) => day >= 0n && day <= 90n)).toBe(true);
    expect(days.size).toBeGreaterThan(60);
    for (const { headers, body } of receiver.received) {
      const verdict = verifySignature(headers, body, [SECRET], 60, Math.floor(Date.now() / 1000));
      expect(verdict).toMatchObject({ kind: 'signed', fault: null });
    }
  });

  it('come again after 500, 429, a time-out and a broken connection, as they were signed first', async () => {
    const simulator = await simulate({ delivery: FAST });
    await subscribe(simulator, receiver.url);
    const answers: ReturnType<Answering>[] = [500, 429, 'hang', 503, 200];
    receiver.answer = (count) => answers[count - 1] ?? 200;
    await create(simulator);
    await simulator.settled();
    expect(receiver.received).toHaveLength(5);
    const nonces = receiver.received.map(({ headers }) => headers['x-sinch-webhook-signature-nonce']);
    expect(new Set(nonces).size).toBe(1);
    expect(simulator.deliveries).toMatchObject({ told: 1, sent: 5, done: 1, retried: 4, lost: 0 });
  });

  it('are signed again for each retry, where `resign` is set', async () => {
    const simulator = await simulate({ delivery: { ...FAST, resign: true } });
    await subscribe(simulator, receiver.url);
    receiver.answer = (count) => (count < 3 ? 503 : 200);
    await create(simulator);
    await simulator.settled();
    const nonces = receiver.received.map(({ headers }) => headers['x-sinch-webhook-signature-nonce']);
    expect(new Set(nonces).size).toBe(3);
    for (const { headers, body } of receiver.received)
      expect(verifySignature(headers, body, [SECRET], 60, Math.floor(Date.now() / 1000)).kind).toBe('signed');
  });

  it('are lost to any other 4xx, to a retry period that ends, and to the dial', async () => {
    const simulator = await simulate({ delivery: { ...FAST, retryPeriodMs: 1_000 } });
    await subscribe(simulator, receiver.url);
    receiver.answer = () => 400;
    await create(simulator);
    await simulator.settled();
    expect(simulator.deliveries).toMatchObject({ sent: 1, refused: 1, lost: 1, retried: 0 });
    receiver.answer = () => 500;
    await create(simulator);
    await simulator.settled();
    expect(simulator.deliveries).toMatchObject({ expired: 1, lost: 2, done: 0 });
    expect(simulator.deliveries.retried).toBeGreaterThan(0);
    simulator.dials.set({ loss: 1 });
    await create(simulator);
    await simulator.settled();
    expect(simulator.deliveries).toMatchObject({ dropped: 1, lost: 3, done: 0 });
  });

  it('are repeated, overtaken and delayed as the dials say', async () => {
    const simulator = await simulate({ dials: { repeats: 0.5, reorder: 0.5, delayMs: 20 } });
    await subscribe(simulator, receiver.url);
    simulator.live(100);
    await simulator.settled();
    const times = receiver.received.map(({ json }) => String(json['accepted_time']));
    expect(times.length).toBe(simulator.deliveries.told);
    expect(new Set(times).size).toBeLessThan(0.8 * times.length);
    expect(times).not.toEqual([...times].sort());
  });

  it('are given up when the simulator closes', async () => {
    const simulator = await simulate({ delivery: { ...FAST, timeoutMs: 60_000, concurrencyMax: 4 } });
    await subscribe(simulator, receiver.url);
    receiver.answer = () => 'hang';
    simulator.live(50);
    await until(() => receiver.received.length === 4);
    await simulator.close();
    await simulator.settled();
    await until(async () => (await receiver.countConnections()) === 0);
    expect(simulator.deliveries).toMatchObject({ sent: 4, done: 0, retried: 0 });
    expect(simulator.deliveries.told).toBeGreaterThan(4);
    expect(receiver.received).toHaveLength(4);
  });
});

describe("Sinch's published client", () => {
  it('reads and writes contacts and webhooks', async () => {
    // it tells of every answer that is no success
    jest.spyOn(console, 'debug').mockImplementation();
    const simulator = await simulate();
    const { conversation } = new SinchClient({
      projectId: simulator.projectId,
      keyId: simulator.keyId,
      keySecret: simulator.keySecret,
      conversationRegion: 'us',
      authHostname: simulator.url,
      conversationHostname: simulator.url,
    });
    const sms = { channel: 'SMS', identity: '+12015555555' } as const;
    const make = (display_name: string) =>
      conversation.contact.create({
        contactCreateRequestBody: { channel_identities: [sms], language: 'EN_US', display_name },
      });
    const [one, two] = [await make('Ada'), await make('Grace')];
    const [kept, source] = [one.id ?? '', two.id ?? ''];
    expect(await conversation.contact.get({ contact_id: kept })).toEqual(simulator.find(kept));
    const updated = await conversation.contact.update({
      contact_id: kept,
      update_mask: ['email'],
      updateContactRequestBody: { email: 'ada@example.com', display_name: 'not in the mask' },
    });
    expect(updated).toMatchObject({ display_name: 'Ada', email: 'ada@example.com' });
    const conflicts = await conversation.contact.listIdentityConflicts({});
    expect(conflicts.data).toEqual([
      { identity: '12015555555', channels: ['SMS'], contact_ids: [kept, source] },
    ]);
    simulator.expireTokens();
    await conversation.contact.mergeContact({
      destination_id: kept,
      mergeContactRequestBody: { source_id: source },
    });
    await expect(conversation.contact.get({ contact_id: source })).rejects.toMatchObject({ statusCode: 404 });
    simulator.seed(24);
    const ids: unknown[] = [];
    for await (const { id } of conversation.contact.list({ page_size: 10 })) ids.push(id);
    expect(ids).toEqual(simulator.contacts().map(({ id }) => id));
    await conversation.contact.delete({ contact_id: kept });
    expect(simulator.find(kept)).toBeNull();

    const webhook = await conversation.webhooks.create({
      webhookCreateRequestBody: {
        app_id: simulator.appId,
        target: 'http://127.0.0.1:9/',
        target_type: 'HTTP',
        secret: SECRET,
        triggers: ['CONTACT_CREATE'],
      },
    });
    expect(webhook.secret).toBe(SECRET);
    const webhook_id = webhook.id ?? '';
    const changed = await conversation.webhooks.update({
      webhook_id,
      update_mask: ['triggers'],
      webhookUpdateRequestBody: {
        app_id: simulator.appId,
        target: 'http://127.0.0.1:9/',
        target_type: 'HTTP',
        triggers: ['CONTACT_MERGE'],
      },
    });
    expect(changed.triggers).toEqual(['CONTACT_MERGE']);
    const listed = await conversation.webhooks.list({ app_id: simulator.appId });
    expect(listed.webhooks?.map(({ id }) => id)).toEqual([webhook_id]);
    await conversation.webhooks.delete({ webhook_id });
    expect((await conversation.webhooks.list({ app_id: simulator.appId })).webhooks).toEqual([]);
  });
});
