import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callbacks, seededRandom } from '../../bench/callbacks';
import { send } from '../../bench/load';
import { writeRequests } from '../../bench/requests';
import { ask } from '../postgres/connections';
import { callback, contact, PROJECT } from '../sinch/callbacks';
import { Cluster } from './cluster';
import { eventsPerContact, grow } from './grown-database';
import { Dice, type Finding, type Options } from './proof';
import { Replica, SECRET } from './replica';

/** The marks; a short run shares its machine, so it is held to medians and half the rate. */
const ingestMin = 0.8;
const ingestShortMin = 0.5;
const tookMaxMs = 20;

const connections = 64;
const roundSeconds = 3;
const perSecondMax = 12_000;
/** How much smaller the database is that the grown one is compared with. */
const smaller = 100;

const CONTACTS = `/v1/projects/${PROJECT}/contacts`;
const BASE = `/v1/projects/${PROJECT}`;
/** The reads that have a mark; the others are told of. */
const MARKED = ['get', 'list', 'search', 'resolve'];

type Read = (replica: Replica, n: number) => ReturnType<Replica['get']>;

/** By name; each asks about contact number `n`. */
const READS: Readonly<Record<string, Read>> = {
  get: (replica, n) => replica.get(`${CONTACTS}/${idOf(n)}?on_merged=follow`),
  list: (replica, n) => replica.get(`${CONTACTS}?page_size=${50 + (n % 50)}`),
  listByLanguage: (replica) => replica.get(`${CONTACTS}?language=FR`),
  listByEmail: (replica, n) => replica.get(`${CONTACTS}?email=user${n}@example.com`),
  listByExternalId: (replica, n) => replica.get(`${CONTACTS}?external_id=crm-${n}`),
  listByIdentity: (replica, n) => replica.get(`${CONTACTS}?channel=SMS&identity=1${2_000_000_000 + n}`),
  listByPhone: (replica, n) => replica.get(`${CONTACTS}?phone=1${2_000_000_000 + n}`),
  listDeleted: (replica) => replica.get(`${CONTACTS}?status=deleted`),
  search: (replica, n) => replica.get(`${CONTACTS}?q=${nameOf(n)}`),
  resolve: (replica, n) => replica.post(`${CONTACTS}:resolve`, { ids: [idOf(n), idOf(n + 7)] }),
  history: (replica, n) => replica.get(`${CONTACTS}/${idOf(n)}/history`),
  changes: (replica) => replica.get(`${CONTACTS}:changes`),
  audit: (replica) => replica.get(`${BASE}/audit-events`),
  auditOfContact: (replica, n) => replica.get(`${BASE}/audit-events?contact_id=${idOf(n)}`),
  auditOfMerges: (replica) => replica.get(`${BASE}/audit-events?type=CONTACT_MERGE`),
  merges: (replica) => replica.get(`${BASE}/merges`),
  mergesOfContact: (replica, n) => replica.get(`${BASE}/merges?contact_id=${idOf(n)}`),
  duplicates: (replica) => replica.get(`${BASE}/duplicates`),
};

/** What `grow` calls contact number `n`. */
function idOf(n: number): string {
  return `01K${md5(String(n)).slice(0, 23).toUpperCase()}`;
}

