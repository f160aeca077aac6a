import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { PostgresClient } from '../src/database/postgres-client';
import { findPostmaster } from '../src/database/embedded/postmaster';
import { callbacks, seededRandom } from './callbacks';
import { Contestant } from './contestant';
import { cpuOf } from './cpu-seconds';
import { median } from './median';
import { offer } from './open-loop';
import { onOwnPostgres } from './own-postgres';
import { findReadPaths } from './read-paths';
import { writeRequests } from './requests';
import type { Result } from './result';
import { wholeNumber } from './whole-number';

export const SUSTAINED_HELP = `npm run bench -- sustained [options]  callbacks at a steady rate until every follower has handled them: all that an
                                      event costs the service and Postgres in CPU time, idle time included
  --short              3 rounds of 10 seconds; else 5 rounds of 36
  --per-second <n>     callbacks a second (300)
  --readers <n>        clients that read meanwhile, each ten times a second (0). The longest turn of the event loop is then
                       measured, and the CPU is that of reads and callbacks together
  --rounds <n>         interleaved rounds; the figures are their medians
  --seconds <n>        length of a round
  --against <folder,…> other checkouts of the service, built (npm run build), on the same Postgres in turn

One line of JSON on stdout, a table on stderr. It ends with 0 when the goals are met: 220 µs of CPU an event or, with readers, 25 ms
for the slowest of a hundred callbacks and 50 ms of CPU for the longest turn. Else it ends with 1.
`;

/** The goals. CPU of service and Postgres. */
const eventMaxMicros = 220;
const deliveryMaxMs = 25;
const turnMaxMs = 50;
const connections = 64;
const readEveryMs = 100;
const warmUpSeconds = 3;
const answersMaxMs = 30_000;
const followedMaxMs = 600_000;
const lookEveryMs = 100;

interface Options {
  readonly perSecond: number;
  readonly readers: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly against: readonly string[];
}

/** What a round took. CPU in µs an event. */
interface Round {
  readonly serverMicros: number;
  readonly postgresMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the last answer until every follower had handled every event. */
  readonly catchUpMs: number;
  /** CPU time of the longest turn of the event loop; null where nobody read. */
  readonly turnMs: number | null;
}

export async function benchSustained(isShort: boolean, args: readonly string[]): Promise<Result> {
  const options = readOptions(isShort, args);
  Logger.overrideLogger(false);
  return onOwnPostgres(async (url, folder) => {
    const postmaster = await findPostmaster(join(folder, 'postgres'));
    if (postmaster === null) throw new Error('The Postgres of the bench has no process');
    const builds = new Map([['this build', 'dist/src/main.js']]);
    for (const checkout of options.against)
      builds.set(basename(checkout), join(checkout, 'dist/src/main.js'));
    const measured = new Map<string, Round[]>([...builds.keys()].map((name) => [name, []]));
    const load = new SteadyLoad(url, folder, postmaster.pid, options);
    for (let round = 1; round <= options.rounds; round++) {
      process.stderr.write(`Round ${round} of ${options.rounds}\n`);
      // backwards every other time: what drifts meets all alike
      for (const [name, program] of round % 2 === 0 ? [...builds].reverse() : builds)
        measured.get(name)?.push(await load.measure(program));
    }
    return resultOf(options, measured);
  });
}

function readOptions(isShort: boolean, args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean' },
      'per-second': { type: 'string' },
      readers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      against: { type: 'string' },
    },
  });
  return {
    perSecond: wholeNumber('per-second', values['per-second'], 300),
    readers: wholeNumber('readers', values.readers, 0, 0),
    rounds: wholeNumber('rounds', values.rounds, isShort ? 3 : 5),
    seconds: wholeNumber('seconds', values.seconds, isShort ? 10 : 36),
    against: values.against?.split(',') ?? [],
  };
}

/** Loads one build after the other, on one database. */
class SteadyLoad {
  private readonly secret = randomBytes(32).toString('base64url');
  private readonly random = seededRandom(1);

  constructor(
    private readonly url: string,
    private readonly folder: string,
    private readonly postmaster: number,
    private readonly options: Options,
  ) {}

  /** Starts a build, warms it up, measures it, and stops it. */
  async measure(program: string): Promise<Round> {
    const { readers, seconds } = this.options;
    const turns = join(this.folder, 'turns');
    const service = await Contestant.start('service', resolve(program), {
      DATABASE_URL: this.url,
      SINCH_WEBHOOK_SECRETS: this.secret,
      ADMIN_API_KEY: this.secret,
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: 'off',
      ...(readers > 0 && {
        NODE_OPTIONS: `--import ${pathToFileURL('bench/turn-meter.mjs').href}`,
        TURNS_FILE: turns,
      }),
    });
    const client = new PostgresClient({ connectionString: this.url });
    await client.connect();
    try {
      await this.send(service.port, warmUpSeconds);
      await followed(client);
      await client.query('vacuum analyze');
      const reading = await Readers.start(service.port, this.secret, readers);
      if (readers > 0) process.kill(service.pid, 'SIGUSR2'); // what was before does not count
      const before = [cpuOf(service.pid), cpuOf(this.postmaster)] as const;
      const sent = await this.send(service.port, seconds);
      const catchUpMs = await followed(client);
      await reading.stop();
      const micros = (cpu: number): number => (1e6 * cpu) / sent.count;
      return {
        serverMicros: micros(cpuOf(service.pid) - before[0]),
        postgresMicros: micros(cpuOf(this.postmaster) - before[1]),
        p50Ms: sent.p50Ms,
        p99Ms: sent.p99Ms,
        catchUpMs,
        turnMs: readers > 0 ? (JSON.parse(readFileSync(turns, 'utf8')) as { cpuMs: number }).cpuMs : null,
      };
    } finally {
      await client.end();
      await service.stop();
    }
  }

