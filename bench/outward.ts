import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { findPostmaster } from '../src/database/embedded/postmaster';
import { PostgresClient } from '../src/database/postgres-client';
import { callbacks, PROJECT, seededRandom } from './callbacks';
import { Contestant } from './contestant';
import { cpuOf } from './cpu-seconds';
import { Ledger } from './ledger';
import { findSender, send } from './load';
import { median } from './median';
import { onOwnPostgres } from './own-postgres';
import type { Taken } from './outward-sink';
import { writeRequests } from './requests';
import type { Result } from './result';
import { followed } from './sustained';
import { wholeNumber } from './whole-number';

export const OUTWARD_HELP = `npm run bench -- outward [options]   deliveries of subscriptions to a receiver on this machine: rate, and CPU of Node and Postgres
  --short              2 rounds over 10,000 events; else 3 over 40,000
  --events <n>         how many events the journal gets at least, by webhook
  --rounds <n>         rounds in turn; the figures are their medians. One more before them warms up
  --cpu-prof <folder>  has Node write a CPU profile of the service there

The subscriptions are paused while the journal is filled, and resumed together: 1, 4, and 50 whose filters each let about 2 % pass.
Attempts are logged, fsync is on. One line of JSON on stdout, a table on stderr. Ends with 0 when the goals are met: 2,000 deliveries a
second to one subscription and 5,000 to four, 1,500 events a second for fifty, and 250 µs of CPU a delivery; else with 1.
`;

/** The goals. */
const onePerSecondMin = 2_000;
const fourPerSecondMin = 5_000;
const fiftyEventsPerSecondMin = 1_500;
const deliveryMaxMicros = 250;
const connections = 64;
/** The journal is filled in such parts; more requests are written for each than are taken. */
const fillSeconds = 2;
const fillPerSecondMax = 8_000;
const deliveredMaxMs = 600_000;
const lookEveryMs = 100;

interface Options {
  readonly events: number;
  readonly rounds: number;
  readonly nodeArgs: readonly string[];
}

/** Subscriptions that are resumed together. */
interface Group {
  readonly name: string;
  /** The filter of each. */
  readonly filters: readonly object[];
}

/** What a round of a group took. CPU in µs a delivery. */
interface Round {
  readonly deliveries: number;
  readonly perSecond: number;
  /** Of the journal. */
  readonly eventsPerSecond: number;
  readonly serverMicros: number;
  readonly postgresMicros: number;
}

const ALL = { types: ['contact.*'] };
const GROUPS: readonly Group[] = [
  { name: '1 subscription', filters: [ALL] },
  { name: '4 subscriptions', filters: [ALL, ALL, ALL, ALL] },
  { name: '50, each 2 %', filters: Array.from({ length: 50 }, (_, at) => fiftieth(at)) },
];

/** One contact in fifty: the numbers of the contacts, which their e-mail addresses begin with, are evenly spread. */
function fiftieth(at: number): object {
  const prefixes = [2 * at, 2 * at + 1].map((two) => `1${String(two).padStart(2, '0')}`);
  return {
    types: ['contact.created', 'contact.updated'],
    where: { any: prefixes.map((value) => ({ at: 'after', path: '/email', op: 'prefix', value })) },
  };
}

export async function benchOutward(isShort: boolean, args: readonly string[]): Promise<Result> {
  const options = readOptions(isShort, args);
  Logger.overrideLogger(false);
  return onOwnPostgres(async (url, folder) => {
    const postmaster = await findPostmaster(join(folder, 'postgres'));
    if (postmaster === null) throw new Error('The Postgres of the bench has no process');
    const sending = await Sending.start(url, folder, postmaster.pid, options.nodeArgs);
    try {
      const events = await sending.fill(options.events);
      const measured = new Map<string, Round[]>(GROUPS.map(({ name }) => [name, []]));
      for (let round = 0; round <= options.rounds; round++) {
        say(round === 0 ? 'Warming up' : `Round ${round} of ${options.rounds}`);
        // backwards every other time: what drifts meets all alike
        for (const group of round % 2 === 0 ? GROUPS : GROUPS.toReversed()) {
          const found = await sending.measure(group);
          if (round > 0) measured.get(group.name)?.push(found);
        }
      }
      return resultOf(events, options, measured);
    } finally {
      await sending.stop();
    }
  });
}

