import { inspect } from 'node:util';
import { Agent, interceptors, type Dispatcher } from 'undici';
import { Connector, type ConnectorOptions } from '../../src/egress/connector';
import { EgressError } from '../../src/egress/egress-error';
import type { EgressReason } from '../../src/egress/egress-reason.rule';
import { readNetworks, type Network } from '../../src/egress/read-networks.rule';
import type { Resolve } from '../../src/egress/resolve-name';
import { canMakeCertificates, makeCertificate, type Certificate } from '../support/egress/certificate';
import { ConnectHook, type ConnectHookOptions } from '../support/egress/connect-hook';
import { ipv4Forms, ipv6Forms } from '../support/egress/host-forms';
import { Listener } from '../support/egress/listener';
import { until } from '../support/until';

const publicOne = '93.184.216.34';
const publicTwo = '2606:4700:4700::1111';
const name = 'hooks.example.com';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function listening(started: Promise<Listener>): Promise<Listener> {
  const listener = await started;
  ends.push(() => {
    listener.stop();
  });
  return listener;
}

/** Nothing but loopback is let through, unless a test says more. */
function hooked(goes: ConnectHookOptions['goes'] = (): 'refused' => 'refused'): ConnectHook {
  const isLoopback = (address: string): boolean => address.startsWith('127.') || address === '::1';
  const hook = new ConnectHook({ goes: (address) => (isLoopback(address) ? 'through' : goes(address)) });
  ends.push(() => {
    hook.remove();
  });
  return hook.install();
}

/** Answers with one list after the other, the last one for ever, and counts. */
function resolving(...lists: readonly (readonly string[])[]): Resolve & { asked: string[] } {
  const asked: string[] = [];
  const resolve = (asked_: string): Promise<readonly string[]> => {
    asked.push(asked_);
    return Promise.resolve(lists[Math.min(asked.length, lists.length) - 1] ?? []);
  };
  return Object.assign(resolve, { asked });
}

function networks(text: string): readonly Network[] {
  const reading = readNetworks(text);
  if (reading.kind === 'networks') return reading.networks;
  throw new Error(reading.reason);
}

const loopback = networks('127.0.0.0/8');

function connectorOf(options: Partial<ConnectorOptions> = {}): Connector {
  return new Connector({ allowed: [], connectMaxMs: 5_000, ...options });
}

function agentOf(connector: Connector): Agent {
  const agent = new Agent({ connect: connector.forHttp });
  ends.push(() => agent.destroy());
  return agent;
}

async function get(dispatcher: Dispatcher, url: string): Promise<number> {
  const { origin, pathname } = new URL(url);
  const { statusCode, body } = await dispatcher.request({ origin, path: pathname, method: 'GET' });
  await body.dump();
  return statusCode;
}

/** The error that a connection, or a request, fails with. */
async function failureOf(attempt: Promise<unknown>): Promise<EgressError> {
  const outcome = await attempt.then(
    () => new Error('It succeeded'),
    (error: unknown) => error,
  );
  if (outcome instanceof EgressError) return outcome;
  throw outcome;
}

const reasonOf = async (attempt: Promise<unknown>): Promise<EgressReason> =>
  (await failureOf(attempt)).reason;

