import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { PostgresClient } from '../src/database/postgres-client';
import { findPostmaster } from '../src/database/embedded/postmaster';
import { cpuOf } from './cpu-seconds';
import { installPeer, PEER } from './install-peer';
import { findSender, send } from './load';
import { median } from './median';
import { onOwnPostgres } from './own-postgres';
import { connections, Peer, Service, type Side } from './peer-sides';
import type { Result } from './result';
import { wholeNumber } from './whole-number';

export const PEER_HELP = `npm run bench -- peer [options]      receiving over 64 connections, beside @supabase/stripe-sync-engine behind a plain
                                     HTTP server, which receives events about customers: events a second, and CPU of Node and Postgres
  --short        3 rounds of 4 seconds; else 5 rounds of 10
  --rounds <n>   interleaved rounds; the figures are their medians
  --seconds <n>  length of a round, 120 at most

npm installs the engine and \`stripe\` into a folder that is removed afterwards. Nothing else uses the network.

One line of JSON on stdout, a table on stderr. Ends with 0 when the service receives 2 times the events a second of the engine, with 1
when not. Where rates differ more than twofold between rounds, the CPU of an event, followers included, is compared instead. Ends with 2
where an answer was an error, or an answered event is not in the database.
`;

/** The mark. */
const timesMin = 2;
/** Where rates of one server differ more than this between rounds, the CPU decides. */
const spreadMax = 2;
/** Until both programs are compiled where they are busy, also where other work leaves them little of the machine. */
const warmUpSeconds = 10;
/** Requests are ready for so many times the best rate so far: one that is sent again would be no new event. */
const spareFactor = 1.5;
/** The least that is reckoned with: rates of a busy machine say little about the next round. */
const leastPerSecond = 8_000;
/** Stripe's library refuses an event that was signed more than 300 s ago. */
const secondsMax = 120;

interface Options {
  readonly rounds: number;
  readonly seconds: number;
}

/** What a round of one server took. CPU in µs an event. */
interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Until the last answer. */
  readonly serverMicros: number;
  readonly postgresMicros: number;
  /** Until every follower had handled every event: of the peer, which has none, until Postgres was idle. */
  readonly serverAllMicros: number;
  readonly postgresAllMicros: number;
  /** From the last answer until then. */
  readonly catchUpMs: number;
  /** The part of the machine's CPU time that nobody used until the last answer, in %. */
  readonly idle: number;
}

type Figures = Readonly<Record<'service' | 'peer', Round>>;

export async function benchPeer(isShort: boolean, args: readonly string[]): Promise<Result> {
  const options = readOptions(isShort, args);
  Logger.overrideLogger(false);
  return onOwnPostgres(async (url, folder) => {
    say(`Installing ${PEER_NAME}`);
    await installPeer(join(folder, 'peer'));
    const postmaster = await findPostmaster(join(folder, 'postgres'));
    if (postmaster === null) throw new Error('The Postgres of the bench has no process');
    const started: Side[] = [];
    try {
      const service = await Service.start(url);
      started.push(service);
      const peer = await Peer.start(await peerDatabase(url), join(folder, 'peer'));
      started.push(peer);
      const measured = await measure({ service, peer }, join(folder, 'requests'), postmaster.pid, options);
      return resultOf(options, measured);
    } finally {
      for (const each of started.reverse()) await each.stop();
    }
  });
}

const PEER_NAME = Object.entries(PEER)
  .map(([name, version]) => `${name} ${version}`)
  .join(' and ');

function readOptions(isShort: boolean, args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: { short: { type: 'boolean' }, rounds: { type: 'string' }, seconds: { type: 'string' } },
  });
  const seconds = wholeNumber('seconds', values.seconds, isShort ? 4 : 10);
  if (seconds > secondsMax) throw new Error(`--seconds takes ${secondsMax} at most, not ${seconds}`);
  return { rounds: wholeNumber('rounds', values.rounds, isShort ? 3 : 5), seconds };
}

/** Makes a database for the peer beside the service's. @returns its URL */
async function peerDatabase(url: string): Promise<string> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  await client.query('create database peer');
  await client.end();
  const own = new URL(url);
  own.pathname = '/peer';
  return own.href;
}

/** The first round warms up. @returns the others */
async function measure(
  sides: Readonly<Record<keyof Figures, Side>>,
  requests: string,
  postmaster: number,
  { rounds, seconds }: Options,
): Promise<readonly Figures[]> {
  const measured: Figures[] = [];
  const best = { service: leastPerSecond, peer: leastPerSecond };
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'Warming up' : `Round ${round} of ${rounds}`);
    const found: Partial<Record<keyof Figures, Round>> = {};
    const order = ['service', 'peer'] as const;
    // backwards every other time: what drifts meets both alike
    for (const name of round % 2 === 0 ? order : order.toReversed()) {
      const lasts = round === 0 ? warmUpSeconds : seconds;
      const written = Math.ceil(spareFactor * best[name] * lasts);
      sides[name].write(requests, written);
      found[name] = await measureOnce(sides[name], requests, written, postmaster, lasts);
      best[name] = Math.max(best[name], found[name].perSecond);
    }
    const { service, peer } = found;
    if (round > 0 && service !== undefined && peer !== undefined) measured.push({ service, peer });
  }
  return measured;
}

