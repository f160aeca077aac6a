import { randomBytes } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { PostgresClient } from '../src/database/postgres-client';
import { findPostmaster } from '../src/database/embedded/postmaster';
import { sendSigned } from '../src/webhook/send-signed';
import { callbacks, PROJECT, seededRandom } from './callbacks';
import { Contestant } from './contestant';
import { cpuOf } from './cpu-seconds';
import { findSender, send } from './load';
import { median } from './median';
import { onOwnPostgres } from './own-postgres';
import { type Ask, findReadPaths } from './read-paths';
import { writeReads } from './requests';
import type { Result } from './result';
import { wholeNumber } from './whole-number';

export const READS_HELP = `npm run bench -- reads [options]      reads over 64 connections, beside a bare Nest and Fastify route that runs
                                      \`select 1\` on the same Postgres: requests a second, and CPU of service and Postgres
  --short             3 rounds of 2 seconds, 5,000 events; else 5 rounds of 4 seconds, 20,000 events
  --events <n>        callbacks received before: the length of the journal
  --rounds <n>        interleaved rounds; the figures are their medians
  --seconds <n>       length of a round of one kind of read
  --only <kind,…>     kinds of reads alone, as the table names them
  --against <folder,…>  other checkouts of the service, built (npm run build), on the same Postgres in the same rounds

One line of JSON on stdout, a table on stderr. It ends with 0 when the marks are met (of the bare route's requests a second: a
contact 0.15, a list of 20 0.10, by identity 0.15; a page of the feed 4 ms of CPU at most, wherever it begins), with 1 when they are not.
Where rates of the same kind differ more than twofold between rounds, the CPU is the figure to go by.
`;

const connections = 64;
/** How many callbacks are sent at a time. */
const sendersCount = 32;
const followedMaxMs = 600_000;
const lookEveryMs = 250;

/** Which part of a round may be answered 503, as a busy machine makes it: more, and the figures say nothing. */
const refusedMax = 0.02;

/** The marks. */
const ofBareMin: Readonly<Record<string, number>> = { contact: 0.15, 'list of 20': 0.1, 'by identity': 0.15 };
const feedPageMaxMicros = 4_000;

interface Options {
  readonly events: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly only: readonly string[] | null;
  readonly against: readonly string[];
}

/** What a round of one kind of read took. */
interface Round {
  readonly perSecond: number;
  readonly serverMicros: number;
  readonly postgresMicros: number;
}

/** Medians of the rounds. */
interface Figures extends Round {
  /** Of the bare route's requests a second, in the same round. */
  readonly ofBare: number;
}

/** One kind of read of one server. */
interface Course {
  readonly name: string;
  readonly server: Contestant;
  /** A file of `writeReads`. */
  readonly requests: string;
}

export async function benchReads(isShort: boolean, args: readonly string[]): Promise<Result> {
  const options = readOptions(isShort, args);
  Logger.overrideLogger(false);
  const key = randomBytes(32).toString('hex');
  return onOwnPostgres(async (url, folder) => {
    const postmaster = await findPostmaster(join(folder, 'postgres'));
    if (postmaster === null) throw new Error('The Postgres of the bench has no process');
    const started: Contestant[] = [];
    const start = async (...given: Parameters<typeof Contestant.start>): Promise<Contestant> => {
      const contestant = await Contestant.start(...given);
      started.push(contestant);
      return contestant;
    };
    const env = {
      DATABASE_URL: url,
      SINCH_WEBHOOK_SECRETS: key,
      ADMIN_API_KEY: key,
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: 'off',
    };
    try {
      const service = await start('service', resolve('dist/src/main.js'), env);
      await fill(service.port, key, options.events);
      await followed(asker(service.port, key));
      await analyse(url);
      const bare = await start('bare', join(__dirname, 'bare-nest-server.js'), { DATABASE_URL: url });
      const services = new Map([['', service]]);
      for (const checkout of options.against)
        services.set(
          ` (${basename(checkout)})`,
          await start('service', resolve(checkout, 'dist/src/main.js'), env),
        );
      const courses = [
        courseOf(folder, BARE, bare, ['/select'], key),
        ...(await coursesOf(folder, services, key, options.only)),
      ];
      const rounds = await measure(courses, postmaster.pid, options);
      return resultOf(options, rounds);
    } finally {
      for (const each of started.reverse()) await each.stop();
    }
  });
}

const BARE = 'bare `select 1`';

function readOptions(isShort: boolean, args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean' },
      events: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      against: { type: 'string' },
    },
  });
  return {
    events: wholeNumber('events', values.events, isShort ? 5_000 : 20_000),
    rounds: wholeNumber('rounds', values.rounds, isShort ? 3 : 5),
    seconds: wholeNumber('seconds', values.seconds, isShort ? 2 : 4),
    only: values.only?.split(',') ?? null,
    against: values.against?.split(',') ?? [],
  };
}

/** Has the service receive so many callbacks. @throws Error where one is not accepted */
async function fill(port: number, secret: string, count: number): Promise<void> {
  say(`${count} callbacks are received`);
  const bodies = callbacks(seededRandom(1), count);
  await Promise.all(
    Array.from({ length: sendersCount }, async () => {
      for (const body of bodies) {
        const target = `http://127.0.0.1:${port}/webhooks/sinch`;
        const answer = await sendSigned(target, secret, Buffer.from(body));
        if (answer?.status !== 200)
          throw new Error(`A callback was answered ${answer?.status ?? 'not at all'}`);
      }
    }),
  );
}

