import { setTimeout as delay } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import { ask } from '../test/support/postgres/connections';
import { type ReceivedWebhook, Sink } from '../test/support/outward/sink';
import { PROJECT } from '../test/support/sinch/callbacks';
import { Cluster } from './cluster';
import { Dice, type Finding, type Options } from './proof';
import { Replica } from './replica';
import { Traffic } from './workload';

const eventsCount = { short: 2_000, full: 20_000 } as const;
const killsCount = { short: 20, full: 1_000 } as const;
/** How long the receiver takes to answer at most, in ms: kills are to come while requests are under way. */
const answerMaxMs = { short: 60, full: 400 } as const;
const contactsCount = 400;
/** Of a hundred events so many fail at their first sending. */
const failingPercent = 8;
/** How long a process works at most before it is killed, in ms. */
const lifeMaxMs = 2_500;
/** For how long nothing may come, though something is left, once nobody is killed any more. */
const stalledMaxMs = 60_000;
const sendersCount = 16;
/** As many as one page has, each sent as two events at most here. */
const pageMessages = 1_000;

const SUBSCRIPTIONS = `/v1/projects/${PROJECT}/subscriptions`;
const TYPES = ['contact.created', 'contact.updated', 'contact.deleted', 'contact.merged'];

/** A body, as far as the order is judged by it. */
interface Told {
  readonly sequence: string;
  readonly subject: string;
  readonly data: { readonly survivor_id?: string };
}

/**
 * A service is killed again and again while it sends to a subscription; some events fail at first. Nothing is lost, and the events
 * of a contact arrive for the first time in their order, each after the one before was answered 2xx.
 *
 * A second subscription that nobody disturbs, on another process, shows what was to be sent, byte for byte.
 */
export async function run({ isShort, seed, kills }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const cluster = await Cluster.embedded();
  const env = {
    OUTWARD_ALLOW_HTTP: 'true',
    OUTWARD_ALLOWED_NETWORKS: '127.0.0.0/8',
    OUTWARD_KEYS: randomBytes(32).toString('base64'),
  };
  const [sink, calm] = [await Sink.open(), await Sink.open()];
  let replica = await started(cluster.url, env);
  const create = async (name: string, url: string): Promise<string> => {
    const destination = { kind: 'webhook', url };
    // a replica would be sent only the newest of what waits
    const body = { name, purpose: 'trigger', state: 'paused', destination };
    const filter = { types: TYPES, max_age_seconds: null };
    const answer = await replica.post(SUBSCRIPTIONS, { ...body, filter });
    if (answer.status !== 201) throw new Error(`No subscription: ${answer.status} ${answer.body}`);
    return (JSON.parse(answer.body) as { id: string }).id;
  };
  const [disturbed, undisturbed] = [await create('killed', sink.url), await create('calm', calm.url)];
  await deliver(replica, new Traffic(dice, contactsCount), isShort ? eventsCount.short : eventsCount.full);

  const settled = failSome(sink, dice, isShort ? answerMaxMs.short : answerMaxMs.full);
  await replica.post(`${SUBSCRIPTIONS}/${disturbed}:resume`, { from: 'cursor' });
  const killsMax = kills ?? (isShort ? killsCount.short : killsCount.full);
  let killed = 0;
  for (; killed < killsMax && !(await isDone(cluster.url, disturbed)); killed++) {
    await delay(dice.roll(lifeMaxMs));
    await replica.kill();
    // it is known to be dead: nobody has to wait for the end of its lease
    await ask(cluster.url, 'update subscription_progress set lease_until = now()');
    replica = await started(cluster.url, env);
  }
  await untilDone(cluster.url, disturbed, sink);
  await replica.post(`${SUBSCRIPTIONS}/${undisturbed}:resume`, { from: 'cursor' });
  await untilDone(cluster.url, undisturbed, calm);
  await replica.stop();
  await Promise.all([sink.close(), calm.close()]);

  const wanted = bodiesOf(calm.received);
  const got = bodiesOf(sink.received);
  const lost = [...wanted.keys()].filter((id) => !settled.has(id));
  const different = [...wanted].filter(
    ([id, bodies]) => [...bodies].join() !== [...(got.get(id) ?? [])].join(),
  );
  const early = violations(calm.received, sink.received, settled);
  const repeats = sink.received.filter(
    ({ id }, at) => at > (settled.get(id) ?? Number.MAX_SAFE_INTEGER),
  ).length;
  await cluster.remove();
  return {
    figures: {
      kills: killed,
      events: wanted.size,
      requests: sink.received.length,
      repeats,
      lost: lost.length,
      early: early.length,
    },
    marks: {
      'there were events to send': wanted.size > 0,
      'nothing is lost': lost.length === 0,
      'nothing else is sent': [...got.keys()].every((id) => wanted.has(id)),
      'every event has the same bytes at each attempt, on each process': different.length === 0,
      'first sendings of a contact are in order': early.length === 0,
      'at most a page is repeated for each kill': repeats <= killed * pageMessages,
    },
  };
}

