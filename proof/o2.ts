import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callbacks, seededRandom } from '../bench/callbacks';
import { send } from '../bench/load';
import { median } from '../bench/median';
import { writeRequests } from '../bench/requests';
import { ask } from '../test/support/postgres/connections';
import { PROJECT } from '../test/support/sinch/callbacks';
import { Cluster } from './cluster';
import { payloads } from './compare-map';
import { eventsPerContact, grow, idOf, isGone, nameOf, updateOf } from './grown-database';
import { offer, type Sent } from '../bench/open-loop';
import { Dice, type Finding, type Options } from './proof';
import { Replica, SECRET } from './replica';
import { untilFollowed } from './until-followed';

/** The marks; a short run shares its machine, so it is held to medians and half the rate. */
const ingestMin = 0.8;
const ingestShortMin = 0.5;
const tookMaxMs = 20;

const connections = 64;
const roundSeconds = 3;
const perSecondMax = 12_000;
/** The updates that are offered: what leaves those who follow the journal, and autovacuum, their part of the machine. */
const updatesPerSecond = 1_000;
const minuteSeconds = 60;
/** As long as what SQL makes. */
const metadataLength = 128;
/** How long those who follow have to come to the end of the journal, in ms. */
const followMaxMs = 600_000;
/** How many contacts are made twice, by SQL and by a service that is sent their events. */
const comparedContacts = 2_000;
const sendersCount = 16;
/** How much smaller the database is that the grown one is compared with. */
const smaller = 100;

const CONTACTS = `/v1/projects/${PROJECT}/contacts`;
const BASE = `/v1/projects/${PROJECT}`;
/** The reads that have a mark; the others are only reported. */
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
  auditOfCreations: (replica) => replica.get(`${BASE}/audit-events?type=CONTACT_CREATE`),
  auditOfMinute: (replica, n) => replica.get(`${BASE}/audit-events?${minuteOf(n)}`),
  auditOfMerges: (replica) => replica.get(`${BASE}/audit-events?type=CONTACT_MERGE`),
  merges: (replica) => replica.get(`${BASE}/merges`),
  mergesOfContact: (replica, n) => replica.get(`${BASE}/merges?contact_id=${idOf(n)}`),
  duplicates: (replica) => replica.get(`${BASE}/duplicates`),
};

/** The window of a minute in which contact number `n` came, as query parameters. */
function minuteOf(n: number): string {
  const came = Date.parse('2024-06-15T15:00:00Z') + n * 1_000;
  const [from, to] = [came, came + 60_000].map((time) => new Date(time).toISOString());
  return `accepted_after=${from ?? ''}&accepted_before=${to ?? ''}`;
}

/** A database, and a replica that works on it. */
interface Site {
  readonly url: string;
  readonly contacts: number;
  readonly replica: Replica;
}

/**
 * A database of many contacts beside one that is a hundredth of it: each read, the plans, the sizes, and ingest in turn; then
 * updates for as many minutes as are asked for, with what autovacuum makes of them, and each read again.
 */
export async function run({ isShort, seed, minutes, contacts }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const count = contacts ?? (isShort ? 200_000 : 2_000_000);
  const cluster = await Cluster.embedded();
  const isGrownAlike = await growsAlike(cluster);
  const small = await settle(cluster, 'small', Math.ceil(count / smaller));
  const began = Date.now();
  const grown = await settle(cluster, 'grown', count);
  const growSeconds = Math.round((Date.now() - began) / 1_000);
  const sizes = await sizesOf(grown.url);
  tell({ growSeconds, ...sizes });
  const load = new Load(seed);
  const reads = [await time(small, dice, isShort), await time(grown, dice, isShort)];
  tell(reads);
  const scans = await findScans(cluster, grown, dice);
  const ingest = await compareIngest(load, small, grown, isShort ? 1 : 5);
  tell({ scans, ...ingest });
  await small.replica.stop();
  const updating = minutes === null ? {} : await update(load, grown, dice, minutes);
  if (minutes !== null) reads.push(await time(grown, dice, isShort));
  load.remove();
  await grown.replica.stop();
  await cluster.remove();

  const least = isShort ? ingestShortMin : ingestMin;
  const quantile = isShort ? 'p50' : 'p99';
  const wrong = reads.flatMap((each) => Object.keys(each).filter((name) => each[name]?.wrong !== 0));
  const told = Object.keys(READS).map(
    (name) => `${name} ${reads.map((each) => `${each[name]?.p50 ?? 0}/${each[name]?.p99 ?? 0}`).join(' → ')}`,
  );
  return {
    figures: {
      contacts: count,
      events: count * eventsPerContact,
      growSeconds,
      ...sizes,
      ...ingest,
      [`readsP50AndP99MsSmallThenGrown${minutes === null ? '' : 'ThenUpdated'}`]: told.join(', '),
      wronglyAnswered: wrong.join(', '),
      sequentialScans: scans.join('; '),
      ...updating,
    },
    marks: {
      'SQL leaves what the service would': isGrownAlike,
      [`ingest is at least ${least} of that of the smaller database`]: ingest.ingestOfSmall >= least,
      'every read is answered': wrong.length === 0,
      [`${MARKED.join(', ')} are answered with ${quantile} below ${tookMaxMs} ms`]: reads
        .slice(1)
        .every((each) => MARKED.every((name) => (each[name]?.[quantile] ?? Infinity) < tookMaxMs)),
      'nothing scans the contacts or the journal': scans.length === 0,
    },
  };
}

