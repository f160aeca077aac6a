import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../test/support/postgres/connections';
import { callback, contact, PROJECT, sign } from '../test/support/sinch/callbacks';
import { KEY, SECRET, type Replica } from './replica';

const BASE = `/v1/projects/${PROJECT}`;
/** A time of 2024, in nanoseconds since the epoch. */
const BEGIN = 1_718_460_000_000_000_000n;
/** Longest wait for the followers, in seconds. */
const followedMaxSeconds = { short: 60, full: 240 } as const;
/** After how long a steady delivery without an answer counts as refused, in ms. */
const answerMaxMs = 30_000;

/** What a load works on. */
export interface Target {
  readonly replica: Replica;
  /** Of its database, as its owner. */
  readonly databaseUrl: string;
  readonly isShort: boolean;
}

/** A load that once stopped the service, held it up, or exhausted its memory. */
export type Load = (target: Target) => Promise<void>;

let deliveries = 0;

async function deliver({ replica }: Target, told: Parameters<typeof callback>[0]): Promise<void> {
  const body = callback(told, BEGIN + BigInt(deliveries++) * 1_000n);
  const { status } = await replica.deliver(body);
  if (status !== 200) throw new Error(`A delivery was answered ${status}`);
}

async function deliverAll(
  target: Target,
  told: readonly Parameters<typeof callback>[0][],
  atOnce = 16,
): Promise<void> {
  const left = [...told].reverse();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) await deliver(target, next);
    }),
  );
}

interface Summary {
  readonly follower: { readonly lag_events: number; readonly lag_seconds: number };
}

/** Waits until the followers have handled what was delivered until now; more is delivered meanwhile. */
async function followed({ replica, isShort }: Target): Promise<void> {
  const began = Date.now();
  const maxSeconds = isShort ? followedMaxSeconds.short : followedMaxSeconds.full;
  for (;;) {
    const answers = [
      await replica.get(`${BASE}/duplicates:summary`),
      await replica.get(`${BASE}/stats/overview`),
    ];
    const waitedSeconds = (Date.now() - began) / 1_000;
    const isBehind = answers.some(({ status, body }) => {
      if (status !== 200) return true;
      const { lag_events: events, lag_seconds: seconds } = (JSON.parse(body) as Summary).follower;
      return events > 0 && seconds > waitedSeconds;
    });
    if (!isBehind) return;
    if (waitedSeconds > maxSeconds)
      throw new Error(
        `After ${maxSeconds} s the followers had not handled what was delivered: ${answers.map(({ body }) => lagOf(body)).join(', ')}`,
      );
    await delay(100);
  }
}

function lagOf(body: string): string {
  const { follower } = JSON.parse(body) as Partial<Summary>;
  return `${follower?.lag_events ?? '?'} events behind`;
}

const alone = (id: string, fields: Record<string, unknown> = {}): Record<string, unknown> =>
  contact(id, { channel_identities: [], channel_priority: [], ...fields });

const onSms = (...numbers: readonly number[]): Record<string, unknown> => ({
  channel_identities: numbers.map((n) => ({ channel: 'SMS', identity: `4915${1e8 + n}`, app_id: '' })),
});

/** Reports that name one contact more each, then the decision that none of them are duplicates, then one more report. */
async function growingReports(target: Target): Promise<void> {
  const ids = Array.from({ length: target.isShort ? 300 : 1_000 }, (_, n) => `reported-${n}`);
  const reports = ids
    .slice(1)
    .map((_, n) => ({ duplicates: [{ channel: 'SMS', contact_ids: ids.slice(0, n + 2) }] }));
  await deliverAll(
    target,
    ids.map((id) => ({ create: alone(id) })),
  );
  await deliverAll(target, reports);
  await followed(target);
  const { body } = await target.replica.get(`${BASE}/duplicates?contact_id=reported-0&page_size=1`);
  const [set] = (JSON.parse(body) as { duplicates: { id: string }[] }).duplicates;
  const dismissed = await target.replica.post(`${BASE}/duplicates/${set?.id ?? ''}:dismiss`, {});
  if (dismissed.status !== 200) throw new Error(`The dismissal was answered ${dismissed.status}`);
  await deliverAll(target, reports.slice(-10));
  await followed(target);
}

/** A chain of contacts, where each shares a number with the next; updates, then a decision, then updates. */
async function chainOfNumbers(target: Target): Promise<void> {
  const count = target.isShort ? 300 : 2_000;
  const link = (n: number): Record<string, unknown> => alone(`chain-${n}`, onSms(n, n + 1));
  await deliverAll(
    target,
    Array.from({ length: count }, (_, n) => ({ create: link(n) })),
  );
  await followed(target);
  await deliver(target, { update: { ...link(count / 2), display_name: 'changed' } });
  await followed(target);
  const { body } = await target.replica.get(`${BASE}/duplicates?contact_id=chain-0&page_size=1`);
  const [set] = (JSON.parse(body) as { duplicates: { id: string }[] }).duplicates;
  await target.replica.post(`${BASE}/duplicates/${set?.id ?? ''}:dismiss`, {});
  await deliver(target, { update: { ...link(count / 2), display_name: 'changed again' } });
  await followed(target);
}