/** @throws Error where an answer was not 200, or what was answered is not in the database */
async function measureOnce(
  side: Side,
  requests: string,
  written: number,
  postmaster: number,
  seconds: number,
): Promise<Round> {
  const { name, pid, port } = side.contestant;
  await side.client.query('vacuum analyze');
  const cpu = (): readonly [number, number] => [cpuOf(pid), cpuOf(postmaster)];
  const [before, machineBefore] = [cpu(), machineMs()];
  const sent = await send(findSender(), { port, connections, seconds, requests });
  const [answered, machine] = [cpu(), machineMs()];
  const lastAnswer = performance.now();
  await side.settle();
  const catchUpMs = performance.now() - lastAnswer;
  const settled = cpu();
  const { answers, refused, failed } = sent;
  if (refused > 0 || failed > 0)
    throw new Error(`Of ${answers} events, ${name} refused ${refused} and ${failed} failed`);
  if (answers + connections > written)
    throw new Error(`${name} answered ${answers} events of ${written}: some may have been sent twice`);
  await side.check(answers);
  const micros = (to: readonly [number, number], which: 0 | 1): number =>
    (1e6 * (to[which] - before[which])) / answers;
  return {
    perSecond: answers / sent.seconds,
    p50Ms: sent.p50Ms,
    p99Ms: sent.p99Ms,
    serverMicros: micros(answered, 0),
    postgresMicros: micros(answered, 1),
    serverAllMicros: micros(settled, 0),
    postgresAllMicros: micros(settled, 1),
    catchUpMs,
    idle: (100 * (machine.idle - machineBefore.idle)) / (machine.all - machineBefore.all),
  };
}

/** CPU time of all cores since the machine started, in ms. */
function machineMs(): { readonly idle: number; readonly all: number } {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const cores = cpus().map(({ times }) => times);
  return {
    idle: sum(cores.map(({ idle }) => idle)),
    all: sum(cores.flatMap((times) => Object.values(times))),
  };
}

function resultOf(options: Options, rounds: readonly Figures[]): Result {
  const of = (name: keyof Figures): Round => mediansOf(rounds.map((round) => round[name]));
  const figures = { service: of('service'), peer: of('peer') };
  const times = timesOf(rounds, ({ service, peer }) => service.perSecond / peer.perSecond);
  const timesCpu = timesOf(rounds, ({ service, peer }) => micros(peer) / micros(service));
  const timesAllCpu = timesOf(rounds, ({ service, peer }) => allMicros(peer) / allMicros(service));
  const isNoisy = (['service', 'peer'] as const).some((name) => {
    const rates = rounds.map((round) => round[name].perSecond);
    return Math.max(...rates) > spreadMax * Math.min(...rates);
  });
  process.stderr.write(table(figures, [times, timesCpu, timesAllCpu]));
  return {
    figures: {
      ...options,
      connections,
      packages: PEER,
      times,
      timesCpu,
      timesAllCpu,
      ...figures,
      all: rounds,
    },
    marks: isNoisy
      ? {
          [`rates differ more than ${spreadMax} times between rounds; an event costs the peer ${timesMin} times the CPU`]:
            timesAllCpu >= timesMin,
        }
      : { [`${timesMin} times the peer's events a second`]: times >= timesMin },
  };
}

function mediansOf(rounds: readonly Round[]): Round {
  const medianOf = (of: keyof Round, digits = 0): number =>
    Number(median(rounds.map((round) => round[of])).toFixed(digits));
  return {
    perSecond: medianOf('perSecond'),
    p50Ms: medianOf('p50Ms', 1),
    p99Ms: medianOf('p99Ms', 1),
    serverMicros: medianOf('serverMicros'),
    postgresMicros: medianOf('postgresMicros'),
    serverAllMicros: medianOf('serverAllMicros'),
    postgresAllMicros: medianOf('postgresAllMicros'),
    catchUpMs: medianOf('catchUpMs'),
    idle: medianOf('idle'),
  };
}

/** The median over the rounds: of a round, both servers met nearly the same machine. */
function timesOf(rounds: readonly Figures[], of: (round: Figures) => number): number {
  return Number(median(rounds.map(of)).toFixed(2));
}

function micros({ serverMicros, postgresMicros }: Round): number {
  return serverMicros + postgresMicros;
}

function allMicros({ serverAllMicros, postgresAllMicros }: Round): number {
  return serverAllMicros + postgresAllMicros;
}

function table(figures: Figures, times: readonly number[]): string {
  const lines = Object.entries(figures).map(([name, round]: [string, Round]) => {
    const pair = (server: number, postgres: number): string =>
      `${String(server).padStart(8)} + ${String(postgres).padEnd(8)}`;
    return (
      name.padEnd(9) +
      [round.perSecond, round.p50Ms, round.p99Ms].map((value) => String(value).padStart(9)).join('') +
      `  ${pair(round.serverMicros, round.postgresMicros)}  ${pair(round.serverAllMicros, round.postgresAllMicros)}` +
      `${String(round.catchUpMs).padStart(10)}${String(round.idle).padStart(8)}`
    );
  });
  const head = [
    `${''.padEnd(9)}${''.padEnd(27)}  CPU µs an event: Node + Postgres`,
    `${'server'.padEnd(9)} events/s   p50 ms   p99 ms  ${'to the last answer'.padEnd(19)}  ${'to the last follower'.padEnd(19)} after ms  idle %`,
  ];
  const [rate, cpu, allCpu] = times;
  const ratio = `The service receives ${rate} times the peer's events a second. An event costs the peer ${cpu} times the CPU, ${allCpu} with followers.`;
  return [...head, ...lines, ratio, ''].join('\n');
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