describe('An address that is not public is not connected to', () => {
  const addresses = { loopback: 0x7f000001, metadata: 0xa9fea9fe, private: 0x0a000001, unspecified: 0 };

  it.each(Object.entries(addresses))('in any form: %s', async (_name, bits) => {
    const listener = await listening(Listener.http());
    const hook = hooked();
    const connector = connectorOf();
    const agent = agentOf(connector);
    for (const form of [...ipv4Forms(bits), ...ipv6Forms(bits)]) {
      const inUrl = form.includes(':') && !form.startsWith('[') ? `[${form}]` : form;
      expect([form, await reasonOf(connector.open(form, listener.port))]).toEqual([form, 'address-refused']);
      expect([form, await reasonOf(get(agent, `http://${inUrl}:${listener.port}/`))]).toEqual([
        form,
        'address-refused',
      ]);
    }
    expect([hook.attempts, listener.connections]).toEqual([[], 0]);
  });

  it.each([
    [['127.0.0.1']],
    [[publicOne, '10.0.0.1']],
    [['10.0.0.1', publicOne]],
    [[publicOne, publicTwo, 'fd00:ec2::254']],
    [[publicOne, '::ffff:169.254.169.254']],
    [[publicOne, 'fe80::1%eth0']],
    [[publicOne, '']],
  ])('behind a name with the addresses %j', async (found) => {
    const hook = hooked();
    const connector = connectorOf({ resolve: resolving(found) });
    expect(await reasonOf(connector.open(name, 443))).toBe('address-refused');
    expect(await reasonOf(get(agentOf(connector), `https://${name}/`))).toBe('address-refused');
    expect(hook.attempts).toEqual([]);
  });

  it('after a name was public: each connection asks once, and goes where the answer says', async () => {
    const listener = await listening(Listener.http());
    const hook = hooked();
    const resolve = resolving([publicOne], ['127.0.0.1']);
    const connector = connectorOf({ resolve });
    expect(await reasonOf(connector.open(name, listener.port))).toBe('connect-refused');
    expect([hook.attempts, resolve.asked]).toEqual([[publicOne], [name]]);
    expect(await reasonOf(connector.open(name, listener.port))).toBe('address-refused');
    expect([hook.attempts, resolve.asked]).toEqual([[publicOne], [name, name]]);
    expect(listener.connections).toBe(0);
  });

  it('by a redirect, whether it is followed or not', async () => {
    const listener = await listening(
      Listener.http(null, (_request, response) => {
        response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
      }),
    );
    const hook = hooked();
    const agent = agentOf(connectorOf({ allowed: loopback, resolve: resolving(['127.0.0.1']) }));
    const url = `http://${name}:${listener.port}/`;
    expect(await get(agent, url)).toBe(307);
    const following = agent.compose(interceptors.redirect({ maxRedirections: 3 }));
    expect(await reasonOf(get(following, url))).toBe('address-refused');
    expect(new Set(hook.attempts)).toEqual(new Set(['127.0.0.1']));
  });

  it('by a network that leads elsewhere than the address says', async () => {
    const listener = await listening(Listener.http());
    hooked(() => ({ host: '127.0.0.1', port: listener.port }));
    const connector = connectorOf({ resolve: resolving([publicOne]) });
    expect(await reasonOf(connector.open(name, 443))).toBe('address-refused');
    expect(await reasonOf(get(agentOf(connector), `http://${name}/`))).toBe('address-refused');
    await until(() => listener.connections === 2 && listener.open === 0);
    expect(listener.seen).toEqual([]);
  });

  it.each([
    '',
    '/var/run/postgresql',
    'user@127.0.0.1',
    '127.0.0.1:80',
    'lo%63alhost',
    '[::1]:80',
    '127.0.0.1/',
  ])('nor is what is no host: %j', async (host) => {
    const hook = hooked();
    const resolve = resolving(['127.0.0.1']);
    expect(await reasonOf(connectorOf({ resolve }).open(host, 443))).toBe('address-refused');
    expect([hook.attempts, resolve.asked]).toEqual([[], []]);
  });
});

describe('A public host', () => {
  it('is connected to by its vetted addresses, in their order', async () => {
    const hook = hooked();
    const resolve = resolving([publicOne, publicTwo]);
    const connector = connectorOf({ resolve });
    expect(await reasonOf(connector.open('HOOKS.Example.com.', 443))).toBe('connect-refused');
    expect(await reasonOf(get(agentOf(connector), `https://${name}/`))).toBe('connect-refused');
    expect(hook.attempts).toEqual([publicOne, publicTwo, publicOne, publicTwo]);
    expect(resolve.asked).toEqual([name, name]);
  });

  it('may be an address', async () => {
    const hook = hooked();
    const connector = connectorOf({ resolve: resolving(['127.0.0.1']) });
    for (const host of [publicOne, '0x5db8d822', publicTwo, `[${publicTwo}]`])
      expect(await reasonOf(connector.open(host, 443))).toBe('connect-refused');
    expect(hook.attempts).toEqual([publicOne, publicOne, publicTwo, publicTwo]);
  });

  it('is vetted without a connection', async () => {
    const hook = hooked();
    await connectorOf({ resolve: resolving([publicOne, publicTwo]) }).vet(name);
    await connectorOf().vet(publicOne);
    for (const found of [['127.0.0.1'], [publicOne, '10.0.0.1'], ['::ffff:169.254.169.254']])
      expect(await reasonOf(connectorOf({ resolve: resolving(found) }).vet(name))).toBe('address-refused');
    for (const host of ['127.1', '0x7f000001', '[::1]', 'a b', 'localhost'])
      expect(await reasonOf(connectorOf().vet(host))).toBe('address-refused');
    const unknown = (): Promise<never> => Promise.reject(Object.assign(new Error(), { code: 'ENOTFOUND' }));
    expect(await failureOf(connectorOf({ resolve: unknown }).vet(name))).toMatchObject({
      reason: 'dns',
      code: 'ENOTFOUND',
    });
    expect(
      await reasonOf(
        connectorOf({ connectMaxMs: 20, resolve: () => new Promise(() => undefined) }).vet(name),
      ),
    ).toBe('timeout');
    expect(hook.attempts).toEqual([]);
  });

  it('is not reached through a proxy of the environment', async () => {
    const proxy = await listening(Listener.http());
    const hook = hooked();
    const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy', 'ALL_PROXY'];
    for (const one of names) process.env[one] = `http://127.0.0.1:${proxy.port}`;
    ends.push(() => {
      for (const one of names) Reflect.deleteProperty(process.env, one);
    });
    const agent = agentOf(connectorOf({ resolve: resolving([publicOne]) }));
    for (const url of [`http://${name}/`, `https://${name}/`])
      expect(await reasonOf(get(agent, url))).toBe('connect-refused');
    expect([hook.attempts, proxy.connections]).toEqual([[publicOne, publicOne], 0]);
  });
});

