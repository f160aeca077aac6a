import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { callbacks, seededRandom } from '../bench/callbacks';
import { send } from '../bench/load';
import { writeRequests } from '../bench/requests';
import { PROJECT } from '../test/support/sinch/callbacks';
import { Cluster } from './cluster';
import { notificationOf, payloads } from './compare-map';
import { offer, type Sent } from '../bench/open-loop';
import { plotGoodput } from './plot-goodput';
import type { Finding, Options } from './proof';
import { Replica, SECRET } from './replica';

/** What is offered, in multiples of the capacity. */
const LEVELS = [1, 2, 5];
/** The marks: of the capacity, what is committed a second. */
const goodputMin = 0.9;
const goodputShortMin = 0.5;
const rssMaxMiB = 768;

/** How many connections find the capacity; each sends its next request when the last is answered. */
const capacityConnections = 64;
/** How many connections an open loop has for each C: at five times more than the 5,000 events that the queue has room for. */
const connectionsOfC = 1_200;
/** How long the answers to what was offered are waited for: what is neither refused nor committed waits in line, in ms. */
const patienceMs = 60_000;
const restMs = 500;
const readersCount = 4;
const readEveryMs = 25;
/** How many requests are ready for a second of the first closed loop. */
const expectedPerSecond = 6_000;
/** How many are ready for the later ones, of what the fastest until then took. */
const spareFactor = 1.5;

/** What came of an offer. */
interface Level extends Sent {
  readonly times: number;
  /** Events a second of the closed loops before and after it, on average. */
  readonly capacity: number;
  readonly offeredPerSecond: number;
  /** Events a second that were acknowledged meanwhile: of the capacity or, where less was offered, of that. */
  readonly goodput: number;
  readonly rssMiB: number;
}

/**
 * Offers the capacity, twice and five times as much, whether or not answers come: the commits per second do not drop, every
 * refusal asks for a retry, the memory stays bounded, and what was acknowledged is on disk.
 *
 * The capacity is measured before and after each level, so that the marks hold on a machine that has other things to do;
 * sender, service and Postgres share it.
 */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  if (!existsSync('/proc/self/status'))
    return { skipped: 'This system has no /proc to read the memory from' };
  // at five times the capacity the queue fills in two seconds or more; only what comes after that shows whether commits continue
  const [seconds, closedSeconds] = isShort ? [8, 2] : [20, 5];
  const cluster = await Cluster.embedded();
  const replica = await Replica.start(cluster.url);
  const requests = new Requests(seed);
  const readers = new Readers(replica);
  const load = new Load(replica, requests);
  await load.findCapacity(closedSeconds);
  let before = await load.findCapacity(closedSeconds);
  const levels: Level[] = [];
  for (const times of LEVELS) {
    const { sent, rssMiB } = await load.offer(Math.round(times * before), seconds, times * connectionsOfC);
    const after = await load.findCapacity(closedSeconds);
    const capacity = (before + after) / 2;
    const offeredPerSecond = (times * before * seconds) / sent.seconds;
    levels.push({
      ...sent,
      times,
      capacity,
      offeredPerSecond,
      rssMiB,
      goodput: sent.goodPerSecond / Math.min(capacity, offeredPerSecond),
    });
    before = after;
  }
  await readers.stop();
  const { acknowledged } = requests;
  requests.remove();
  await replica.stop();
  const lost = await countLost(cluster.url, acknowledged);
  await cluster.remove();
  process.stderr.write(table(levels));
  if (!isShort) writeFileSync('docs/overload.svg', plotGoodput(levels));
  return judge(levels, readers, isShort ? goodputShortMin : goodputMin, acknowledged.length, lost);
}

function judge(
  levels: readonly Level[],
  { statuses, refusedImpolitely }: Readers,
  least: number,
  acknowledged: number,
  lost: number,
): Finding {
  const rssMiB = Math.max(...levels.map((level) => level.rssMiB));
  const goodputs = LEVELS.map((times) => ({
    times,
    goodput: levels.find((level) => level.times === times)?.goodput ?? 0,
  }));
  const are = (allowed: readonly string[], found: Readonly<Record<string, number>>): boolean =>
    Object.keys(found).every((status) => allowed.includes(status));
  return {
    figures: {
      capacityPerSecond: Math.round(levels[0]?.capacity ?? 0),
      ...Object.fromEntries(goodputs.map(({ times, goodput }) => [`goodputAt${times}C`, rounded(goodput)])),
      refused: levels.reduce((sum, level) => sum + (level.statuses['503'] ?? 0), 0),
      goodP99Ms: Math.max(...levels.map(({ goodP99Ms }) => goodP99Ms)),
      reads: Object.entries(statuses)
        .map(([status, count]) => `${count} × ${status}`)
        .join(', '),
      acknowledged,
      acknowledgedEventsLost: lost,
      rssMiB,
    },
    marks: {
      [`what is committed a second stays at ${least} of the capacity`]: goodputs.every(
        ({ goodput }) => goodput >= least,
      ),
      'refusals are 503 with Retry-After': levels.every(
        (level) => are(['200', '503'], level.statuses) && level.refusedImpolitely === 0,
      ),
      'every arrival is answered': levels.every(({ unanswered }) => unanswered === 0),
      'reads are answered, or refused with Retry-After':
        are(['200', '429', '503'], statuses) && (statuses['200'] ?? 0) > 0 && refusedImpolitely === 0,
      [`the memory stays below ${rssMaxMiB} MiB`]: rssMiB < rssMaxMiB,
      'no acknowledged event is lost': lost === 0 && acknowledged > 0,
    },
  };
}

