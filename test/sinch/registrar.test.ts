import { type Simulator, type SimulatorOptions, startSimulator } from '../../simulator/simulator';
import { TRIGGERS } from '../../src/audit/audit-event.rule';
import type { Identified } from '../../src/sinch/read-answer.rule';
import { Registrar } from '../../src/registration/registrar';
import { SinchClient } from '../../src/sinch/sinch-client';
import { failureOf, setUp } from '../support/sinch/client-setup';
import { ManualClock } from '../support/sinch/manual-clock';
import { hangUp, json, type Seen } from '../support/sinch/stand-in';
import { HOOK, wanted } from '../support/sinch/wanted-webhook';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((opened) => opened.close()));
});

interface Access {
  readonly appId?: string;
  readonly keySecret?: string;
}

function clientOf({ url, ...simulator }: Simulator, access: Access = {}): SinchClient {
  const { projectId, appId, keyId, keySecret } = { ...simulator, ...access };
  const limits = { backoffFirstMs: 2, backoffMaxMs: 10 };
  const client = new SinchClient({ projectId, appId, keyId, keySecret, apiUrl: url, authUrl: url, limits });
  open.unshift(client);
  return client;
}

async function simulate(options: SimulatorOptions = {}) {
  const simulator = await startSimulator(options);
  open.push(simulator);
  const client = clientOf(simulator);
  return { simulator, client, registrar: new Registrar(client, new ManualClock()) };
}

describe('The registrar and a simulated Sinch', () => {
  it('creates a webhook, once', async () => {
    const { simulator, client, registrar } = await simulate();
    const created = await registrar.register(wanted());
    const webhook = {
      id: 'id' in created ? created.id : null,
      app_id: simulator.appId,
      target: HOOK,
      target_type: 'HTTP',
      secret: 'secret-one',
      triggers: TRIGGERS,
      client_credentials: null,
    };
    expect(created.kind).toBe('created');
    expect(await client.listWebhooks()).toEqual([webhook]);
    expect(await registrar.register(wanted())).toMatchObject({ kind: 'unchanged', id: webhook.id });
    expect(await client.listWebhooks()).toEqual([webhook]);
  });

  it('sets target, type, triggers and secret, and leaves everything else', async () => {
    const { client, registrar } = await simulate();
    const credentials = { endpoint: 'https://t.example.com', client_id: 'c', client_secret: 's' };
    const old = { target: 'https://old.example.com/webhooks/sinch', target_type: 'DISMISS', secret: 'old' };
    const made = await client.createWebhook({
      ...old,
      triggers: ['MESSAGE_INBOUND', 'CONTACT_CREATE'],
      client_credentials: credentials,
    });
    const other = await client.createWebhook({ target: 'https://x.example.com/', triggers: ['OPT_IN'] });
    expect(await registrar.register(wanted({ replaces: old.target }))).toMatchObject({
      kind: 'update',
      id: made.id,
      mask: ['target', 'target_type', 'triggers', 'secret'],
      otherTriggers: ['MESSAGE_INBOUND'],
    });
    const now: readonly Identified[] = await client.listWebhooks();
    expect(now).toEqual([
      {
        ...made,
        target: HOOK,
        target_type: 'HTTP',
        secret: 'secret-one',
        triggers: ['MESSAGE_INBOUND', ...TRIGGERS],
      },
      other,
    ]);
    expect((await registrar.register(wanted({ replaces: old.target }))).kind).toBe('unchanged');
    expect(await registrar.register(wanted({ secret: 'secret-two' }))).toMatchObject({ mask: ['secret'] });
  });

  it('refuses where the app has five, and where there is nothing to move', async () => {
    const { client, registrar } = await simulate();
    for (let n = 0; n < 5; n++) await client.createWebhook({ target: `https://x.example.com/${n}` });
    const before = await client.listWebhooks();
    expect((await registrar.register(wanted())).kind).toBe('refused');
    expect((await registrar.register(wanted({ replaces: 'https://y.example.com/' }))).kind).toBe('refused');
    expect(await client.listWebhooks()).toEqual(before);
  });

  it('makes one webhook, however many replicas register at once', async () => {
    const { simulator, client } = await simulate();
    const clients = Array.from({ length: 8 }, () => clientOf(simulator));
    const done = await Promise.all(clients.map((one) => new Registrar(one).register(wanted())));
    expect(done.map(({ kind }) => kind).sort()).toEqual(['created', ...Array<string>(7).fill('unchanged')]);
    expect(await client.listWebhooks()).toHaveLength(1);
  });

  it('passes on that the key, the app or the region is not known', async () => {
    const { simulator } = await simulate();
    const fails = (access: Access) =>
      failureOf(new Registrar(clientOf(simulator, access)).register(wanted()));
    expect((await fails({ keySecret: 'wrong' })).httpStatus).toBe(401);
    expect((await fails({ appId: 'unknown' })).httpStatus).toBe(404);
    simulator.dials.set({ wrongRegion: true });
    expect((await fails({})).httpStatus).toBe(404);
  });

  it('comes through where every third request fails, and never makes a second one', async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { simulator, client, registrar } = await simulate({
        seed,
        dials: { failures: 0.2, throttles: 0.1, lostAnswers: 0.1 },
      });
      let kind = '';
      for (let tries = 0; kind === '' && tries < 10; tries++)
        kind = await registrar.register(wanted()).then(
          (done) => done.kind,
          () => '',
        );
      expect(kind).toBe('created');
      simulator.dials.set({ failures: 0, throttles: 0, lostAnswers: 0 });
      expect(await client.listWebhooks()).toHaveLength(1);
    }
  });
});

