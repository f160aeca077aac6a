import { readFileSync, writeFileSync } from 'node:fs';
import type { OpenAPIObject } from '@nestjs/swagger';
import { DataSource } from 'typeorm';
import type { ShownApiKeyObject } from '../../src/access/api-keys.dto';
import { CommitQueue } from '../../src/audit/commit/commit-queue';
import { batchOf, commitBatch } from '../../src/audit/commit/commit.repository';
import type { ContactEvent } from '../../src/audit/commit/contact-event.rule';
import { claimEra } from '../../src/audit/commit/eras.repository';
import { ContactsRepository } from '../../src/contacts/contacts.repository';
import { MergesRepository } from '../../src/contacts/merges/merges.repository';
import { ProjectReads } from '../../src/database/reads/project-reads';
import type { Session } from '../../src/database/session';
import { DuplicatesFollower } from '../../src/duplicates/duplicates-follower';
import { EvidenceRepository } from '../../src/matching/evidence.repository';
import { FollowersRepository } from '../../src/followers/followers.repository';
import { LocksRepository } from '../../src/followers/locks.repository';
import { JournalFollowers } from '../../src/followers/journal-followers.service';
import { ParkedEventsRepository } from '../../src/followers/parked-events.repository';
import { OutwardWorker } from '../../src/outward/outward-worker.service';
import { OutwardSweepService } from '../../src/operations/outward-sweep.service';
import { TableGrowthService } from '../../src/operations/table-growth.service';
import { WaitingNamesRepository } from '../../src/operations/waiting-names.repository';
import { WaitingNamesService } from '../../src/operations/waiting-names.service';
import { ProjectionRefreshService } from '../../src/projection-refresh/projection-refresh.service';
import { CountedContactsRepository } from '../../src/stats/counted-contacts.repository';
import { CountsRepository } from '../../src/stats/counts.repository';
import { StatsFollower } from '../../src/stats/stats-follower';
import { QuarantineReplaysService } from '../../src/webhook/quarantine-replays.service';
import { CountingServer, cheapest, type Counted } from '../support/costs/counting-server';
import { changesOf, readCosts, writeCosts, type Costs } from '../support/costs/costs-table';
import {
  bodyAt,
  BUSY,
  duplication,
  eventAt,
  id,
  merge,
  past,
  person,
  PROJECT,
} from '../support/costs/people';
import { OUTWARD_ROWS } from '../support/costs/outward-rows';
import { findReads, type Request } from '../support/costs/reads';
import { ADMIN_KEY, App, type Answer, type Project } from '../support/http/app';
import { Contract } from '../support/http/contract';
import { assembleFollower } from '../support/postgres/assemble-follower';
import { ask, openSession } from '../support/postgres/connections';
import type { Told } from '../support/sinch/callbacks';

jest.setTimeout(600_000);

const DOCUMENT = 'docs/costs.md';
const COMMAND = 'UPDATE_COSTS=1 npm test -- test/postgres/costs.test.ts';
/** Most times that each is done. The first is not counted: it opens connections and prepares statements. */
const roundsMax = 5;
/** How many contacts there are, and how many of them more than a creation is known of: events change others. */
const peopleCount = 2_200;
const eventfulCount = 1_000;

/** By what they are called in the table; each with the number of its round. */
type Requests = ReadonlyMap<string, (round: number) => Request>;

const ADMIN = { authorization: `Bearer ${ADMIN_KEY}` };

let server: CountingServer;
let app: App;
let project: Project;
let session: Session;
let era: number;
/** In the order in which they take their turns: the first reads for both. */
let followers: Readonly<Record<string, { readonly followOn: (isPoll?: boolean) => Promise<boolean> }>>;
/** What was counted, by the headings of the table. */
const counted = new Map<string, Map<string, Counted>>();
/** The paths of what was counted. */
const asked: { readonly method: string; readonly path: string }[] = [];