describe('A network that is allowed', () => {
  it('is connected to, with the name in Host', async () => {
    const listener = await listening(Listener.http());
    const agent = agentOf(connectorOf({ allowed: loopback, resolve: resolving(['127.0.0.1']) }));
    expect(await get(agent, `http://${name}:${listener.port}/`)).toBe(200);
    expect(await get(agent, `http://127.1:${listener.port}/`)).toBe(200);
    expect(listener.seen).toEqual([
      { host: `${name}:${listener.port}`, servername: null },
      { host: `127.0.0.1:${listener.port}`, servername: null },
    ]);
  });

  it('opens no other one', async () => {
    const connector = connectorOf({ allowed: loopback, resolve: resolving(['127.0.0.1', '10.0.0.1']) });
    expect(await reasonOf(connector.open(name, 443))).toBe('address-refused');
    expect(await reasonOf(connector.open('::1', 443))).toBe('address-refused');
  });

  it('has a socket for every protocol', async () => {
    const listener = await listening(Listener.silent());
    const connector = connectorOf({ allowed: loopback, resolve: resolving(['127.0.0.1']) });
    const socket = await connector.open(name, listener.port);
    expect([socket.remoteAddress, socket.remotePort]).toEqual(['127.0.0.1', listener.port]);
    socket.destroy();
  });

  it('is reached by the next address where one does not answer', async () => {
    const listener = await listening(Listener.silent());
    const allowed = networks('127.0.0.0/8, ::1');
    const connector = connectorOf({ allowed, resolve: resolving(['::1', '127.0.0.1']) });
    const socket = await connector.open(name, listener.port);
    expect(socket.remoteAddress).toBe('127.0.0.1');
    socket.destroy();
  });
});

