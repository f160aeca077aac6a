import { setTimeout as delay } from 'node:timers/promises';
import type { OpenAPIObject } from '@nestjs/swagger';
import { Agent } from 'undici';
import { accessVariables } from '../simulator/demo/access-variables';
import { startSimulator, type Simulator } from '../simulator/simulator';
import { Contract, type Route } from '../test/support/http/contract';
import { Sink } from '../test/support/outward/sink';
import { ask } from '../test/support/postgres/connections';
import { subscribe } from '../test/support/sinch/at-simulator';
import { callback, contact, sign } from '../test/support/sinch/callbacks';
import { Cluster } from './cluster';
import { RequestGenerator, type GeneratedRequest, type KnownValues } from './generate-request';
import { Dice, type Finding, type Options } from './proof';
import { KEY, Replica, SECRET } from './replica';

const workersCount = 3;
const faultsShownMax = 5;
const answerMaxMs = 30_000;
/** How often a route is tried on that has not answered what was asked, or has refused nothing. */
const furtherTriesMax = 100;
const followedMaxMs = 10_000;
/** Everybody may ask these, in any form. */
const OPEN = new Set([
  '/',
  '/health/live',
  '/health/ready',
  '/docs',
  '/openapi.json',
  '/problems',
  '/v1/destination-kinds',
  '/v1/event-types',
]);

/** So that events may be sent to a receiver on this machine. */
const OUTWARD = {
  OUTWARD_KEYS: Buffer.alloc(32, 'o').toString('base64'),
  OUTWARD_ALLOW_HTTP: 'true',
  OUTWARD_ALLOWED_NETWORKS: '127.0.0.0/8',
};
const subscriptionsCount = 100;
/** Of deliveries that wait. */
const PARKED_IDS = Array.from({ length: 20 }, (_, n) => `evt_1_${n + 1}_0`);

/** What was answered to the requests of one route. */
interface Tally {
  good: number;
  refused: number;
}

/** Requests made up from the OpenAPI document, good and bad, for each of its routes: what is answered, the document says too. */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const cluster = await Cluster.embedded();
  const simulator = await startSimulator({ seed, populationMin: 60 });
  const sink = await Sink.open();
  const replica = Replica.begin(cluster.url, { ...accessVariables(simulator), ...OUTWARD });
  await replica.process.ready();
  await fill(simulator, replica);
  await park(simulator.projectId, cluster);
  await subscribeOthers(simulator.projectId, replica, cluster, sink.url);
  const document = JSON.parse((await replica.get('/openapi.json')).body) as OpenAPIObject;
  const contract = new Contract(document);
  const known = await learn(simulator.projectId, replica, sink.url);
  const generator = new RequestGenerator(document, dice, known);
  const tallies = new Map<Route, Tally>(contract.routes.map((route) => [route, { good: 0, refused: 0 }]));
  const client = new Agent({ connections: workersCount, headersTimeout: answerMaxMs });
  /** An example of each kind. */
  const faults = new Map<string, string>();
  let [requests, failures, longestMs] = [0, 0, 0];

  const judge = async (route: Route, request: GeneratedRequest): Promise<void> => {
    const began = performance.now();
    const response = await client.request({
      origin: replica.process.base,
      ...request,
      body: request.method === 'GET' ? null : request.body,
    });
    const status = response.statusCode;
    const text = await response.body.text();
    longestMs = Math.max(longestMs, performance.now() - began);
    requests += 1;
    // where there is no Sinch to be asked, or it refuses, that is what is documented
    const isFailure = status >= 500 && !text.includes('"code":"upstream-');
    if (isFailure) failures += 1;
    const fault = contract.faultOf(request.method, request.path, { status, headers: response.headers, text });
    if (fault !== null || isFailure) {
      const kind = `${route.method} ${route.template} ${fault ?? status}`;
      faults.set(kind, `${request.path} ${request.body ?? ''}: ${text}`.slice(0, 600));
    }
    const tally = tallies.get(route);
    if (tally !== undefined) tally[status < 400 ? 'good' : 'refused'] += 1;
  };
  const rounds = isShort ? 20 : 1_000;
  const turns = Array.from({ length: rounds }, () => contract.routes)
    .flat()
    .entries();
  const work = async (): Promise<void> => {
    for (const [, route] of turns) {
      const good = generator.good(route, headersFor(route));
      await judge(route, signedIfDelivered(route, good));
      await judge(route, signedIfDelivered(route, generator.bad(route, headersFor(route))));
    }
  };
  await Promise.all(Array.from({ length: workersCount }, work));
  // whatever the dice left out
  for (const [route, tally] of tallies) {
    for (let n = 0; n < furtherTriesMax && (tally.good === 0 || tally.refused === 0); n++) {
      const make = tally.good === 0 ? 'good' : 'bad';
      await judge(route, signedIfDelivered(route, generator[make](route, headersFor(route))));
    }
  }

  await client.close();
  const { isRunning } = replica;
  const { code, stdout, stderr } = await replica.process.stop();
  await simulator.close();
  await sink.close();
  await cluster.remove();
  const namesOf = (kind: keyof Tally): string[] =>
    [...tallies].flatMap(([{ method, template }, tally]) =>
      tally[kind] === 0 && !(kind === 'refused' && OPEN.has(template)) ? [`${method} ${template}`] : [],
    );
  const [neverGood, neverRefused] = [namesOf('good'), namesOf('refused')];
  return {
    figures: {
      routes: contract.routes.length,
      requests,
      failures,
      longestMs: Math.round(longestMs),
      faults: [...faults].slice(0, faultsShownMax).flat().join(' | '),
      neverGood: neverGood.join(', '),
      neverRefused: neverRefused.join(', '),
    },
    marks: {
      'every answer is as documented': faults.size === 0,
      'none is 5xx, but for what Sinch refuses': failures === 0,
      'every route answered what was asked': neverGood.length === 0,
      'every route refused something': neverRefused.length === 0,
      'the process lives, and its log has no error':
        isRunning && code === 0 && stderr === '' && !stdout.includes('"level":50'),
    },
  };
}