beforeAll(async () => {
  server = await CountingServer.start();
  app = await App.start({
    database: { ownerUrl: server.ownerUrl, url: server.url, drop: () => Promise.resolve() },
    serviceUrl: server.url,
  });
  project = app.project(PROJECT);
  // what works in the background does so here when it is asked
  for (const worker of [
    DuplicatesFollower,
    StatsFollower,
    ProjectionRefreshService,
    QuarantineReplaysService,
    TableGrowthService,
    OutwardSweepService,
    OutwardWorker,
    WaitingNamesService,
  ])
    await app.part<{ beforeApplicationShutdown: () => Promise<void> }>(worker).beforeApplicationShutdown();
  followers = assembleFollowers();
  session = await openSession(server.url);
  era = await claimEra(session);
  await fill();
  const reads = await findReads((path) => app.read(path), await makeKey());
  await countRequests('Reads', new Map([...reads].map(([name, request]) => [name, () => request])));
  await countRequests('Writes', await writes());
  await countEvents();
});
afterAll(async () => {
  await session.close();
  await app.stop();
  await server.stop();
});

function assembleFollowers(): typeof followers {
  const [pool, projectReads, queue] = [app.part(DataSource), app.part(ProjectReads), app.part(CommitQueue)];
  const journals = new JournalFollowers(
    new LocksRepository(pool),
    new FollowersRepository(pool),
    new ParkedEventsRepository(pool, projectReads),
  );
  const stats = new StatsFollower(
    queue,
    journals,
    new MergesRepository(projectReads),
    new ContactsRepository(projectReads),
    new CountedContactsRepository(),
    new CountsRepository(projectReads),
  );
  return {
    'follower of duplicates': assembleFollower(
      pool,
      projectReads,
      queue,
      new EvidenceRepository(projectReads),
      journals,
    ),
    'follower of stats': stats,
  };
}

async function follow(): Promise<void> {
  for (const follower of Object.values(followers)) while (await follower.followOn());
}

async function commit(events: readonly ContactEvent[]): Promise<void> {
  await commitBatch(session, await batchOf(era, events));
}

function requireDone(answer: Answer): Answer {
  if (answer.status >= 400) throw new Error(`An answer was ${answer.status}: ${answer.text}`);
  return answer;
}

/** Everything that reads show, by the service's own statements; some rows that only failures and Sinch would make, by SQL. */
async function fill(): Promise<void> {
  const events = [...past(peopleCount, eventfulCount)];
  for (let n = 0; n < events.length; n += 100) {
    await commit(events.slice(n, n + 100));
    if (n % 500 !== 400) continue;
    await follow();
    await app.part(WaitingNamesRepository).sortIn();
    await ask(server.ownerUrl, 'analyze');
  }
  await follow();
  await app.part(WaitingNamesRepository).sortIn();
  for (let n = 0; n < 60; n++) {
    const contactId = id(n % 3 === 0 ? BUSY : 2_000 + n);
    requireDone(
      await app.request('PUT', `${project.base}/contacts/${contactId}/references/crm/customer-${n}`, ADMIN),
    );
  }
  const { duplicates } = await project.read<{ duplicates: { id: string }[] }>('/duplicates?page_size=5');
  for (const { id: setId } of duplicates)
    requireDone(await project.post(`/duplicates/${setId}:dismiss`, { reason: 'brothers' }));
  for (let n = 0; n < 5; n++)
    requireDone(await app.deliver(JSON.stringify({ project_id: PROJECT, accepted_time: `${n} o’clock` })));
  await ask(
    server.ownerUrl,
    `insert into parked_event (follower, event_id, project_id, reason, tries)
     select 'duplicates', i, '${PROJECT}', 'SQLSTATE 54000', 3 from generate_series(1, 5) i;
     insert into sync_run (project_id, mode, state, requested_by, confirmed, finished_at)
     select '${PROJECT}', 'backfill', 'completed', 'somebody', false, now() from generate_series(1, 5)`,
  );
  for (let n = 0; n < 5; n++) {
    const destination = { kind: 'webhook', url: `https://93.184.216.34/${n}` };
    const made = requireDone(
      await project.post('/subscriptions', { name: `crm-${n}`, purpose: 'trigger', destination }),
    );
    const { id: subscriptionId } = made.json() as { readonly id: string };
    requireDone(await project.post(`/subscriptions/${subscriptionId}:pause`, {}));
  }
  await ask(server.ownerUrl, OUTWARD_ROWS);
  await follow();
  await ask(server.ownerUrl, 'vacuum (analyze)');
}