async function started(url: string, env: Readonly<Record<string, string>>): Promise<Replica> {
  const replica = Replica.begin(url, env);
  await replica.process.ready();
  return replica;
}

async function deliver(replica: Replica, traffic: Traffic, count: number): Promise<void> {
  let left = count;
  const send = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const { status } = await replica.deliver(traffic.next());
      if (status !== 200) throw new Error(`A delivery was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: sendersCount }, send));
}

/** Has some events fail at their first sending. @returns where each was first answered 200, among all requests */
function failSome(sink: Sink, dice: Dice, slowestMs: number): ReadonlyMap<string, number> {
  const failing = new Map<string, boolean>();
  const settled = new Map<string, number>();
  sink.answer = async ({ id }, times) => {
    await delay(dice.roll(slowestMs));
    if (!failing.has(id)) failing.set(id, dice.roll(100) < failingPercent);
    if (failing.get(id) === true && times === 1) return 500;
    if (!settled.has(id)) settled.set(id, sink.received.length - 1);
    return 200;
  };
  return settled;
}

async function isDone(url: string, subscriptionId: string): Promise<boolean> {
  const [row] = await ask<{ isDone: boolean }>(
    url,
    `select not exists (select from parked_delivery d where d.subscription_id = p.subscription_id)
            and not exists (select from audit_event e where (e.era, e.tx, e.id) > (p.era, p.tx, p.id) and e.type <> 'CONTACT_IDENTITIES_DUPLICATION') as "isDone"
     from subscription_progress p where p.subscription_id = $1`,
    [subscriptionId],
  );
  return row?.isDone === true;
}

async function untilDone(url: string, subscriptionId: string, sink: Sink): Promise<void> {
  for (let [seen, since] = [0, Date.now()]; !(await isDone(url, subscriptionId));) {
    if (sink.received.length > seen) [seen, since] = [sink.received.length, Date.now()];
    if (Date.now() - since > stalledMaxMs) throw new Error(`Nothing came for ${stalledMaxMs} ms`);
    await delay(100);
  }
}

function bodiesOf(received: readonly ReceivedWebhook[]): ReadonlyMap<string, ReadonlySet<string>> {
  const bodies = new Map<string, Set<string>>();
  for (const { id, body } of received) bodies.set(id, (bodies.get(id) ?? new Set()).add(body.toString()));
  return bodies;
}

/** Events that first came before one of the same contact, which stands before them in the journal, was answered 2xx. */
function violations(
  told: readonly ReceivedWebhook[],
  received: readonly ReceivedWebhook[],
  settled: ReadonlyMap<string, number>,
): readonly string[] {
  const firstAt = new Map<string, number>();
  for (const [at, { id }] of received.entries()) if (!firstAt.has(id)) firstAt.set(id, at);
  const inOrder = told
    .map(({ id, body }) => ({ id, ...(JSON.parse(body.toString()) as Told) }))
    .sort((a, b) => compareSequences(a.sequence, b.sequence) || (a.id < b.id ? -1 : 1));
  const last = new Map<string, string>();
  const early: string[] = [];
  for (const { id, subject, data } of inOrder) {
    for (const key of [subject, ...(data.survivor_id === undefined ? [] : [data.survivor_id])]) {
      const before = last.get(key);
      if (before !== undefined && (firstAt.get(id) ?? -1) < (settled.get(before) ?? Number.MAX_SAFE_INTEGER))
        early.push(`${id} before ${before}`);
      last.set(key, id);
    }
  }
  return early;
}

function compareSequences(a: string, b: string): number {
  const [one, other] = [a.split('.').map(BigInt), b.split('.').map(BigInt)];
  for (const [n, part] of one.entries()) {
    const against = other[n] ?? 0n;
    if (part !== against) return part < against ? -1 : 1;
  }
  return 0;
}