/** Contacts, merges and duplicates by a life at Sinch, and what was signed and cannot be applied. */
async function fill(simulator: Simulator, replica: Replica): Promise<void> {
  await subscribe(simulator, replica.process.base, SECRET);
  simulator.seed(60);
  simulator.live(300);
  await simulator.settled();
  const base = `/v1/projects/${encodeURIComponent(simulator.projectId)}`;
  const broken = { project_id: simulator.projectId, contact_create_notification: {} };
  for (let n = 0; n < 20; n++) await replica.deliver(Buffer.from(JSON.stringify({ ...broken, n })));
  // what came late applies when it is replayed
  for (let n = 0; n < 40; n++) {
    const body = callback({ create: contact(`late ${n}`) }, BigInt(n + 1), {
      project_id: simulator.projectId,
    });
    await replica.deliver(body, '1700000000');
  }
  for (let n = 0; n < 20; n++) {
    const grant = { name: `key ${n}`, scopes: ['contacts:read'], project_ids: [simulator.projectId] };
    await replica.post('/v1/api-keys', grant);
  }
  await replica.post(`${base}/sync-runs`, { mode: 'reconcile' });
}

/** Events as a follower sets them aside that cannot handle them. */
async function park(projectId: string, cluster: Cluster): Promise<void> {
  await ask(
    cluster.url,
    `insert into parked_event (follower, event_id, project_id, reason, tries)
     select 'stats', id, project_id, 'SQLSTATE 22P02', 3 from audit_event where project_id = $1 order by id limit 200`,
    [projectId],
  );
}

/** Subscriptions, so many that those are left that nobody deletes; with deliveries that wait, a run and an older key each. */
async function subscribeOthers(
  projectId: string,
  replica: Replica,
  cluster: Cluster,
  url: string,
): Promise<void> {
  for (let n = 0; n < subscriptionsCount; n++)
    await replica.post(`/v1/projects/${encodeURIComponent(projectId)}/subscriptions`, {
      name: `system ${n}`,
      purpose: 'trigger',
      state: 'paused',
      destination: { kind: 'webhook', url },
    });
  await ask(
    cluster.url,
    `insert into parked_delivery (project_id, subscription_id, event_id, type, subject, stream, era, tx, id, place, keys, tries, message_faults,
                                  stood_still_ms, reason)
     select project_id, id, event_id, 'contact.updated', 'c', 'journal', 1, '1', 1, 0, '{c}', 1, 0, 0, 'status-5xx'
     from subscription, unnest($1::text[]) as event_id`,
    [PARKED_IDS],
  );
  // of the number that the sync run has, since both are named `run_id`
  await ask(
    cluster.url,
    `insert into subscription_run (project_id, subscription_id, id, kind, request, requested_by, state) overriding system value
     select s.project_id, s.id, r.id, 'snapshot', '{"rate_per_second":null,"status":"active"}', 'admin', 'done'
     from subscription s, sync_run r`,
  );
  await ask(cluster.url, `select setval(pg_get_serial_sequence('subscription_run', 'id'), 1000)`);
  await ask(
    cluster.url,
    `update subscription
     set signing_keys = (signing_keys::jsonb || jsonb_set(signing_keys::jsonb -> 0, '{id}', '"older"'))::json`,
  );
}