function nameOf(n: number): string {
  return md5(`n${n}`).slice(0, 8);
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

/** A database, and a replica that works on it. */
interface Site {
  readonly url: string;
  readonly contacts: number;
  readonly replica: Replica;
}

/**
 * A database of many contacts beside one that is a hundredth of it: ingest in turn, each read, the plans, and the sizes; then
 * updates for as many minutes as are asked for, with what autovacuum makes of them.
 */
export async function run({ isShort, seed, minutes, contacts }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const count = contacts ?? (isShort ? 200_000 : 2_000_000);
  const cluster = await Cluster.embedded();
  const small = await settle(cluster, 'small', Math.ceil(count / smaller));
  const began = Date.now();
  const grown = await settle(cluster, 'grown', count);
  const growSeconds = Math.round((Date.now() - began) / 1_000);
  const sizes = await sizesOf(grown.url);
  const load = new Load(seed);
  const reads = [await time(small, dice, isShort), await time(grown, dice, isShort)] as const;
  const scans = await findScans(cluster, grown, dice);
  const ingest = await compareIngest(load, small, grown, isShort ? 1 : 5);
  const updating = minutes === null ? {} : await update(load, grown, dice, minutes);
  load.remove();
  await Promise.all([small.replica.stop(), grown.replica.stop()]);
  await cluster.remove();

  const least = isShort ? ingestShortMin : ingestMin;
  const quantile = isShort ? 'p50' : 'p99';
  const wrong = reads.flatMap((each) => Object.keys(each).filter((name) => each[name]?.wrong !== 0));
  const told = Object.keys(READS).map(
    (name) =>
      `${name} ${[reads[0], reads[1]].map((each) => `${each[name]?.p50 ?? 0}/${each[name]?.p99 ?? 0}`).join(' → ')}`,
  );
  return {
    figures: {
      contacts: count,
      events: count * eventsPerContact,
      growSeconds,
      ...sizes,
      ...ingest,
      readsP50AndP99MsSmallThenGrown: told.join(', '),
      wronglyAnswered: wrong.join(', '),
      sequentialScans: scans.join('; '),
      ...updating,
    },
    marks: {
      [`ingest is at least ${least} of that of the smaller database`]: ingest.ingestOfEmpty >= least,
      'every read is answered': wrong.length === 0,
      [`${MARKED.join(', ')} are answered with ${quantile} below ${tookMaxMs} ms`]: MARKED.every(
        (name) => (reads[1][name]?.[quantile] ?? Infinity) < tookMaxMs,
      ),
      'nothing scans the contacts or the journal': scans.length === 0,
    },
  };
}

async function settle(cluster: Cluster, name: string, contacts: number): Promise<Site> {
  const url = cluster.urlOf(name);
  await ask(cluster.urlOf('postgres'), `create database ${name}`);
  await (await Replica.start(url)).stop();
  await grow(url, contacts);
  return { url, contacts, replica: await Replica.start(url) };
}

async function sizesOf(url: string): Promise<Readonly<Record<string, number>>> {
  const [row] = await ask<Record<string, number>>(
    url,
    `select (pg_table_size('contact') / (select count(*) from contact))::int as "bytesAContact",
            (pg_indexes_size('contact') / (select count(*) from contact))::int as "indexBytesAContact",
            (pg_table_size('audit_event') / (select count(*) from audit_event))::int as "bytesAnEvent",
            (pg_indexes_size('audit_event') / (select count(*) from audit_event))::int as "indexBytesAnEvent",
            (pg_database_size(current_database()) / 1024 / 1024)::int as "databaseMiB"`,
  );
  return row ?? {};
}

interface Timing {
  readonly p50: number;
  readonly p99: number;
  readonly wrong: number;
}

/** Each read, one request after the other, after some that warm up. */
async function time(
  { replica, contacts }: Site,
  dice: Dice,
  isShort: boolean,
): Promise<Readonly<Record<string, Timing>>> {
  const [warmUpCount, count] = isShort ? [10, 50] : [50, 500];
  const timings: Record<string, Timing> = {};
  for (const [name, read] of Object.entries(READS)) {
    const tookMs: number[] = [];
    let wrong = 0;
    for (let n = -warmUpCount; n < count; n++) {
      const began = performance.now();
      const { status } = await read(replica, 1 + dice.roll(contacts - 8));
      if (n < 0) continue;
      tookMs.push(performance.now() - began);
      // of a deleted contact there is nothing to be shown
      if (status !== 200 && !(name === 'get' && status === 410)) wrong += 1;
    }
    tookMs.sort((a, b) => a - b);
    const at = (part: number): number => Math.round(10 * (tookMs[Math.floor(part * count)] ?? 0)) / 10;
    timings[name] = { p50: at(0.5), p99: at(0.99), wrong };
  }
  return timings;
}

/** The statements whose plans scan contacts or the journal from one end to the other, as Postgres tells of what it runs. */
async function findScans(cluster: Cluster, { url, contacts }: Site, dice: Dice): Promise<readonly string[]> {
  const database = new URL(url).pathname.slice(1);
  const set = (setting: string): Promise<unknown> =>
    ask(cluster.urlOf('postgres'), `alter database ${database} set ${setting}`);
  await set(`session_preload_libraries = 'auto_explain'`);
  await set('auto_explain.log_min_duration = 0');
  const replica = await Replica.start(url);
  for (const read of Object.values(READS)) await read(replica, 1 + dice.roll(contacts - 8));
  await replica.stop();
  await ask(cluster.urlOf('postgres'), `alter database ${database} reset all`);
  const plans = cluster
    .log()
    .split(/LOG: {2}duration: /)
    .slice(1);
  const found = plans
    .filter((plan) => /Seq Scan on (contact|audit_event)\b/.test(plan))
    .map((plan) => /Query Text: ([^]{0,120})/.exec(plan)?.[1]?.replace(/\s+/g, ' ') ?? plan);
  if (plans.length < Object.keys(READS).length) throw new Error('Postgres does not tell of its plans');
  return [...new Set(found)];
}

/** Signed deliveries for one replica after the other. */
class Load {
  private readonly dir = mkdtempSync(join(tmpdir(), 'mirror-grown-'));
  private readonly file = join(this.dir, 'requests');
  private readonly random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** Events a second over so many seconds; of `bodies`, else of contacts that the database does not know yet. */
  async measure({ replica }: Site, seconds: number, bodies?: Iterable<string>): Promise<number> {
    writeRequests(this.file, bodies ?? callbacks(this.random, perSecondMax * seconds), SECRET);
    const port = Number(new URL(replica.process.base).port);
    const sent = await send('node', { port, connections, seconds, requests: this.file });
    if (sent.refused + sent.failed > 0) throw new Error(`${sent.refused} refused, ${sent.failed} failed`);
    return sent.answers / sent.seconds;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

/** In turn, so that what else the machine does hits both; medians. */
async function compareIngest(
  load: Load,
  small: Site,
  grown: Site,
  rounds: number,
): Promise<{
  readonly smallPerSecond: number;
  readonly grownPerSecond: number;
  readonly ingestOfEmpty: number;
}> {
  const rates: { small: number; grown: number }[] = [];
  for (let round = 0; round <= rounds; round++)
    rates.push({
      small: await load.measure(small, roundSeconds),
      grown: await load.measure(grown, roundSeconds),
    });
  const measured = rates.slice(1); // the first warms up
  const median = (values: readonly number[]): number =>
    [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const ofEmpty = median(measured.map((rate) => rate.grown / rate.small));
  return {
    smallPerSecond: Math.round(median(measured.map((rate) => rate.small))),
    grownPerSecond: Math.round(median(measured.map((rate) => rate.grown))),
    ingestOfEmpty: Math.round(100 * ofEmpty) / 100,
  };
}

/** Updates of contacts that are there, and what they leave to autovacuum. */
async function update(
  load: Load,
  grown: Site,
  dice: Dice,
  minutes: number,
): Promise<Readonly<Record<string, number>>> {
  const roundOfUpdatesSeconds = 30;
  const before = await vacuumed(grown.url);
  let version = BigInt(Date.now()) * 1_000_000n;
  const rates: number[] = [];
  for (const end = Date.now() + minutes * 60_000; Date.now() < end;) {
    const bodies = Array.from({ length: perSecondMax * roundOfUpdatesSeconds }, () =>
      callback(
        { update: contact(idOf(1 + dice.roll(grown.contacts)), { metadata: String(version) }) },
        (version += 1_000n),
      ).toString(),
    );
    rates.push(await load.measure(grown, roundOfUpdatesSeconds, bodies));
    process.stderr.write(`${JSON.stringify({ perSecond: rates.at(-1), ...(await vacuumed(grown.url)) })}\n`);
  }
  const after = await vacuumed(grown.url);
  return {
    updatesPerSecondFirst: Math.round(rates[0] ?? 0),
    updatesPerSecondLast: Math.round(rates.at(-1) ?? 0),
    updates: after.updates - before.updates,
    hotOfUpdates:
      Math.round((100 * (after.hot - before.hot)) / Math.max(1, after.updates - before.updates)) / 100,
    deadRows: after.dead,
    autovacuumsOfContacts: after.autovacuums - before.autovacuums,
    contactTableMiBBefore: before.tableMiB,
    contactTableMiBAfter: after.tableMiB,
  };
}

interface Vacuumed {
  readonly updates: number;
  readonly hot: number;
  readonly dead: number;
  readonly autovacuums: number;
  readonly tableMiB: number;
}

async function vacuumed(url: string): Promise<Vacuumed> {
  const [row] = await ask<Vacuumed>(
    url,
    `select n_tup_upd::int as updates, n_tup_hot_upd::int as hot, n_dead_tup::int as dead, autovacuum_count::int as autovacuums,
            (pg_table_size('contact') / 1024 / 1024)::int as "tableMiB"
     from pg_stat_user_tables where relname = 'contact'`,
  );
  if (row === undefined) throw new Error('There are no contacts');
  return row;
}