describe('The registrar, when it does not know what became of a webhook', () => {
  const made = { id: 'W1', target: HOOK, secret: 'secret-one', triggers: TRIGGERS };
  const list = (...webhooks: object[]) => json(200, { webhooks });
  const methods = (seen: readonly Seen[]) => seen.map(({ method }) => method);

  it('looks before it asks again, and finds it', async () => {
    const { sinch, client, clock } = await setUp();
    sinch.replies.push(list(), hangUp, list(made));
    expect(await new Registrar(client, clock).register(wanted())).toMatchObject({
      kind: 'unchanged',
      id: 'W1',
    });
    expect(methods(sinch.seen)).toEqual(['GET', 'POST', 'GET']);
  });

  it('asks again when it is not there', async () => {
    const { sinch, client, clock } = await setUp();
    sinch.replies.push(list(), json(503, {}), list(), json(200, made));
    expect(await new Registrar(client, clock).register(wanted())).toMatchObject({
      kind: 'created',
      id: 'W1',
    });
    expect(methods(sinch.seen)).toEqual(['GET', 'POST', 'GET', 'POST']);
  });

  it('gives up after three looks', async () => {
    const { sinch, client, clock } = await setUp();
    const taken = json(400, { error: { code: 400, message: 'No secret-one.', status: 'INVALID_ARGUMENT' } });
    sinch.replies.push(list(), taken, list(), taken, list(), taken);
    const failure = await failureOf(new Registrar(client, clock).register(wanted()));
    expect([failure.httpStatus, failure.message]).toEqual([
      400,
      'Sinch, createWebhook: 400 INVALID_ARGUMENT: No …',
    ]);
    expect(sinch.seen).toHaveLength(6);
  });

  it('lists the webhooks again when the one that it updates does not exist any more', async () => {
    const { sinch, client, clock } = await setUp();
    sinch.replies.push(list({ ...made, secret: 'x' }), json(404, {}), list(), json(200, made));
    expect((await new Registrar(client, clock).register(wanted())).kind).toBe('created');
    expect(methods(sinch.seen)).toEqual(['GET', 'PATCH', 'GET', 'POST']);
  });
});