  /** @throws Error where a callback is not accepted */
  private async send(
    port: number,
    seconds: number,
  ): Promise<{ readonly count: number; readonly p50Ms: number; readonly p99Ms: number }> {
    const { perSecond } = this.options;
    const count = perSecond * seconds;
    const requests = join(this.folder, 'requests');
    writeRequests(requests, callbacks(this.random, count), this.secret);
    const { statuses, goodP50Ms, goodP99Ms } = await offer({
      port,
      requests,
      count,
      perSecond,
      connections,
      patienceMs: answersMaxMs,
      ledger: join(this.folder, 'acknowledged'),
    });
    if (statuses['200'] !== count)
      throw new Error(`Of ${count} callbacks, not all were accepted: ${JSON.stringify(statuses)}`);
    return { count, p50Ms: goodP50Ms, p99Ms: goodP99Ms };
  }
}

/** Clients that read what people and programs read, each a few times a second, one read after the other. */
class Readers {
  private readonly closing = new AbortController();
  private reading: Promise<unknown> = Promise.resolve();

  static async start(port: number, key: string, count: number): Promise<Readers> {
    const readers = new Readers();
    const read = async <Answer>(path: string): Promise<Answer> => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { authorization: `Bearer ${key}` },
      }).catch((error: unknown) => {
        // what fetch throws says the reason in its cause alone
        const reason = error instanceof Error ? (error.cause ?? error) : error;
        throw new Error(`${path} was not answered: ${String(reason)}`);
      });
      const body = await answer.text();
      if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}: ${body}`);
      return JSON.parse(body) as Answer; // of the form that the caller knows
    };
    const paths = count === 0 ? [] : [...(await findReadPaths(read)).values()];
    const readOn = async (reader: number): Promise<void> => {
      for (let n = reader; !readers.closing.signal.aborted; n++) {
        const kind = paths[n % paths.length] ?? [];
        await read(kind[Math.floor(n / paths.length) % kind.length] ?? '');
        await delay(readEveryMs);
      }
    };
    readers.reading = Promise.all(Array.from({ length: count }, (_, reader) => readOn(reader)));
    readers.reading.catch(() => undefined); // `stop` throws it
    return readers;
  }

  /** @throws Error where a read was not answered 200 */
  async stop(): Promise<void> {
    this.closing.abort();
    await this.reading;
  }
}

/** Waits until every follower has handled every event. @returns for how long, in ms */
export async function followed(client: PostgresClient): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < followedMaxMs) {
    const { rows } = await client.query(
      `select from follower f where exists (select from audit_event e where (e.era, e.tx, e.id) > (f.era, f.tx, f.id))`,
    );
    if (rows.length === 0) return performance.now() - began;
    await delay(lookEveryMs);
  }
  throw new Error('The followers do not come to the end of the journal.');
}

function resultOf(options: Options, measured: ReadonlyMap<string, readonly Round[]>): Result {
  const figures = new Map(
    [...measured].map(([name, rounds]): [string, Round] => {
      const medianOf = (of: (round: Round) => number): number => Math.round(median(rounds.map(of)));
      return [
        name,
        {
          serverMicros: medianOf(({ serverMicros }) => serverMicros),
          postgresMicros: medianOf(({ postgresMicros }) => postgresMicros),
          p50Ms: medianOf(({ p50Ms }) => p50Ms),
          p99Ms: medianOf(({ p99Ms }) => p99Ms),
          catchUpMs: medianOf(({ catchUpMs }) => catchUpMs),
          // the longest of all, not their median
          turnMs:
            options.readers > 0 ? Math.round(Math.max(...rounds.map(({ turnMs }) => turnMs ?? 0))) : null,
        },
      ];
    }),
  );
  process.stderr.write(table(figures));
  const own = figures.get('this build');
  return {
    figures: {
      ...options,
      connections,
      builds: Object.fromEntries(figures),
      rounds: Object.fromEntries(measured),
    },
    marks: own === undefined ? {} : marksOf(own),
  };
}

function marksOf({ serverMicros, postgresMicros, p99Ms, turnMs }: Round): Readonly<Record<string, boolean>> {
  return turnMs === null
    ? { [`${eventMaxMicros} µs of CPU an event at most`]: serverMicros + postgresMicros <= eventMaxMicros }
    : {
        [`99 of 100 callbacks are answered within ${deliveryMaxMs} ms`]: p99Ms <= deliveryMaxMs,
        [`no turn takes more than ${turnMaxMs} ms of CPU`]: turnMs <= turnMaxMs,
      };
}

function table(figures: ReadonlyMap<string, Round>): string {
  const lines = [...figures].map(
    ([name, { serverMicros, postgresMicros, p50Ms, p99Ms, catchUpMs, turnMs }]) =>
      `${name.padEnd(24)}${String(serverMicros).padStart(8)} + ${String(postgresMicros).padEnd(12)}` +
      `${String(p50Ms).padStart(6)}${String(p99Ms).padStart(8)}${String(catchUpMs).padStart(13)}${String(turnMs ?? '-').padStart(17)}`,
  );
  const head = `${'build'.padEnd(24)}CPU µs an event          p50 ms  p99 ms  catch-up ms  longest turn ms\n${''.padEnd(24)}server + Postgres`;
  return [head, ...lines, ''].join('\n');
}