/** The ids that are there, by the names of the parameters and fields that take them. */
async function learn(projectId: string, replica: Replica, sinkUrl: string): Promise<KnownValues> {
  const base = `/v1/projects/${encodeURIComponent(projectId)}`;
  const idsOf = async (path: string, list: string): Promise<string[]> => {
    const page = JSON.parse((await replica.get(path)).body) as Record<string, { id: string }[]>;
    return (page[list] ?? []).map(({ id }) => id);
  };
  const contacts = await idsOf(`${base}/contacts?status=all&page_size=200`, 'contacts');
  const active = await idsOf(`${base}/contacts?page_size=200`, 'contacts');
  const created = await replica.post('/v1/api-keys', {
    name: 'token',
    scopes: ['contacts:read'],
    project_ids: [projectId],
  });
  const { id, key } = JSON.parse(created.body) as { id: string; key: string };
  return new Map([
    ['project_id', [projectId]],
    ['project_ids', [projectId]],
    ['contact_id', contacts],
    ['ids', contacts],
    ['survivor_id', active],
    ['loser_id', active],
    ['merge_id', await idsOf(`${base}/merges?page_size=200`, 'merges')],
    ['duplicate_id', await foundDuplicates(() => idsOf(`${base}/duplicates?page_size=200`, 'duplicates'))],
    ['event_id', [...(await idsOf(`${base}/audit-events?page_size=50`, 'audit_events')), ...PARKED_IDS]],
    ['subscription_id', await idsOf(`${base}/subscriptions?page_size=200`, 'subscriptions')],
    ['event_type', ['contact.created', 'contact.merged']],
    ['which', ['older']],
    ['url', [sinkUrl]],
    ['run_id', await idsOf(`${base}/sync-runs`, 'sync_runs')],
    ['parked_event_id', await idsOf('/v1/parked-events?page_size=200', 'parked_events')],
    ['delivery_id', await idsOf('/v1/quarantine?page_size=200', 'quarantine')],
    // not the one for the tokens, which somebody would revoke
    ['key_id', (await idsOf('/v1/api-keys', 'api_keys')).filter((each) => each !== id)],
    ['system', ['crm', 'shop']],
    ['external_id', ['1', '2', '3', '4', '5']],
    ['tz', ['UTC', 'Europe/Berlin', 'America/St_Johns']],
    ['code', ['not-found', 'forbidden']],
    ['grant_type', ['client_credentials']],
    ['client_id', [id]],
    ['client_secret', [key]],
    ['scope', ['contacts:read']],
    ['from', ['2024-06-01T00:00:00Z']],
    ['to', ['2024-06-03T00:00:00Z']],
  ]);
}

/** Duplicates follow the journal: they are there a moment later. */
async function foundDuplicates(find: () => Promise<string[]>): Promise<string[]> {
  for (const end = Date.now() + followedMaxMs; Date.now() < end;) {
    const found = await find();
    if (found.length >= 5) return found;
    await delay(50);
  }
  return find();
}

function headersFor({ operation, method }: Route): Readonly<Record<string, string>> {
  const key = 'security' in operation ? { authorization: `Bearer ${KEY}` } : {};
  return method.toUpperCase() === 'PATCH' ? { ...key, 'if-match': '*' } : key;
}

/** Half of what is sent to the webhook is signed by Sinch. */
function signedIfDelivered({ template }: Route, request: GeneratedRequest): GeneratedRequest {
  if (template !== '/webhooks/sinch' || (request.body ?? '').length % 2 === 1) return request;
  return { ...request, headers: { ...sign(request.body ?? '', SECRET), ...request.headers } };
}