function readOptions(isShort: boolean, args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      short: { type: 'boolean' },
      events: { type: 'string' },
      rounds: { type: 'string' },
      'cpu-prof': { type: 'string' },
    },
  });
  const folder = values['cpu-prof'];
  return {
    events: wholeNumber('events', values.events, isShort ? 10_000 : 40_000),
    rounds: wholeNumber('rounds', values.rounds, isShort ? 2 : 3),
    nodeArgs: folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${resolve(folder)}`],
  };
}

/** The service, the receiver, and the database. */
class Sending {
  private readonly random = seededRandom(1);
  private events = 0;

  private constructor(
    private readonly service: Contestant,
    private readonly sink: Contestant,
    private readonly client: PostgresClient,
    private readonly ledger: Ledger,
    private readonly postmaster: number,
    private readonly requests: string,
    private readonly secret: string,
  ) {}

  static async start(
    url: string,
    folder: string,
    postmaster: number,
    nodeArgs: readonly string[],
  ): Promise<Sending> {
    const secret = randomBytes(32).toString('base64url');
    const sink = await Contestant.start('sink', join(__dirname, 'outward-sink.js'), {});
    const env = {
      DATABASE_URL: url,
      SINCH_WEBHOOK_SECRETS: secret,
      ADMIN_API_KEY: secret,
      LOG_LEVEL: 'warn',
      RATE_LIMIT_PER_MINUTE: 'off',
      OUTWARD_KEYS: randomBytes(32).toString('base64'),
      OUTWARD_ALLOW_HTTP: 'true',
      OUTWARD_ALLOWED_NETWORKS: '127.0.0.1',
    };
    const service = await Contestant.start('service', resolve('dist/src/main.js'), env, nodeArgs);
    const client = new PostgresClient({ connectionString: url });
    await client.connect();
    const ledger = await Ledger.open(url);
    return new Sending(service, sink, client, ledger, postmaster, join(folder, 'requests'), secret);
  }

  /**
   * Has the service receive callbacks until the journal has so many events, and its followers handle them.
   *
   * @returns how many it has
   */
  async fill(events: number): Promise<number> {
    say('Filling the journal');
    while (this.events < events) {
      writeRequests(this.requests, callbacks(this.random, fillSeconds * fillPerSecondMax), this.secret);
      const load = { port: this.service.port, connections, seconds: fillSeconds, requests: this.requests };
      const { refused, failed } = await send(findSender(), load);
      if (refused > 0 || failed > 0)
        throw new Error(`The service refused ${refused} callbacks, ${failed} failed`);
      await this.ledger.rest();
      this.events += (await this.ledger.count()).events;
    }
    await followed(this.client);
    return this.events;
  }

  /**
   * Makes the subscriptions of a group at the beginning of the journal, paused; resumes them, waits until all is delivered, and
   * deletes them.
   */
  async measure({ name, filters }: Group): Promise<Round> {
    const paths: string[] = [];
    for (const [at, filter] of filters.entries()) paths.push(await this.subscribe(`${name} ${at}`, filter));
    await this.client.query('vacuum analyze');
    await this.taken();
    const before = [cpuOf(this.service.pid), cpuOf(this.postmaster)] as const;
    for (const path of paths) await this.call('POST', `${path}:resume`, {});
    await this.delivered();
    const [server, postgres] = [cpuOf(this.service.pid), cpuOf(this.postmaster)];
    const { deliveries: bySubscription, ms } = await this.taken();
    for (const path of paths) await this.call('DELETE', path);
    const counts = Object.values(bySubscription);
    if (counts.length !== filters.length)
      throw new Error(`${name}: ${counts.length} of ${filters.length} were sent anything`);
    if (filters.every((filter) => filter === ALL) && new Set(counts).size > 1)
      throw new Error(`${name}: with one filter, they were sent ${counts.join(', ')} events`);
    const deliveries = counts.reduce((sum, count) => sum + count, 0);
    const micros = (seconds: number): number => (1e6 * seconds) / deliveries;
    return {
      deliveries,
      perSecond: (1_000 * deliveries) / ms,
      eventsPerSecond: (1_000 * this.events) / ms,
      serverMicros: micros(server - before[0]),
      postgresMicros: micros(postgres - before[1]),
    };
  }

  async stop(): Promise<void> {
    await this.ledger.close();
    await this.client.end();
    await this.service.stop();
    await this.sink.stop();
  }

  /** @returns the path of the new subscription */
  private async subscribe(name: string, filter: object): Promise<string> {
    const path = `/v1/projects/${PROJECT}/subscriptions`;
    const destination = { kind: 'webhook', url: `http://127.0.0.1:${this.sink.port}/` };
    const body = { name, purpose: 'replica', filter, destination, start: 'beginning', state: 'paused' };
    const { id } = JSON.parse(await this.call('POST', path, body)) as { readonly id: string };
    return `${path}/${id}`;
  }

  /** @returns the body of the answer. @throws Error where that is no 2xx */
  private async call(method: string, path: string, body?: object): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${this.service.port}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.secret}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.ok) return text;
    throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
  }

  private async taken(): Promise<Taken> {
    const response = await fetch(`http://127.0.0.1:${this.sink.port}/`);
    return (await response.json()) as Taken; // written by outward-sink.ts
  }

  /** Waits until every active subscription is at the end of the journal. @throws Error where a delivery failed */
  private async delivered(): Promise<void> {
    const began = performance.now();
    while (performance.now() - began < deliveredMaxMs) {
      const { rows } = await this.client.query<{ behind: number; failed: number }>(
        `select
           (select count(*)::int from subscription_progress p join subscription s
              on s.project_id = p.project_id and s.id = p.subscription_id and s.state = 'active'
            where exists (select from audit_event e where (e.era, e.tx, e.id) > (p.era, p.tx, p.id))) as behind,
           (select count(*)::int from parked_delivery where tries > 0) as failed`,
      );
      const [{ behind, failed } = { behind: 1, failed: 0 }] = rows;
      if (failed > 0) throw new Error(`${failed} deliveries failed`);
      if (behind === 0) return;
      await delay(lookEveryMs);
    }
    throw new Error('The subscriptions do not come to the end of the journal.');
  }
}

