import { isIP } from 'node:net';
import { Agent, interceptors, type Dispatcher } from 'undici';
import { Connector } from '../src/egress/connector';
import { EgressError } from '../src/egress/egress-error';
import { readNetworks } from '../src/egress/read-networks.rule';
import { ConnectHook } from '../test/support/egress/connect-hook';
import { ipv4Forms, ipv6Forms } from '../test/support/egress/host-forms';
import { Listener } from '../test/support/egress/listener';
import { isNotPublic } from '../test/support/egress/not-public';
import { generateHost, type GeneratedHost } from './generate-host';
import { Dice, type Finding, type Options } from './proof';

const hostsCount = { short: 50_000, full: 1_000_000 } as const;
/** How many are connected to at the same time. */
const atOnce = 250;
/** Of so many hosts one is asked by HTTP too, where undici stands between. */
const hostsPerRequest = 25;
/** Far more than is needed: nothing here waits for anybody. */
const connectMaxMs = 60_000;
/** The one address that is allowed where redirects come from. */
const allowedAddress = '127.0.0.1';
/** Where they lead: another address of loopback, the metadata of clouds, private networks. */
const redirectTargets = [0x7f000002, 0xa9fea9fe, 0x0a000001, 0xac100001, 0xc0a80001, 0];

/** What came of the hosts. */
interface Tally {
  hosts: number;
  /** Connections that were wanted, by HTTP or not; each was tried or refused. */
  wanted: number;
  tried: number;
  refused: number;
  redirects: number;
  attemptsAtOthers: number;
  /** What differs from what the ranges say. */
  readonly wrong: string[];
}

/**
 * Whatever host comes over REST, no socket is opened to an address that is not public, and every public one is tried.
 *
 * Every socket of the process passes a hook at `Socket.connect`, which records the address and refuses the connection, but for
 * loopback: there a listener counts what comes. The ranges that judge are not those of `src/egress`.
 */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const count = isShort ? hostsCount.short : hostsCount.full;
  const tally: Tally = {
    ...{ hosts: 0, wanted: 0, tried: 0, refused: 0, redirects: 0, attemptsAtOthers: 0 },
    wrong: [],
  };
  const listener = await Listener.http();
  const hook = new ConnectHook({
    goes: (address) => (isLoopback(address) ? 'through' : 'refused'),
  }).install();
  try {
    for (let first = 0; first < count; first += atOnce) {
      const hosts = Array.from({ length: atOnce }, (_, n) => generateHost(dice, first + n));
      await connectToAll(hosts, listener.port, hook, tally);
    }
    await followRedirects(listener.port, hook, tally);
  } finally {
    hook.remove();
    listener.stop();
  }
  const { wrong, ...figures } = tally;
  const { tried, refused, redirects, attemptsAtOthers } = tally;
  return {
    figures: {
      ...figures,
      connectionsOfListener: listener.connections,
      differences: wrong.length,
      firstDifferences: wrong.slice(0, 5).join('; '),
    },
    marks: {
      'no attempt at an address that is not public': attemptsAtOthers === 0 && listener.connections === 0,
      'every public address is tried, and nothing else is': wrong.length === 0,
      'hosts of both kinds, and redirects, are there':
        Math.min(tried, refused) > count / 4 && redirects > 100,
    },
  };
}

/** Connects to each as often as it has answers, by a socket, then to some by HTTP, and compares what was tried. */
async function connectToAll(
  hosts: readonly GeneratedHost[],
  port: number,
  hook: ConnectHook,
  tally: Tally,
): Promise<void> {
  const answersOf = new Map(hosts.map(({ host, answers }) => [host.replace(/\.$/, ''), answers]));
  for (const time of [0, 1]) {
    const resolve = (name: string): Promise<readonly string[]> =>
      Promise.resolve(answersOf.get(name)?.[time] ?? []);
    const connector = new Connector({ allowed: [], connectMaxMs, resolve });
    const agent = new Agent({ connect: connector.forHttp });
    const due = hosts.filter(({ expected }) => expected.length > time);
    await compare(due, time, ({ host }) => connector.open(host, port), hook, tally);
    const asked = due.filter((_, n) => n % hostsPerRequest === 0);
    await compare(asked, time, ({ host }) => get(agent, urlOf(host, port)), hook, tally);
    await agent.destroy();
  }
  tally.hosts += hosts.length;
}