async function makeKey(): Promise<ShownApiKeyObject> {
  const answer = await app.post('/v1/api-keys', {
    name: 'reader',
    scopes: ['contacts:read'],
    project_ids: [PROJECT],
  });
  return requireDone(answer).json() as ShownApiKeyObject;
}

async function writes(): Promise<Requests> {
  const { base } = project;
  const reference = (round: number): string =>
    `${base}/contacts/${id(peopleCount - 1 - round)}/references/erp/new-${round}`;
  const { duplicates } = await project.read<{ duplicates: readonly { readonly id: string }[] }>(
    '/duplicates',
  );
  const set = (round: number): string => `${base}/duplicates/${duplicates[round]?.id ?? ''}`;
  const keys: ShownApiKeyObject[] = [];
  while (keys.length < roundsMax) keys.push(await makeKey());
  const keyOf = (round: number): string => `/v1/api-keys/${keys[round]?.id ?? ''}`;
  const post = (path: string, body?: unknown): Request => ({ method: 'POST', path, body });
  const until = new Date(Date.now() + 86_400_000).toISOString();
  const requests: Readonly<Record<string, (round: number) => Request>> = {
    'set a reference': (round) => ({ method: 'PUT', path: reference(round) }),
    'set a reference that is set': (round) => ({ method: 'PUT', path: reference(round) }),
    'set a reference, with an Idempotency-Key': (round) => ({
      method: 'PUT',
      path: `${reference(round)}-too`,
      headers: { 'idempotency-key': `reference-${round}` },
    }),
    'remove a reference': (round) => ({ method: 'DELETE', path: reference(round) }),
    'snooze a set of duplicates': (round) => post(`${set(round)}:snooze`, { until }),
    'dismiss a set of duplicates': (round) => post(`${set(round)}:dismiss`, { reason: 'brothers' }),
    'reopen a set of duplicates': (round) => post(`${set(round)}:reopen`, {}),
    'ask for a scan': () => post(`${base}/duplicates:scan`),
    'make an API key': () =>
      post('/v1/api-keys', { name: 'other', scopes: ['contacts:read'], project_ids: [PROJECT] }),
    'rotate an API key': (round) => post(`${keyOf(round)}:rotate`, {}),
    'revoke an API key': (round) => post(`${keyOf(round)}:revoke`),
  };
  return new Map(Object.entries(requests));
}

async function countRequests(title: string, requests: Requests): Promise<void> {
  for (const [name, requestOf] of requests) {
    const rounds: Counted[] = [];
    while (!areEnough(rounds)) {
      const request = requestOf(rounds.length);
      rounds.push(await server.count(() => send(request)));
    }
    note(title, name, rounds);
  }
}