function resultOf(
  events: number,
  { rounds }: Options,
  measured: ReadonlyMap<string, readonly Round[]>,
): Result {
  const [one, four, fifty] = GROUPS.map(({ name }) => mediansOf(measured.get(name) ?? []));
  if (one === undefined || four === undefined || fifty === undefined) throw new Error('There are no figures');
  const all = [one, four, fifty];
  const marks = {
    [`${onePerSecondMin} deliveries/s to one subscription`]: one.perSecond >= onePerSecondMin,
    [`${fourPerSecondMin} deliveries/s to four`]: four.perSecond >= fourPerSecondMin,
    [`${fiftyEventsPerSecondMin} events/s for fifty`]: fifty.eventsPerSecond >= fiftyEventsPerSecondMin,
    [`at most ${deliveryMaxMicros} µs of CPU a delivery`]: all.every(
      ({ serverMicros, postgresMicros }) => serverMicros + postgresMicros <= deliveryMaxMicros,
    ),
  };
  process.stderr.write(table(all, marks));
  return {
    figures: { events, rounds, ...Object.fromEntries(GROUPS.map(({ name }, at) => [name, all[at]])) },
    marks,
  };
}

function mediansOf(rounds: readonly Round[]): Round {
  const medianOf = (of: keyof Round): number => Math.round(median(rounds.map((round) => round[of])));
  return {
    deliveries: medianOf('deliveries'),
    perSecond: medianOf('perSecond'),
    eventsPerSecond: medianOf('eventsPerSecond'),
    serverMicros: medianOf('serverMicros'),
    postgresMicros: medianOf('postgresMicros'),
  };
}

function table(all: readonly Round[], marks: Result['marks']): string {
  const head = ['deliveries', 'deliveries/s', 'events/s', 'CPU µs/delivery: service', 'Postgres'];
  const lines = all.map((round, at) =>
    [(GROUPS[at]?.name ?? '').padEnd(16)]
      .concat(Object.values(round).map((value, column) => String(value).padStart(head[column]?.length ?? 0)))
      .join('  '),
  );
  const told = Object.entries(marks).map(([mark, isMet]) => `${isMet ? 'met   ' : 'MISSED'}  ${mark}`);
  return [[''.padEnd(16), ...head].join('  '), ...lines, ...told, ''].join('\n');
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
