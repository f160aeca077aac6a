import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { PostgresClient } from '../src/database/postgres-client';
import { EmbeddedPostgres } from '../src/database/embedded/embedded-postgres';
import { migrate } from '../src/database/migrate';
import { findPostmaster } from '../src/database/embedded/postmaster';
import { callbacks, seededRandom } from './callbacks';
import { Contestant } from './contestant';
import { cpuSeconds } from './cpu-seconds';
import { benchExport, EXPORT_HELP } from './export';
import { Ledger } from './ledger';
import { send } from './load';
import { HELP, markConnections, type Options, readOptions } from './options';
import { benchOutward, OUTWARD_HELP } from './outward';
import { benchPeer, PEER_HELP } from './peer';
import { benchProcesses, PROCESSES_HELP } from './processes';
import { benchProfile, PROFILE_HELP } from './profile';
import { benchReads, READS_HELP } from './reads';
import { record } from './record';
import { judge, type Measured, table } from './report';
import { writeRequests } from './requests';
import { type Line, lineOf, type Result } from './result';
import { benchSustained, SUSTAINED_HELP } from './sustained';
import { benchSweep, SWEEP_HELP } from './sweep';

/** Requests are distinct as long as the servers that commit take no more than this times their best rate so far. */
const spareFactor = 1.5;
const warmUpSeconds = 4;
const expectedPerSecond = 12_000;
const serverGraceMs = 10_000;

/** What is to be ended and removed, the last first. */
const endings: (() => Promise<unknown>)[] = [];
const { signal } = endOnSignal();

/** Those beside P1. */
const OTHERS: ReadonlyMap<
  string,
  { readonly help: string; readonly run: (isShort: boolean, args: readonly string[]) => Promise<Result> }
> = new Map([
  ['export', { help: EXPORT_HELP, run: benchExport }],
  ['outward', { help: OUTWARD_HELP, run: benchOutward }],
  ['peer', { help: PEER_HELP, run: benchPeer }],
  ['reads', { help: READS_HELP, run: benchReads }],
  ['sustained', { help: SUSTAINED_HELP, run: benchSustained }],
  ['sweep', { help: SWEEP_HELP, run: benchSweep }],
  ['processes', { help: PROCESSES_HELP, run: benchProcesses }],
  ['profile', { help: PROFILE_HELP, run: benchProfile }],
]);

void run(process.argv.slice(2));