async function send({ method, path, body, headers, status }: Request): Promise<void> {
  asked.push({ method, path });
  const isText = typeof body === 'string';
  const answer = await app.request(
    method,
    path,
    { ...ADMIN, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body === undefined || isText ? (body ?? null) : JSON.stringify(body),
  );
  if (answer.status >= 400 && answer.status !== status)
    throw new Error(`${method} ${path} was answered ${answer.status}: ${answer.text}`);
}

/** Until two cost the same: whatever meets one by chance, such as a new connection, only adds. */
function areEnough(rounds: readonly Counted[]): boolean {
  const [last, before] = [rounds.at(-1), rounds.at(-2)];
  if (rounds.length >= roundsMax) return true;
  return (
    rounds.length > 2 && last !== undefined && before !== undefined && changesOf(before, last).length === 0
  );
}

function note(title: string, name: string, rounds: readonly Counted[]): void {
  const section = counted.get(title) ?? new Map<string, Counted>();
  counted.set(title, section.set(name, cheapest(rounds.slice(1))));
}

/** What the n-th event of a type says: each is about a contact of its own, or two. */
const EVENTS: Readonly<Record<string, (n: number) => Told>> = {
  CREATE: (n) => ({ create: person(peopleCount + n) }),
  UPDATE: (n) => ({ update: person(peopleCount + n, 1) }),
  DELETE: (n) => ({ delete: person(peopleCount + n) }),
  MERGE: (n) => merge(eventfulCount + 2 * n, eventfulCount + 2 * n + 1),
  DUPLICATION: (n) => duplication(2 * n, 2 * n + 1),
};
const batchSize = 100;

/** Of each type a callback alone, as Sinch sends it, and a batch of a hundred; and what each follower does about it. */
async function countEvents(): Promise<void> {
  for (const [at, [type, toldOf]] of Object.entries(EVENTS).entries()) {
    const begin = 2 * peopleCount + 1_000 * at;
    await countEvent(type, async (round) => {
      await project.deliver(bodyAt(toldOf(round), begin + round));
    });
    await countEvent(`${batchSize} × ${type}`, async (round) => {
      const first = (round + 1) * batchSize;
      const events = Array.from({ length: batchSize }, (_, n) =>
        eventAt(toldOf(first + n), begin + first + n),
      );
      await commit(events);
    });
  }
}

async function countEvent(name: string, receive: (round: number) => Promise<void>): Promise<void> {
  const steps: Readonly<Record<string, (round: number) => Promise<unknown>>> = {
    received: receive,
    ...Object.fromEntries(
      Object.entries(followers).map(([who, follower]) => [who, () => follower.followOn()]),
    ),
  };
  const rounds = Object.entries(steps).map(([step, run]) => ({ step, run, found: [] as Counted[] }));
  while (!rounds.every(({ found }) => areEnough(found)))
    for (const { run, found } of rounds) {
      const round = found.length;
      found.push(await server.count(() => run(round)));
    }
  for (const { step, found } of rounds) note('Events', `${name}: ${step}`, found);
}

/** What is counted, without what it ran. */
function costsOf(section: ReadonlyMap<string, Counted>): Costs {
  return new Map(
    [...section].map(([name, { statements, framing, rows, buffers }]) => [
      name,
      { statements, framing, rows, buffers },
    ]),
  );
}

const all = (): ReadonlyMap<string, Counted> =>
  new Map([...counted.values()].flatMap((section) => [...section]));

/** The dearest statements of a row, for the reader of a failure. */
function statementsOf({ ran }: Counted): readonly string[] {
  return ran
    .filter(({ buffers }) => buffers > 0)
    .slice(0, 5)
    .map(
      ({ query, calls, rows, buffers }) =>
        `    ${calls} ×, ${rows} rows, ${buffers} buffers: ${query.replaceAll(/\s+/g, ' ').trim().slice(0, 110)}`,
    );
}

it('costs what the table says, for each kind of request and event', () => {
  const document = readFileSync(DOCUMENT, 'utf8');
  if (process.env['UPDATE_COSTS'] === '1') {
    const sections = [...counted].map(([title, section]) => ({ title, costs: costsOf(section) }));
    writeFileSync(DOCUMENT, writeCosts(document, sections));
    return;
  }
  const table = readCosts(document);
  const differences = [...all()].flatMap(([name, now]) => {
    const before = table.get(name);
    const changes = before === undefined ? ['not in the table'] : changesOf(before, now);
    return changes.length === 0
      ? []
      : [`  ${name}`, ...changes.map((change) => `    ${change}`), ...statementsOf(now)];
  });
  const stale = [...table.keys()].filter((name) => !all().has(name)).map((name) => `  ${name}: not counted`);
  if (differences.length + stale.length === 0) return;
  throw new Error(
    `Postgres has another amount of work than ${DOCUMENT} says:\n${[...differences, ...stale].join('\n')}\n` +
      `What became dearer by mistake is to be mended. What is worth it, or became cheaper, goes into the table: ${COMMAND}`,
  );
});

/** Pages of the documentation, which are the same for everybody and need no Postgres. */
const DOCUMENTATION = ['/openapi.json', '/docs', '/problems', '/problems/{code}'];

it('covers every read of the API', () => {
  const contract = new Contract(JSON.parse(readFileSync('docs/openapi.json', 'utf8')) as OpenAPIObject);
  const isRead = ({ method, operation }: (typeof contract.routes)[number]): boolean =>
    method === 'GET' || 'x-reads' in operation;
  const covered = new Set(asked.map(({ method, path }) => contract.routeOf(method, path)));
  const missing = contract.routes.filter(
    (route) => isRead(route) && !covered.has(route) && !DOCUMENTATION.includes(route.template),
  );
  expect(missing.map(({ method, template }) => `${method} ${template}`)).toEqual([]);
});