/** Many new contacts at once with many identities each. */
async function manyIdentities(target: Target): Promise<void> {
  const count = target.isShort ? 100 : 500;
  const identities = (n: number): unknown[] =>
    Array.from({ length: 500 }, (_, at) => ({
      channel: 'SMS',
      identity: `4916${1e8 + n * 500 + at}`,
      app_id: '',
    }));
  await deliverAll(
    target,
    Array.from({ length: count }, (_, n) => ({
      create: alone(`rich-${n}`, { channel_identities: identities(n) }),
    })),
  );
  await followed(target);
}

/** Contacts of 900 kB, read in pages and by their ids. */
async function largeContacts(target: Target): Promise<void> {
  const count = target.isShort ? 40 : 300;
  const ids = Array.from({ length: count }, (_, n) => `large-${n}`);
  await deliverAll(
    target,
    ids.map((id) => ({ create: alone(id, { metadata: 'x'.repeat(900_000) }) })),
    4,
  );
  await Promise.all([
    target.replica.post(`${BASE}/contacts:batchGet`, { ids }),
    target.replica.get(`${BASE}/contacts?page_size=200`),
    target.replica.get(`${BASE}/audit-events?page_size=200`),
  ]);
  await followed(target);
}

/** Texts whose composing, reading as a number or folding took long, and then many of them at once. */
async function awkwardTexts(target: Target): Promise<void> {
  const marks = (count: number): string => `a${'\u0301'.repeat(count)}${'\u0316'.repeat(count)}`;
  const on = (channel: string, identity: string): Record<string, unknown> => ({
    channel_identities: [{ channel, identity, app_id: '' }],
  });
  const texts: readonly Record<string, unknown>[] = [
    { display_name: marks(200_000) },
    { email: marks(200_000) },
    { external_id: marks(200_000) },
    { language: marks(200_000) },
    { email: '\u0390'.repeat(450_000) },
    { display_name: '\ufdfa'.repeat(300_000) },
    { metadata: '"'.repeat(450_000) },
    on('SMS', '\u0669'.repeat(450_000)),
    on('SMS', '\ufdfa'.repeat(300_000)),
    on('TELEGRAM', marks(200_000)),
  ];
  await deliverAll(
    target,
    texts.map((fields, n) => ({ create: alone(`text-${n}`, fields) })),
    2,
  );
  await deliverAll(
    target,
    Array.from({ length: target.isShort ? 200 : 2_000 }, (_, n) => ({
      create: alone(`marks-${n}`, { display_name: marks(4_000), email: `kim${n % 100}@example.org` }),
    })),
    200,
  );
  await followed(target);
  await target.replica.get(`${BASE}/duplicates?page_size=100`);
  await target.replica.get(`${BASE}/contacts?page_size=200`);
}

/** Contacts of as many values as one may have, changed, and read in every way; and one of more. */
async function manyValues(target: Target): Promise<void> {
  const { replica, isShort } = target;
  const keys = (value: number): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length: 9_900 }, (_, n) => [`k${n}`, value]));
  const kinds: readonly ((value: number) => Record<string, unknown>)[] = [
    (value) => keys(value),
    (value) => ({ metadata: JSON.stringify(keys(value)) }),
    (value) => ({ list: Array(9_900).fill(value) }),
    (value) => onSms(...Array.from({ length: 2_400 }, (_, n) => 10_000 * value + n)),
  ];
  for (let value = 1; value <= (isShort ? 3 : 10); value++)
    await deliverAll(
      target,
      kinds.map((fieldsOf, n) => ({ update: alone(`values-${n}`, fieldsOf(value)) })),
      2,
    );
  const tooMany = callback({ create: alone('too-many', { list: Array(480_000).fill(1) }) }, BEGIN);
  const { status } = await replica.deliver(tooMany);
  if (status !== 202) throw new Error(`A delivery of too many values was answered ${status}`);
  for (const n of kinds.keys()) {
    await replica.get(`${BASE}/contacts/values-${n}`);
    await replica.get(`${BASE}/contacts/values-${n}/history`);
  }
  await replica.get(`${BASE}/contacts?page_size=200`);
  await replica.get(`${BASE}/contacts:changes?view=full&page_size=200`);
  await followed(target);
}