/** Waits until the follower of duplicates has read the whole journal. */
async function followed(ask: Ask): Promise<void> {
  for (let waitedMs = 0; waitedMs < followedMaxMs; waitedMs += lookEveryMs) {
    const { follower }: { readonly follower: { readonly lag_events: number } } = await ask(
      `/v1/projects/${PROJECT}/duplicates:summary`,
    );
    if (follower.lag_events === 0) return;
    await delay(lookEveryMs);
  }
  throw new Error('The follower does not come to the end of the journal.');
}

async function analyse(url: string): Promise<void> {
  const client = new PostgresClient({ connectionString: url });
  await client.connect();
  await client.query('vacuum analyze');
  await client.end();
}

function asker(port: number, key: string): Ask {
  return async <Answer>(path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    if (answer.status !== 200)
      throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Answer;
  };
}

/** The same kind of each service side by side. @param services by what is added to the names of their reads */
async function coursesOf(
  folder: string,
  services: ReadonlyMap<string, Contestant>,
  key: string,
  only: readonly string[] | null,
): Promise<readonly Course[]> {
  const ofEach = await Promise.all(
    [...services].map(async ([suffix, server]) => {
      return { suffix, server, paths: await findReadPaths(asker(server.port, key)) };
    }),
  );
  const known = [...(ofEach[0]?.paths.keys() ?? [])];
  const unknown = only?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`There is no kind of read ${unknown}: ${known.join(', ')}`);
  return (only ?? known).flatMap((name) =>
    ofEach.map(({ suffix, server, paths }) =>
      courseOf(folder, `${name}${suffix}`, server, paths.get(name) ?? [], key),
    ),
  );
}

function courseOf(
  folder: string,
  name: string,
  server: Contestant,
  paths: readonly string[],
  key: string,
): Course {
  const requests = join(folder, `reads-${name.replaceAll(/[^a-z0-9]+/g, '-')}`);
  writeReads(requests, paths, key);
  return { name, server, requests };
}

/** The first round warms up. @returns the others, by the course's name */
async function measure(
  courses: readonly Course[],
  postmaster: number,
  { rounds, seconds }: Options,
): Promise<ReadonlyMap<string, readonly Round[]>> {
  const measured = new Map<string, Round[]>(courses.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    say(round === 0 ? 'Warming up' : `Round ${round} of ${rounds}`);
    // backwards every other time: what drifts meets all alike
    for (const course of round % 2 === 0 ? courses : [...courses].reverse()) {
      const found = await measureOnce(course, postmaster, round === 0 ? 1 : seconds);
      if (round > 0) measured.get(course.name)?.push(found);
    }
  }
  return measured;
}

async function measureOnce(
  { name, server, requests }: Course,
  postmaster: number,
  seconds: number,
): Promise<Round> {
  const before = [cpuOf(server.pid), cpuOf(postmaster)] as const;
  const sent = await send(findSender(), { port: server.port, connections, seconds, requests });
  const [serverSeconds, postgresSeconds] = [cpuOf(server.pid) - before[0], cpuOf(postmaster) - before[1]];
  if (sent.failed > 0 || sent.refused > refusedMax * sent.answers)
    throw new Error(`Of ${sent.answers} × ${name}, ${sent.refused} were refused and ${sent.failed} failed`);
  return {
    perSecond: (sent.answers - sent.refused) / sent.seconds,
    serverMicros: (1e6 * serverSeconds) / sent.answers,
    postgresMicros: (1e6 * postgresSeconds) / sent.answers,
  };
}

function resultOf(options: Options, measured: ReadonlyMap<string, readonly Round[]>): Result {
  const ofBare = measured.get(BARE) ?? [];
  const reads = new Map(
    [...measured].map(([name, rounds]): [string, Figures] => {
      const medianOf = (of: (round: Round) => number): number => Math.round(median(rounds.map(of)));
      const ratio = median(rounds.map(({ perSecond }, n) => perSecond / (ofBare[n]?.perSecond ?? NaN)));
      return [
        name,
        {
          perSecond: medianOf(({ perSecond }) => perSecond),
          ofBare: Math.round(1_000 * ratio) / 1_000,
          serverMicros: medianOf(({ serverMicros }) => serverMicros),
          postgresMicros: medianOf(({ postgresMicros }) => postgresMicros),
        },
      ];
    }),
  );
  process.stderr.write(table(reads));
  return { figures: { ...options, connections, reads: Object.fromEntries(reads) }, marks: marksOf(reads) };
}

function marksOf(reads: ReadonlyMap<string, Figures>): Readonly<Record<string, boolean>> {
  const marks: Record<string, boolean> = {};
  for (const [name, least] of Object.entries(ofBareMin)) {
    const found = reads.get(name);
    if (found !== undefined) marks[`${name}: ${least} of bare`] = found.ofBare >= least;
  }
  for (const [name, { serverMicros, postgresMicros }] of reads)
    if (name.startsWith('feed') && !name.endsWith(')'))
      marks[`${name}: ${feedPageMaxMicros} µs of CPU at most`] =
        serverMicros + postgresMicros <= feedPageMaxMicros;
  return marks;
}

function table(reads: ReadonlyMap<string, Figures>): string {
  const lines = [...reads].map(
    ([name, { perSecond, ofBare, serverMicros, postgresMicros }]) =>
      `${name.padEnd(34)}${String(perSecond).padStart(8)}/s${ofBare.toFixed(3).padStart(8)}` +
      `${String(serverMicros).padStart(9)} + ${String(postgresMicros).padStart(6)}`,
  );
  return [`${'read'.padEnd(34)}requests  of bare  CPU µs a request: server + Postgres`, ...lines, ''].join(
    '\n',
  );
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
