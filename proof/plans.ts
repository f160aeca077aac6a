import { setTimeout as delay } from 'node:timers/promises';
import { batchOf, commitBatch } from '../src/audit/commit/commit.repository';
import type { ContactEvent } from '../src/audit/commit/contact-event.rule';
import { claimEra } from '../src/audit/commit/eras.repository';
import { id, past, PROJECT } from '../test/support/costs/people';
import { OUTWARD_ROWS } from '../test/support/costs/outward-rows';
import { findReads, type Request } from '../test/support/costs/reads';
import { ask, openSession } from '../test/support/postgres/connections';
import { Cluster } from './cluster';
import type { Finding, Options } from './proof';
import { Replica } from './replica';
import { untilFollowed } from './until-followed';

/** So many contacts make 50,000 events, and a million. */
const peopleShort = 31_000;
const peopleFull = 630_000;
const batchSize = 500;
/** How long those who follow have to come to the end of the journal, in ms. */
const followMaxMs = 3_600_000;
/** For how long it is listened what the service asks by itself, in ms. */
const idleMs = 3_000;
/** Most rows that are sorted: what a page of 100 may have of each of five types of events. */
const sortedMax = 505;

/** A table of fewer pages is read from one end to the other, and rightly so. */
const pagesMin = 16;

const BASE = `/v1/projects/${PROJECT}`;

/** How Postgres ran a statement, as `auto_explain` logs it. */
interface LoggedPlan {
  readonly 'Query Text': string;
  readonly Plan: Node;
}

interface Node {
  readonly 'Node Type': string;
  /** `InitPlan` and `SubPlan`: not an input, but a query of its own. */
  readonly 'Parent Relationship'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly Plans?: readonly Node[];
}

/**
 * Every kind of read of the API on a database of a million events, made by the service's own statements: how Postgres runs each.
 * No table that grows is read from one end to the other, no more than a page is sorted, and no worker helps.
 */
export async function run({ isShort, contacts }: Options): Promise<Finding> {
  const people = contacts ?? (isShort ? peopleShort : peopleFull);
  const cluster = await Cluster.embedded();
  const began = performance.now();
  await fill(cluster, people);
  const fillSeconds = Math.round((performance.now() - began) / 1_000);
  for (const setting of AUTO_EXPLAIN)
    await ask(cluster.urlOf('postgres'), `alter database mirror set ${setting}`);
  const replica = await Replica.start(cluster.url);
  const found = await explain(cluster, replica, people);
  const [counts] = await ask<{ contacts: number; events: number }>(
    cluster.url,
    'select (select count(*)::int from contact) as contacts, (select count(*)::int from audit_event) as events',
  );
  await replica.stop();
  await cluster.remove();
  return {
    figures: {
      ...counts,
      fillSeconds,
      ...found.figures,
      unanswered: found.unanswered.join('; '),
      faults: found.faults.map(describe).join('; '),
    },
    marks: {
      'every read is answered': found.unanswered.length === 0,
      'no read scans what grows, sorts more than a page, or has workers': found.faults.length === 0,
    },
  };
}

const AUTO_EXPLAIN = [
  `session_preload_libraries = 'auto_explain'`,
  'auto_explain.log_min_duration = 0',
  'auto_explain.log_analyze = on',
  'auto_explain.log_timing = off',
  `auto_explain.log_format = 'json'`,
];

/** The history by the commit's own statement, followed by a service; the rest by REST, or by SQL where failures alone would make it. */
async function fill(cluster: Cluster, people: number): Promise<void> {
  const replica = await Replica.start(cluster.url);
  const session = await openSession(cluster.url);
  const era = await claimEra(session);
  let batch: ContactEvent[] = [];
  const commit = async (): Promise<void> => {
    if (batch.length > 0) await commitBatch(session, await batchOf(era, batch));
    batch = [];
  };
  for (const event of past(people, people)) {
    batch.push(event);
    if (batch.length === batchSize) await commit();
  }
  await commit();
  await session.close();
  await untilFollowed(replica, PROJECT, followMaxMs);
  const { duplicates } = JSON.parse((await replica.get(`${BASE}/duplicates?page_size=5`)).body) as {
    readonly duplicates: readonly { readonly id: string }[];
  };
  for (const { id: setId } of duplicates) await replica.post(`${BASE}/duplicates/${setId}:dismiss`, {});
  await replica.deliver(Buffer.from(JSON.stringify({ project_id: PROJECT, accepted_time: 'soon' })));
  await untilFollowed(replica, PROJECT, followMaxMs);
  await replica.stop();
  await ask(cluster.url, ROWS, [PROJECT, people]);
  await ask(
    cluster.url,
    `insert into parked_event (follower, event_id, project_id, reason, tries) values ('duplicates', 1, '${PROJECT}', 'SQLSTATE 54000', 3)`,
  );
  await ask(
    cluster.url,
    `insert into sync_run (project_id, mode, state, requested_by, confirmed, finished_at)
     values ('${PROJECT}', 'backfill', 'completed', 'somebody', false, now())`,
  );
  await ask(cluster.url, OUTWARD_ROWS);
  await ask(cluster.url, 'vacuum (analyze)');
}