/** For people. */
function table(levels: readonly Level[]): string {
  const head = [
    'offered',
    'capacity/s',
    'offered/s',
    'good/s',
    'of C',
    '200',
    '503',
    'p50 ms',
    'p99 ms',
    'MiB',
  ];
  const rows = levels.map((level) => [
    `${level.times}C`,
    ...[level.capacity, level.offeredPerSecond, level.goodPerSecond].map((value) => value.toFixed(0)),
    level.goodput.toFixed(2),
    ...[
      level.statuses['200'] ?? 0,
      level.statuses['503'] ?? 0,
      level.goodP50Ms,
      level.goodP99Ms,
      level.rssMiB,
    ],
  ]);
  return [head, ...rows].map((row) => `${row.map((cell) => String(cell).padStart(10)).join('')}\n`).join('');
}

function rounded(value: number): number {
  return Math.round(100 * value) / 100;
}

/** Signed deliveries, no two alike, in a file; and what of those of open loops was acknowledged. */
class Requests {
  private readonly dir = mkdtempSync(join(tmpdir(), 'mirror-overload-'));
  readonly file = join(this.dir, 'requests');
  readonly ledger = join(this.dir, 'ledger');
  /** Their fingerprints. */
  readonly acknowledged: string[] = [];
  private readonly random;
  private bodies: string[] = [];

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  write(count: number): void {
    this.bodies = [...callbacks(this.random, count)];
    writeRequests(this.file, this.bodies, SECRET);
  }

  /** Takes over what the sender wrote down. */
  note(): void {
    for (const line of readFileSync(this.ledger, 'utf8').split('\n'))
      if (line !== '')
        this.acknowledged.push(notificationOf(Buffer.from(this.bodies[Number(line)] ?? '')).fingerprint);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

/** Load on a replica, from a process of its own. */
class Load {
  private readonly port: number;
  private perSecond = expectedPerSecond / spareFactor;

  constructor(
    private readonly replica: Replica,
    private readonly requests: Requests,
  ) {
    this.port = Number(new URL(replica.process.base).port);
  }

  /** Events a second that are committed while each of many connections waits for its answer before it sends again. */
  async findCapacity(seconds: number): Promise<number> {
    this.requests.write(Math.ceil(spareFactor * this.perSecond * seconds));
    const { port, requests } = this;
    const answered = await send('node', {
      port,
      connections: capacityConnections,
      seconds,
      requests: requests.file,
    });
    this.perSecond = answered.answers / answered.seconds;
    return this.perSecond;
  }

  async offer(
    perSecond: number,
    seconds: number,
    connections: number,
  ): Promise<{ readonly sent: Sent; readonly rssMiB: number }> {
    const { file, ledger } = this.requests;
    const count = perSecond * seconds;
    this.requests.write(count);
    const memory = new Memory(this.replica);
    const { port } = this;
    const sent = await offer({ port, requests: file, count, perSecond, connections, patienceMs, ledger });
    this.requests.note();
    await delay(restMs);
    return { sent, rssMiB: memory.stop() };
  }
}

/** The most of the system's memory that a replica was seen with, in MiB. */
class Memory {
  private greatest = 0;
  private readonly timer = setInterval(() => {
    this.look();
  }, 100);

  constructor(private readonly replica: Replica) {}

  stop(): number {
    clearInterval(this.timer);
    this.look();
    return Math.round(this.greatest / 1024 ** 2);
  }

  private look(): void {
    this.greatest = Math.max(this.greatest, this.replica.process.residentBytes);
  }
}

/** Some who read over REST meanwhile. */
class Readers {
  readonly statuses: Record<string, number> = {};
  refusedImpolitely = 0;
  private isStopping = false;
  private readonly working: Promise<unknown>;

  constructor(private readonly replica: Replica) {
    this.working = Promise.all(Array.from({ length: readersCount }, () => this.read()));
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.working;
  }

  private async read(): Promise<void> {
    while (!this.isStopping) {
      const { status, retryAfter } = await this.replica.get(`/v1/projects/${PROJECT}/contacts?page_size=10`);
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      if (status !== 200 && retryAfter === null) this.refusedImpolitely += 1;
      await delay(readEveryMs);
    }
  }
}

async function countLost(url: string, acknowledged: readonly string[]): Promise<number> {
  const committed = new Set<string>();
  for await (const payload of payloads(url)) committed.add(notificationOf(payload).fingerprint);
  return acknowledged.filter((fingerprint) => !committed.has(fingerprint)).length;
}