/** Consumers that wait for changes of a quiet project while another one is busy. */
async function waitingConsumers(target: Target): Promise<void> {
  const { replica, isShort } = target;
  const latest = await replica.get('/v1/projects/quiet/contacts:changes?page_token=latest');
  const { next_page_token: token } = JSON.parse(latest.body) as { next_page_token: string };
  const path = `/v1/projects/quiet/contacts:changes?wait=20&page_token=${encodeURIComponent(token)}`;
  const sockets = Array.from({ length: isShort ? 100 : 300 }, () => open(replica));
  for (const socket of sockets)
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\n\r\n`);
  await deliverAll(
    target,
    Array.from({ length: isShort ? 1_000 : 10_000 }, (_, n) => ({ update: alone(`busy-${n % 100}`) })),
  );
  for (const socket of sockets) socket.destroy();
}

/** Connections that send all of a body but its last bytes. */
async function unfinishedBodies({ replica, isShort }: Target): Promise<void> {
  const size = 1_048_576;
  const sockets = Array.from({ length: isShort ? 100 : 800 }, () => open(replica));
  for (const socket of sockets) {
    socket.write(
      `POST /webhooks/sinch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`,
    );
    socket.write(Buffer.alloc(size - 10, 'x'));
  }
  await delay(isShort ? 3_000 : 10_000);
  for (const socket of sockets) socket.destroy();
}

/** A read of many contacts with an `Idempotency-Key`, which once kept its answers. */
async function keptReads(target: Target): Promise<void> {
  const ids = Array.from({ length: 4 }, (_, n) => `kept-${n}`);
  await deliverAll(
    target,
    ids.map((id) => ({ create: alone(id, { metadata: 'x'.repeat(900_000) }) })),
    2,
  );
  for (let n = 0; n < 10; n++) {
    await target.replica.post(`${BASE}/contacts:batchGet`, { ids }, { 'idempotency-key': `turns-read-${n}` });
  }
  await followed(target);
}

/** Ids at the head of a chain of many merges, resolved and read. */
async function chainOfMerges({ replica, databaseUrl, isShort }: Target): Promise<void> {
  const count = isShort ? 3_000 : 20_000;
  await ask(
    databaseUrl,
    `insert into contact (project_id, id, version, tie_break, snapshot, identity_keys, gone, survivor_id, gone_version, gone_tie_break)
     select $1, 'merged-' || n, 1, '\\x03', json_build_object('id', 'merged-' || n), '{}',
            case when n < $2 then 'merged' end, case when n < $2 then 'merged-' || n + 1 end,
            case when n < $2 then 1 end, case when n < $2 then '\\x05'::bytea end
     from generate_series(1, $2::int) as n`,
    [PROJECT, count],
  );
  const ids = Array.from({ length: 1_000 }, (_, n) => `merged-${n + 1}`);
  await replica.post(`${BASE}/contacts:resolve`, { ids });
  await replica.post(`${BASE}/contacts:batchGet`, { ids, on_merged: 'follow' });
}

/** Connections that ask for much and read nothing. */
async function unreadAnswers({ replica, isShort }: Target): Promise<void> {
  const sockets = Array.from({ length: 12 }, () => open(replica));
  for (const socket of sockets) {
    socket.pause();
    socket.write('GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_400));
  }
  await delay(isShort ? 5_000 : 20_000);
  for (const socket of sockets) socket.destroy();
}

function open(replica: Replica): Socket {
  const { hostname, port } = new URL(replica.process.base);
  // whether it is cut is for the service to decide
  return connect(Number(port), hostname).on('error', () => undefined);
}

/** By name. */
export const LOADS: Readonly<Record<string, Load>> = {
  growingReports,
  chainOfNumbers,
  manyIdentities,
  largeContacts,
  awkwardTexts,
  manyValues,
  waitingConsumers,
  unfinishedBodies,
  keptReads,
  chainOfMerges,
  unreadAnswers,
};

/** Delivers a signed callback every 100 ms until it is stopped. @returns how long the longest took, in ms, and how many failed */
export async function deliverSteadily(
  replica: Replica,
  until: Promise<unknown>,
): Promise<{ readonly longestMs: number; readonly refused: number }> {
  const stop = new AbortController();
  void until
    .finally(() => {
      stop.abort();
    })
    .catch(() => undefined);
  let longestMs = 0;
  let refused = 0;
  for (let n = 0; !stop.signal.aborted; n++) {
    const body = callback({ update: alone(`steady-${n % 50}`) }, BEGIN + BigInt(n) * 1_000n, {
      project_id: 'steady',
    });
    const began = performance.now();
    const isTaken = await fetch(`${replica.process.base}/webhooks/sinch`, {
      method: 'POST',
      headers: sign(body, SECRET),
      body: new Uint8Array(body),
      signal: AbortSignal.timeout(answerMaxMs),
    }).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (!isTaken) refused += 1;
    longestMs = Math.max(longestMs, performance.now() - began);
    await delay(100);
  }
  return { longestMs, refused };
}