async function run(given: readonly string[]): Promise<void> {
  try {
    const isNamed = given[0]?.startsWith('-') === false;
    const [name = 'P1', args] = isNamed ? [given[0], given.slice(1)] : ['P1', given];
    const other = OTHERS.get(name);
    if (name !== 'P1' && other === undefined)
      throw new Error(`There is no bench ${name}: P1, ${[...OTHERS.keys()].join(', ')}`);
    if (args.includes('--help')) process.stdout.write(other?.help ?? HELP);
    else if (other === undefined) await bench(readOptions(args));
    else {
      // these have options of their own
      if (!['outward', 'peer', 'reads', 'sustained'].includes(name))
        parseArgs({ args: [...args], options: { short: { type: 'boolean' } } });
      print(lineOf(name, null, await other.run(args.includes('--short'), args)));
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  } finally {
    for (const end of endings.reverse()) await end();
  }
}

/** The verdict becomes the exit code. */
function print(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
  process.exitCode = line.verdict === 'passed' ? 0 : 1;
}

async function bench(options: Options): Promise<void> {
  Logger.overrideLogger(false);
  if (options.sender === 'node') say('Without wrk: our own sender takes more of the machine for itself.');
  const folder = await mkdtemp(join(tmpdir(), 'mirror-bench-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  const secret = randomBytes(32).toString('base64url');
  const { settings, contestants, ledgers, postmaster } = await setTheStage(folder, secret);

  const random = seededRandom(options.seed);
  const requests = join(folder, 'requests');
  let perSecond = expectedPerSecond;

  const measureRound = async (connections: number, seconds: number): Promise<Measured[]> => {
    const written = Math.ceil(spareFactor * perSecond * seconds);
    writeRequests(requests, callbacks(random, written), secret);
    const round: Measured[] = [];
    for (const { name, port, pid } of contestants) {
      signal.throwIfAborted();
      const ledger = ledgers[name];
      const [serverBefore, postgresBefore] = [cpuSeconds(pid), cpuSeconds(postmaster)];
      const sent = await send(options.sender, { port, connections, seconds, requests });
      await ledger?.rest();
      const [server, postgres] = [
        spent(serverBefore, cpuSeconds(pid)),
        spent(postgresBefore, cpuSeconds(postmaster)),
      ];
      const committed = (await ledger?.count()) ?? null;
      if (ledger !== undefined) perSecond = Math.max(perSecond, sent.answers / sent.seconds);
      round.push({ name, connections, written, sent, committed, cpuSeconds: { server, postgres } });
    }
    return round;
  };

  say('Warming up');
  await measureRound(markConnections, warmUpSeconds);
  const measured: Measured[] = [];
  for (const connections of options.connections) {
    for (let round = 1; round <= options.rounds; round++) {
      say(`${connections} connections, round ${round} of ${options.rounds}`);
      measured.push(...(await measureRound(connections, options.seconds)));
    }
  }
  const found = judge(options, settings, measured);
  process.stderr.write(table(found));
  const line = lineOf('P1', options.seed, found);
  print(line);
  if (options.isRecorded) record('P1', line);
}

interface Stage {
  readonly settings: Readonly<Record<string, string>>;
  /** In the order of measurement. */
  readonly contestants: readonly Contestant[];
  readonly ledgers: Readonly<Partial<Record<Contestant['name'], Ledger>>>;
  /** The process of the Postgres server. */
  readonly postmaster: number;
}

/** One Postgres with a database for each server that commits, and the servers, each a process. */
async function setTheStage(folder: string, secret: string): Promise<Stage> {
  const silent = () => undefined;
  const postgres = await EmbeddedPostgres.begin({
    dataDir: folder,
    log: { info: silent, warn: silent, error: silent },
    isOwnerSuperuser: true,
  });
  endings.push(() => postgres.stop(serverGraceMs));
  await postgres.ready();
  const settings = await prepare(postgres.ownerUrl);
  const perEventUrl = new URL(postgres.ownerUrl);
  perEventUrl.pathname = '/per_event';
  await migrate(perEventUrl.href, perEventUrl.href);
  const postmaster = await findPostmaster(join(folder, 'postgres'));
  if (postmaster === null) throw new Error('The Postgres of the bench has no process');

  const common = { SINCH_WEBHOOK_SECRETS: secret };
  const start = async (...given: Parameters<typeof Contestant.start>) => {
    const contestant = await Contestant.start(...given);
    endings.push(() => contestant.stop());
    return contestant;
  };
  const contestants = [
    await start('bare', join(__dirname, 'bare-server.js'), common),
    await start('perEvent', join(__dirname, 'per-event-server.js'), {
      ...common,
      DATABASE_URL: perEventUrl.href,
    }),
    await start('service', resolve('dist/src/main.js'), {
      ...common,
      DATABASE_URL: postgres.ownerUrl,
      ADMIN_API_KEY: randomBytes(32).toString('hex'),
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: 'off',
    }),
  ];
  const ledgers = {
    perEvent: await Ledger.open(perEventUrl.href),
    service: await Ledger.open(postgres.ownerUrl),
  };
  endings.push(() => Promise.all(Object.values(ledgers).map((ledger) => ledger.close())));
  return { settings, contestants, ledgers, postmaster: postmaster.pid };
}

/** Makes the second database, and tells on which settings the run stands. */
async function prepare(url: string): Promise<Readonly<Record<string, string>>> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  await client.query('create database per_event');
  const { rows } = await client.query<{ name: string; setting: string }>(
    `select name, setting from pg_settings where name in ('server_version', 'fsync', 'synchronous_commit', 'full_page_writes')`,
  );
  await client.end();
  return Object.fromEntries(rows.map(({ name, setting }) => [name, setting]));
}

function spent(before: number | null, after: number | null): number | null {
  return before === null || after === null ? null : after - before;
}

/** Ctrl-C ends the run at the next step, so that nothing is left behind. */
function endOnSignal(): AbortController {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      controller.abort(new Error(`Ended by ${name}`));
    });
  }
  return controller;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