(canMakeCertificates ? describe : describe.skip)('TLS', () => {
  let certificate: Certificate;
  let options: { allowed: typeof loopback; resolve: Resolve; ca: string };

  beforeAll(() => {
    certificate = makeCertificate(`DNS:${name},IP:127.0.0.1`);
    options = { allowed: loopback, resolve: resolving(['127.0.0.1']), ca: certificate.cert };
  });

  it('names the host in SNI and Host, and verifies its name', async () => {
    const listener = await listening(Listener.http(certificate));
    const agent = agentOf(connectorOf(options));
    expect(await get(agent, `https://${name}:${listener.port}/`)).toBe(200);
    // an address is not named in SNI (RFC 6066, 3)
    expect(await get(agent, `https://127.0.0.1:${listener.port}/`)).toBe(200);
    expect(listener.seen).toEqual([
      { host: `${name}:${listener.port}`, servername: name },
      { host: `127.0.0.1:${listener.port}`, servername: null },
    ]);
  });

  it('is refused with a certificate of another name, of nobody, and without TLS', async () => {
    const listener = await listening(Listener.http(certificate));
    const plain = await listening(Listener.http());
    const closing = await listening(Listener.closing());
    const trusting = agentOf(connectorOf(options));
    const another = await failureOf(get(trusting, `https://other.example.com:${listener.port}/`));
    expect(another).toMatchObject({ reason: 'tls', code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    const agent = agentOf(connectorOf({ allowed: loopback, resolve: options.resolve }));
    const selfSigned = await failureOf(get(agent, `https://${name}:${listener.port}/`));
    expect(selfSigned).toMatchObject({ reason: 'tls', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    for (const { port } of [plain, closing])
      expect(await reasonOf(get(trusting, `https://${name}:${port}/`))).toBe('tls');
    await until(() => listener.open === 0 && plain.open === 0);
    expect([...listener.seen, ...plain.seen]).toEqual([]);
  });
});

describe('A connection that does not come about', () => {
  it.each([
    ['a resolver that does not answer', { resolve: () => new Promise<never>(() => undefined) }],
    ['an address that does not answer', { resolve: resolving([publicOne]) }],
    ['several addresses that do not answer', { resolve: resolving([publicOne, publicTwo]) }],
  ])('takes no longer than it may: %s', async (_what, options) => {
    hooked(() => 'silent');
    const connector = connectorOf({ ...options, connectMaxMs: 50 });
    expect(await failureOf(connector.open(name, 443))).toMatchObject({
      reason: 'timeout',
      code: 'ETIMEDOUT',
    });
    expect(await reasonOf(get(agentOf(connector), `https://${name}/`))).toBe('timeout');
  });

  it('takes no longer than it may: a server that begins no TLS; and its connection is closed', async () => {
    const listener = await listening(Listener.silent());
    const connector = connectorOf({
      allowed: loopback,
      resolve: resolving(['127.0.0.1']),
      connectMaxMs: 50,
    });
    expect(await reasonOf(get(agentOf(connector), `https://${name}:${listener.port}/`))).toBe('timeout');
    await until(() => listener.connections === 1 && listener.open === 0);
  });

  it('connects to nothing when a resolver answers too late', async () => {
    const hook = hooked();
    let answer: (found: readonly string[]) => void = () => undefined;
    const answered = new Promise<readonly string[]>((resolve) => {
      answer = resolve;
    });
    const connector = connectorOf({ resolve: () => answered, connectMaxMs: 20 });
    expect(await reasonOf(connector.open(name, 443))).toBe('timeout');
    answer([publicOne]);
    await new Promise(setImmediate);
    expect(hook.attempts).toEqual([]);
  });

  it('has the reason and the code of the system', async () => {
    const failing =
      (code: string): Resolve =>
      () =>
        Promise.reject(Object.assign(new Error(code), { code }));
    const lost = connectorOf({ resolve: failing('ENOTFOUND') }).open(name, 443);
    expect(await failureOf(lost)).toMatchObject({ reason: 'dns', code: 'ENOTFOUND' });
    const empty = connectorOf({ resolve: resolving([]) }).open(name, 443);
    expect(await failureOf(empty)).toMatchObject({ reason: 'dns', code: 'ENODATA' });
    const listener = await listening(Listener.silent());
    listener.stop();
    const refused = connectorOf({ allowed: loopback }).open('127.0.0.1', listener.port);
    expect(await failureOf(refused)).toMatchObject({ reason: 'connect-refused', code: 'ECONNREFUSED' });
  });

  it('never says what the name resolved to', async () => {
    const listener = await listening(Listener.silent());
    listener.stop();
    const failures = [
      await failureOf(connectorOf({ resolve: resolving(['10.11.12.13']) }).open(name, 443)),
      await failureOf(
        connectorOf({ allowed: loopback, resolve: resolving(['127.0.0.1']) }).open(name, listener.port),
      ),
    ];
    for (const failure of failures) {
      const shown = [
        inspect(failure, { depth: 9, showHidden: true }),
        JSON.stringify(failure),
        failure.message,
      ];
      expect(shown.join()).not.toMatch(/10\.11\.12\.13|127\.0\.0\.1/);
    }
  });
});

describe("The operator's word", () => {
  it('is taken: any host, by the names of the operating system', async () => {
    const listener = await listening(Listener.http());
    const agent = agentOf(connectorOf({ allowed: 'any' }));
    for (const host of ['localhost', '127.0.0.1', '127.1', '[::ffff:127.0.0.1]'])
      expect(await get(agent, `http://${host}:${listener.port}/`)).toBe(200);
    expect(listener.connections).toBeGreaterThanOrEqual(3);
  });

  it('has the same reasons and the same limit of time', async () => {
    const resolve = (): Promise<never> => new Promise(() => undefined);
    const connector = connectorOf({ allowed: 'any', resolve, connectMaxMs: 20 });
    expect(await reasonOf(connector.open(name, 443))).toBe('timeout');
    const listener = await listening(Listener.silent());
    listener.stop();
    const open = connectorOf({ allowed: 'any' }).open('127.0.0.1', listener.port);
    expect(await reasonOf(open)).toBe('connect-refused');
  });
});

test('A connection that breaks before its owner listens does not end the process', async () => {
  const listener = await listening(Listener.closing());
  const socket = await connectorOf({ allowed: loopback }).open('127.0.0.1', listener.port);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.destroy(new Error('broken'));
  await closed;
});
