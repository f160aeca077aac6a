import { createHmac, randomUUID } from 'node:crypto';
import { sendRaw } from '../test/support/http/send-raw';
import { ask } from '../test/support/postgres/connections';
import { Cluster } from './cluster';
import { Dice, type Finding, type Options } from './proof';
import { Replica, SECRET } from './replica';
import { Traffic } from './workload';

const SIGNATURE = 'x-sinch-webhook-signature';
const ALGORITHM = `${SIGNATURE}-algorithm`;
const NONCE = `${SIGNATURE}-nonce`;
const TIMESTAMP = `${SIGNATURE}-timestamp`;
const NAMES = [SIGNATURE, NONCE, TIMESTAMP];
const ALGORITHMS = [
  'hmacsha256',
  'HMACSHA256',
  'HmacSHA1',
  'HmacSHA512',
  'none',
  'SHA256',
  'HmacSHA256,none',
];

type Headers = readonly (readonly [name: string, value: string])[];
interface Delivery {
  readonly headers: Headers;
  readonly body: Buffer;
}

/**
 * The service as somebody who is not Sinch meets it: 401, and nothing else happens. The signature decides, not the name of the
 * algorithm: a right one is taken under any name, and a wrong one under an unknown name is answered 503.
 */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const traffic = new Traffic(new Dice(seed), 100);
  const cluster = await Cluster.embedded();
  const replica = await Replica.start(cluster.url);
  const port = Number(new URL(replica.process.base).port);
  const statuses: Record<string, number> = {};
  const wrong: string[] = [];
  const rounds = isShort ? 5 : 200;
  for (let round = 0; round < rounds; round++) {
    for (const [name, delivery] of negatives(traffic.next())) {
      const status = await send(port, delivery);
      statuses[String(status)] = (statuses[String(status)] ?? 0) + 1;
      if (status !== 401) wrong.push(`${name}: ${String(status)}`);
    }
  }
  const unknown = [];
  for (const [name, delivery] of underUnknownNames(traffic.next())) {
    const status = await send(port, delivery);
    if (status !== 503) unknown.push(`${name}: ${String(status)}`);
  }
  const [untouched] = await counts(cluster.url);
  const misnamed = [];
  for (const [name, delivery] of underAnyName(traffic)) {
    const status = await send(port, delivery);
    if (status !== 200) misnamed.push(`${name}: ${String(status)}`);
  }
  const [before] = await counts(cluster.url);
  const body = traffic.next();
  const right = await send(port, { headers: signed(body), body });
  const untimely = [];
  for (const seconds of [-4 * 86_400, 3_600]) {
    const late = traffic.next();
    untimely.push(await send(port, { headers: signed(late, { timestamp: now(seconds) }), body: late }));
  }
  const [kept] = await counts(cluster.url);
  const { isRunning } = replica;
  const { code, stdout, stderr } = await replica.process.stop();
  await cluster.remove();
  return {
    figures: { rounds, ...statuses, wrong: [...wrong, ...unknown, ...misnamed].slice(0, 5).join('; ') },
    marks: {
      'everything else is answered 401': wrong.length === 0,
      'what may be signed by an unknown algorithm is answered 503': unknown.length === 0,
      'a right signature is taken under any name': misnamed.length === 0,
      'nothing of it is kept': untouched?.events === 0 && untouched.kept === 0,
      'what is signed is committed': right === 200 && kept?.events === (before?.events ?? 0) + 1,
      'what is signed but untimely is kept': untimely.join() === '202,202' && kept?.kept === 2,
      'nothing is thrown': isRunning && code === 0 && stderr === '' && !stdout.includes('"level":50'),
    },
  };
}

const counts = (url: string): Promise<{ events: number; kept: number }[]> =>
  ask(
    url,
    `select (select count(*)::int from audit_event) as events, (select count(*)::int from quarantined_delivery) as kept`,
  );

/** Deliveries that are not signed as they should be, each but for one thing. */
function* negatives(body: Buffer): Generator<readonly [string, Delivery]> {
  const right = signed(body);
  const signature = valueOf(right, SIGNATURE);
  const [nonce, timestamp] = [valueOf(right, NONCE), valueOf(right, TIMESTAMP)];
  const changed = (name: string, value: string): Headers =>
    right.map(([each, old]) => [each, each === name ? value : old] as const);

  for (const name of NAMES) {
    yield [`${name} missing`, { headers: right.filter(([each]) => each !== name), body }];
    yield [`${name} empty`, { headers: changed(name, ''), body }];
    yield [`${name} blank`, { headers: changed(name, '   '), body }];
    yield [`${name} repeated`, { headers: [...right, [name, valueOf(right, name)]], body }];
    yield [`${name} repeated, another first`, { headers: [[name, 'x'], ...right], body }];
    yield [`${name} repeated, another last`, { headers: [...right, [name, 'x']], body }];
    yield [`${name} long`, { headers: changed(name, 'A'.repeat(8_000)), body }];
    yield [`${name} of bytes`, { headers: changed(name, '\xff\xfe\x80é'), body }];
  }
  const signatures: Readonly<Record<string, string>> = {
    'too short': signature.slice(0, -4),
    'too long': `${signature}AAAA`,
    'without padding': signature.replace('=', ''),
    'padded twice': `${signature}=`,
    'a twin with other unused bits': twinOf(signature),
    'split by a blank': `${signature.slice(0, 20)} ${signature.slice(20)}`,
    'with a sign that decoders skip': `${signature.slice(0, 20)}*${signature.slice(20)}`,
    'in hex': Buffer.from(signature, 'base64').toString('hex'),
    'in another case': swapCase(signature),
    'with a prefix': `sha256=${signature}`,
    'of zeros': Buffer.alloc(32).toString('base64'),
    'one bit off': flipped(signature),
    'the word null': 'null',
  };
  for (const [name, value] of Object.entries(signatures))
    yield [`signature ${name}`, { headers: changed(SIGNATURE, value), body }];
  for (const [name, secret] of Object.entries({
    another: 'another secret',
    empty: '',
    decoded: Buffer.from(SECRET, 'base64'),
    'with a line break': `${SECRET}\n`,
    shortened: SECRET.slice(1),
  }))
    yield [`secret ${name}`, { headers: signed(body, { secret }), body }];
  yield ['url-safe', urlSafe(body)];
  yield ['another nonce', { headers: changed(NONCE, randomUUID()), body }];
  yield ['another timestamp', { headers: changed(TIMESTAMP, now(1)), body }];
  yield ['nonce and timestamp swapped', { headers: swapped(right, nonce, timestamp), body }];
  yield ['the dot moved', { headers: moved(right, nonce, timestamp), body }];
  yield ['a body with a byte more', { headers: right, body: Buffer.concat([body, Buffer.from('\n')]) }];
  yield ['a body with a byte less', { headers: right, body: body.subarray(0, -1) }];
  yield [
    'a body with a byte changed',
    { headers: right, body: Buffer.from(body.toString().replace('n', 'N')) },
  ];
  yield ['no body', { headers: right, body: Buffer.alloc(0) }];
  yield ['no headers', { headers: [], body }];
}