/** A reference for every tenth contact. */
const ROWS = `
insert into contact_reference (project_id, system, external_id, contact_id, created_by)
select $1, 'crm', 'customer-' || n, '01KC' || lpad((n * 10)::text, 22, '0'), 'somebody'
from generate_series(0, $2::int / 10 - 1) n`;

interface Found {
  readonly figures: { readonly reads: number; readonly plans: number };
  readonly unanswered: readonly string[];
  readonly faults: readonly Fault[];
}

/** What a read does that it must not. */
interface Fault {
  readonly read: string;
  readonly does: string;
  /** How many rows that is. */
  readonly rows: number;
}

const describe = ({ read, does, rows }: Fault): string => `${read} ${does} (${rows} rows)`;

async function explain(cluster: Cluster, replica: Replica, people: number): Promise<Found> {
  const reads = await readsOf(replica, people);
  const growing = new Set(
    (await ask<{ name: string }>(cluster.url, GROWING, [pagesMin])).map(({ name }) => name),
  );
  let logged = cluster.log().length;
  await delay(idleMs);
  const background = new Set(plansIn(cluster.log().slice(logged)).map((plan) => plan['Query Text']));
  const unanswered: string[] = [];
  const faults: Fault[] = [];
  let plansCount = 0;
  for (const [name, request] of reads) {
    logged = cluster.log().length;
    const { status } = await send(replica, request);
    if (status >= 400 && status !== request.status) unanswered.push(`${name}: ${status}`);
    const plans = plansIn(cluster.log().slice(logged)).filter((plan) => !background.has(plan['Query Text']));
    plansCount += plans.length;
    for (const { Plan: plan } of plans)
      faults.push(...faultsOf(plan, growing).map((fault) => ({ read: name, ...fault })));
  }
  if (plansCount < reads.size / 2) throw new Error('Postgres did not log its plans');
  return {
    figures: { reads: reads.size, plans: plansCount },
    unanswered,
    faults,
  };
}

/** As an admin, so without those that are about keys. Exports begin near their end: their pages are alike. */
async function readsOf(replica: Replica, people: number): Promise<ReadonlyMap<string, Request>> {
  const made = JSON.parse(
    (
      await replica.post('/v1/api-keys', {
        name: 'reader',
        scopes: ['contacts:read'],
        project_ids: [PROJECT],
      })
    ).body,
  ) as { readonly id: string; readonly key: string };
  const reads = await findReads(async <Answer>(path: string) => {
    const answer = await replica.get(path);
    if (answer.status !== 200) throw new Error(`${path} was answered ${answer.status}: ${answer.body}`);
    return JSON.parse(answer.body) as Answer;
  }, made);
  return new Map(
    [...reads]
      .filter(([name, { headers }]) => headers === undefined && name !== 'export of the journal')
      .map(([name, request]) => [
        name,
        name.startsWith('export')
          ? { ...request, path: `${request.path}&after=${id(people - 2_000)}` }
          : request,
      ]),
  );
}

function send(replica: Replica, { method, path, body }: Request): ReturnType<Replica['get']> {
  return method === 'GET' ? replica.get(path) : replica.post(path, body);
}

/** A plan's lines begin with a tab, as all lines of a message of the log but its first. */
function plansIn(log: string): readonly LoggedPlan[] {
  return [...log.matchAll(/LOG: {2}duration: [\d.]+ ms {2}plan:\n((?:\t.*\n)+)/g)].map(
    ([, json = '']) => JSON.parse(json.replaceAll(/^\t/gm, '')) as LoggedPlan,
  );
}

/** @param growing the tables that must not be scanned */
function faultsOf(node: Node, growing: ReadonlySet<string>): readonly Omit<Fault, 'read'>[] {
  // planned, but never executed
  if (node['Actual Loops'] === 0) return [];
  const [type, table = ''] = [node['Node Type'], node['Relation Name']];
  const inputs = node.Plans ?? [];
  const own: Omit<Fault, 'read'>[] = [];
  if (type === 'Seq Scan' && growing.has(table)) own.push({ does: `scans ${table}`, rows: rowsOf(node) });
  if (type.startsWith('Gather')) own.push({ does: 'has workers', rows: rowsOf(node) });
  const sorted = type.includes('Sort')
    ? inputs.reduce((sum, input) => sum + (input['Parent Relationship'] === 'Outer' ? rowsOf(input) : 0), 0)
    : 0;
  if (sorted > sortedMax) own.push({ does: 'sorts', rows: sorted });
  return [...own, ...inputs.flatMap((input) => faultsOf(input, growing))];
}

function rowsOf(node: Node): number {
  return Math.round((node['Actual Rows'] ?? 0) * (node['Actual Loops'] ?? 1));
}

/** The tables that have grown, by their names. */
const GROWING = `
select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relpages > $1`;