/** Wants a connection to each host, and compares the outcomes and the addresses that were tried with what is expected. */
async function compare(
  hosts: readonly GeneratedHost[],
  time: number,
  want: (host: GeneratedHost) => Promise<unknown>,
  hook: ConnectHook,
  tally: Tally,
): Promise<void> {
  const reasons = await Promise.all(hosts.map((host) => reasonOf(want(host))));
  hosts.forEach(({ host, expected }, n) => {
    const isPublic = (expected[time] ?? []).length > 0;
    if (reasons[n] === 'connect-refused') tally.tried++;
    if (reasons[n] === 'address-refused') tally.refused++;
    if (reasons[n] !== (isPublic ? 'connect-refused' : 'address-refused'))
      tally.wrong.push(`${host}: ${reasons[n] ?? ''}`);
  });
  tally.wanted += hosts.length;
  const tried = hook.attempts.splice(0);
  tally.attemptsAtOthers += tried.filter((address) => !isPublicAddress(address)).length;
  const expected = hosts.flatMap((host) => host.expected[time] ?? []);
  if (tried.sort().join() !== expected.sort().join())
    tally.wrong.push(`of ${expected.length} addresses ${tried.length} were tried`);
}

/** Follows redirects from an allowed server to addresses that are not, in all their forms. */
async function followRedirects(port: number, hook: ConnectHook, tally: Tally): Promise<void> {
  const targets = redirectTargets.flatMap((bits) => [
    ...ipv4Forms(bits),
    ...ipv6Forms(bits).map((address) => `[${address}]`),
  ]);
  const server = await Listener.http(null, (request, response) => {
    const target = targets[Number(request.url?.slice(1))] ?? '';
    response.writeHead(307, { location: `http://${target}:${port}/` }).end();
  });
  const reading = readNetworks(allowedAddress);
  if (reading.kind === 'unfit') throw new Error(reading.reason);
  const resolve = (): Promise<readonly string[]> => Promise.resolve([allowedAddress]);
  const connector = new Connector({ allowed: reading.networks, connectMaxMs, resolve });
  const agent = new Agent({ connect: connector.forHttp });
  const following = agent.compose(interceptors.redirect({ maxRedirections: 2 }));
  for (const at of targets.keys()) {
    const reason = await reasonOf(get(following, `http://redirects.example:${server.port}/${at}`));
    if (reason !== 'address-refused') tally.wrong.push(`redirect to ${targets[at] ?? ''}: ${reason}`);
    tally.redirects++;
  }
  tally.attemptsAtOthers += hook.attempts.splice(0).filter((address) => address !== allowedAddress).length;
  await agent.destroy();
  server.stop();
}

/** Why there was no connection, or what happened instead. */
async function reasonOf(attempt: Promise<unknown>): Promise<string> {
  return await attempt.then(
    () => 'it succeeded',
    (error: unknown) => (error instanceof EgressError ? error.reason : String(error)),
  );
}

async function get(dispatcher: Dispatcher, url: string): Promise<void> {
  const { origin, pathname } = new URL(url);
  const { body } = await dispatcher.request({ origin, path: pathname, method: 'GET' });
  await body.dump();
}

function urlOf(host: string, port: number): string {
  return `http://${isIP(host) === 6 ? `[${host}]` : host}:${port}/`;
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** A name at a socket is as wrong as a private address: what it resolves to there is not vetted. */
function isPublicAddress(address: string): boolean {
  return isIP(address) !== 0 && !isNotPublic(address);
}