/** What was found so far: a run that takes hours, and is cut short, leaves that. */
function tell(found: object): void {
  process.stderr.write(`${JSON.stringify(found)}\n`);
}

async function settle(cluster: Cluster, name: string, contacts: number): Promise<Site> {
  const url = await createMigrated(cluster, name);
  await grow(url, contacts);
  return { url, contacts, replica: await Replica.start(url) };
}

async function createMigrated(cluster: Cluster, name: string): Promise<string> {
  await ask(cluster.urlOf('postgres'), `create database ${name}`);
  await (await Replica.start(cluster.urlOf(name))).stop();
  return cluster.urlOf(name);
}

/** Whether a service that is sent the same events comes to keep what SQL fills in. */
async function growsAlike(cluster: Cluster): Promise<boolean> {
  const filled = await createMigrated(cluster, 'filled');
  await grow(filled, comparedContacts);
  const url = await createMigrated(cluster, 'told');
  const replica = await Replica.start(url);
  const bodies = payloads(filled);
  const send = async (): Promise<void> => {
    for await (const body of bodies) {
      const { status } = await replica.deliver(body);
      if (status !== 200) throw new Error(`An event is answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: sendersCount }, send));
  await untilFollowed(replica, PROJECT, followMaxMs);
  await replica.stop();
  const [kept, demanded] = [await ask(filled, EVERYTHING), await ask(url, EVERYTHING)];
  return demanded.length > 7 * comparedContacts && JSON.stringify(kept) === JSON.stringify(demanded);
}

/** By table what is each database's own: ids, times of receipt, transactions, and fingerprints, which SQL makes up. */
const OWN_COLUMNS: Readonly<Record<string, readonly string[]>> = {
  audit_event: ['id', 'era', 'tx', 'received_at', 'fingerprint', 'tie_break', 'signature'],
  contact: ['tie_break', 'gone_tie_break', 'values_tx'],
  shared_value: [],
  duplicate_set: ['id', 'first_seen_at', 'last_seen_at'],
  counted_contact: ['created_tie_break'],
  project_count: [],
  acquisition_day: [],
};
const EVERYTHING = Object.entries(OWN_COLUMNS)
  .map(
    ([table, own]) =>
      `select '${table}' as table, to_jsonb(t) - '{${own.join()}}'::text[] as row from ${table} t`,
  )
  .join(' union all ')
  .concat(' order by 1, 2');

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

/** The statements whose plans scan all contacts or the whole journal, by the plans that Postgres logs. */
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
  if (plans.length < Object.keys(READS).length) throw new Error('Postgres did not log its plans');
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

  /** Events a second over so many seconds, of contacts that the database does not know yet. */
  async measure({ replica }: Site, seconds: number): Promise<number> {
    writeRequests(this.file, callbacks(this.random, perSecondMax * seconds), SECRET);
    const sent = await send('node', { port: portOf(replica), connections, seconds, requests: this.file });
    if (sent.refused + sent.failed > 0) throw new Error(`${sent.refused} refused, ${sent.failed} failed`);
    return sent.answers / sent.seconds;
  }

  /** So many updates a second for a minute, of contacts that are there. */
  async update({ replica, contacts }: Site, dice: Dice): Promise<Sent> {
    let now = BigInt(Date.now()) * 1_000_000n;
    const count = updatesPerSecond * minuteSeconds;
    const bodies = Array.from({ length: count }, () => {
      let i;
      do i = 1 + dice.roll(contacts - 1);
      while (isGone(i));
      return updateOf(i, String(now).padEnd(metadataLength, '-'), (now += 1_000n)).toString();
    });
    writeRequests(this.file, bodies, SECRET);
    const sent = await offer({
      port: portOf(replica),
      requests: this.file,
      count,
      perSecond: updatesPerSecond,
      connections,
      patienceMs: 10_000,
      ledger: join(this.dir, 'ledger'),
    });
    if (sent.statuses['200'] !== count) throw new Error(`Of ${count} updates: ${JSON.stringify(sent)}`);
    return sent;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

function portOf({ process: { base } }: Replica): number {
  return Number(new URL(base).port);
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
  readonly ingestOfSmall: number;
}> {
  const rates: { small: number; grown: number }[] = [];
  for (let round = 0; round <= rounds; round++)
    rates.push({
      small: await load.measure(small, roundSeconds),
      grown: await load.measure(grown, roundSeconds),
    });
  const measured = rates.slice(1); // the first warms up
  const ofSmall = median(measured.map((rate) => rate.grown / rate.small));
  return {
    smallPerSecond: Math.round(median(measured.map((rate) => rate.small))),
    grownPerSecond: Math.round(median(measured.map((rate) => rate.grown))),
    ingestOfSmall: Math.round(100 * ofSmall) / 100,
  };
}

/** Updates of contacts that are there, and what they leave to autovacuum. */
async function update(
  load: Load,
  grown: Site,
  dice: Dice,
  minutes: number,
): Promise<Readonly<Record<string, number>>> {
  await untilFollowed(grown.replica, PROJECT, followMaxMs);
  const before = await vacuumed(grown.url);
  const sent: Sent[] = [];
  for (const end = Date.now() + minutes * minuteSeconds * 1_000; Date.now() < end;) {
    const minute = await load.update(grown, dice);
    sent.push(minute);
    const { goodP50Ms, goodP99Ms } = minute;
    tell({ goodP50Ms, goodP99Ms, ...(await vacuumed(grown.url)) });
  }
  const sentAt = performance.now();
  await untilFollowed(grown.replica, PROJECT, followMaxMs);
  const secondsToFollow = Math.round((performance.now() - sentAt) / 1_000);
  const after = await vacuumed(grown.url);
  const part = Math.ceil(sent.length / 6);
  return {
    updates: sent.length * updatesPerSecond * minuteSeconds,
    updatesPerSecond,
    updateP50MsInFirstMinutes: median(sent.slice(0, part).map((minute) => minute.goodP50Ms)),
    updateP99MsInFirstMinutes: median(sent.slice(0, part).map((minute) => minute.goodP99Ms)),
    updateP50MsInLastMinutes: median(sent.slice(-part).map((minute) => minute.goodP50Ms)),
    updateP99MsInLastMinutes: median(sent.slice(-part).map((minute) => minute.goodP99Ms)),
    secondsToFollowAfterwards: secondsToFollow,
    hotOfUpdates:
      Math.round((100 * (after.hot - before.hot)) / Math.max(1, after.updates - before.updates)) / 100,
    deadRows: after.dead,
    autovacuumsOfContacts: after.autovacuums - before.autovacuums,
    contactTableMiBBefore: before.tableMiB,
    contactTableMiBAfter: after.tableMiB,
    databaseMiBAfter: after.databaseMiB,
  };
}

interface Vacuumed {
  readonly updates: number;
  readonly hot: number;
  readonly dead: number;
  readonly autovacuums: number;
  readonly tableMiB: number;
  readonly databaseMiB: number;
}

async function vacuumed(url: string): Promise<Vacuumed> {
  const [row] = await ask<Vacuumed>(
    url,
    `select n_tup_upd::int as updates, n_tup_hot_upd::int as hot, n_dead_tup::int as dead, autovacuum_count::int as autovacuums,
            (pg_table_size('contact') / 1024 / 1024)::int as "tableMiB",
            (pg_database_size(current_database()) / 1024 / 1024)::int as "databaseMiB"
     from pg_stat_user_tables where relname = 'contact'`,
  );
  if (row === undefined) throw new Error('There are no contacts');
  return row;
}