/** Deliveries whose signature does not match, under names of algorithms that are not known here. */
function* underUnknownNames(body: Buffer): Generator<readonly [string, Delivery]> {
  for (const [algorithm, hash] of [
    ['HmacSHA1', 'sha1'],
    ['HmacSHA512', 'sha512'],
  ] as const)
    yield [`signed with ${algorithm}`, { headers: signed(body, { algorithm, hash }), body }];
  for (const algorithm of ['none', 'HmacSHA256,none', '\xff\xfe'])
    yield [`unsigned, algorithm ${algorithm}`, { headers: signed(body, { algorithm, secret: 'x' }), body }];
}

/** Rightly signed deliveries with every name of an algorithm, and with none. */
function* underAnyName(traffic: Traffic): Generator<readonly [string, Delivery]> {
  for (const algorithm of [...ALGORITHMS, '', '   ', 'A'.repeat(8_000), '\xff\xfe']) {
    const body = traffic.next();
    yield [`algorithm ${algorithm}`, { headers: signed(body, { algorithm }), body }];
  }
  const [one, two] = [traffic.next(), traffic.next()];
  yield ['no algorithm', { headers: signed(one).filter(([name]) => name !== ALGORITHM), body: one }];
  yield ['algorithm repeated', { headers: [...signed(two), [ALGORITHM, 'x']], body: two }];
}

/** What a signature may be made with otherwise. */
interface Manner {
  readonly secret?: string | Buffer;
  readonly timestamp?: string;
  readonly algorithm?: string;
  readonly hash?: string;
}

function signed(
  body: Buffer,
  { secret = SECRET, timestamp = now(0), algorithm = 'HmacSHA256', hash = 'sha256' }: Manner = {},
): Headers {
  const nonce = randomUUID();
  const signature = createHmac(hash, secret).update(body).update(`.${nonce}.${timestamp}`).digest('base64');
  return [
    [SIGNATURE, signature],
    [ALGORITHM, algorithm],
    [NONCE, nonce],
    [TIMESTAMP, timestamp],
  ];
}

function now(shiftSeconds: number): string {
  return String(Math.floor(Date.now() / 1000) + shiftSeconds);
}

function valueOf(headers: Headers, name: string): string {
  return headers.find(([each]) => each === name)?.[1] ?? '';
}

/** A body's right signature in the other alphabet; another nonce until that makes a difference. */
function urlSafe(body: Buffer): Delivery {
  for (;;) {
    const headers = signed(body);
    const signature = valueOf(headers, SIGNATURE);
    const other = signature.replaceAll('+', '-').replaceAll('/', '_');
    if (other !== signature)
      return { headers: headers.map(([name, value]) => [name, name === SIGNATURE ? other : value]), body };
  }
}

/** 32 bytes leave two bits of the last digit unused: decoders pass over them. */
function twinOf(signature: string): string {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const last = digits.indexOf(signature[42] ?? '');
  return `${signature.slice(0, 42)}${digits[last ^ 1] ?? ''}=`;
}

function flipped(signature: string): string {
  const bytes = Buffer.from(signature, 'base64');
  bytes[31] = (bytes[31] ?? 0) ^ 1;
  return bytes.toString('base64');
}

function swapCase(text: string): string {
  return text.replaceAll(/[a-z]/gi, (letter) =>
    letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
  );
}

function swapped(headers: Headers, nonce: string, timestamp: string): Headers {
  return headers.map(([name, value]) => [
    name,
    name === NONCE ? timestamp : name === TIMESTAMP ? nonce : value,
  ]);
}

/** The signed text is the same without its dots. */
function moved(headers: Headers, nonce: string, timestamp: string): Headers {
  return headers.map(([name, value]) => [
    name,
    name === NONCE ? `${nonce}${timestamp.slice(0, 1)}` : name === TIMESTAMP ? timestamp.slice(1) : value,
  ]);
}

/** One request on a connection of its own, its headers as they stand; the status, null where no answer came. */
async function send(port: number, { headers, body }: Delivery): Promise<number | null> {
  const lines = [
    'POST /webhooks/sinch HTTP/1.1',
    'host: mirror',
    'connection: close',
    `content-length: ${body.length}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const { status } = await sendRaw(port, Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body);
  return status === 0 ? null : status;
}
