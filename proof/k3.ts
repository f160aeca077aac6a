import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { wholeHead } from '../bench/whole-head';
import { sign } from '../test/support/sinch/callbacks';
import { Cluster } from './cluster';
import { notificationOf, payloads } from './compare-map';
import { Dice, type Finding, type Options } from './proof';
import { Replica, SECRET } from './replica';
import { Traffic } from './workload';

const clientsCount = 64;
const exitMaxMs = 10_000;

/** What became of the requests that left a client whole. */
interface Tally {
  acknowledged: string[];
  refused: number;
  other: number;
  /** The connection ended without an answer. */
  cut: number;
}

/** SIGTERM under keep-alive load, several times: every request that was sent gets its answer, and the process ends in time. */
export async function run({ isShort, seed }: Options): Promise<Finding> {
  const dice = new Dice(seed);
  const traffic = new Traffic(dice, 500);
  const cluster = await Cluster.embedded();
  const tally: Tally = { acknowledged: [], refused: 0, other: 0, cut: 0 };
  const exits: { code: number | null; ms: number; stderr: string }[] = [];
  const stops = isShort ? 5 : 50;
  for (let n = 0; n < stops; n++) {
    const replica = await Replica.start(cluster.url);
    const port = Number(new URL(replica.process.base).port);
    const clients = Promise.all(Array.from({ length: clientsCount }, () => keepAsking(port, traffic, tally)));
    await delay(300 + dice.roll(500));
    const asked = Date.now();
    const { code, stderr } = await replica.process.stop();
    exits.push({ code, ms: Date.now() - asked, stderr });
    await clients;
  }
  const committed = new Set<string>();
  for await (const payload of payloads(cluster.url)) committed.add(notificationOf(payload).fingerprint);
  const lost = tally.acknowledged.filter((fingerprint) => !committed.has(fingerprint)).length;
  await cluster.remove();
  const slowestExitMs = Math.max(...exits.map(({ ms }) => ms));
  return {
    figures: {
      stops,
      acknowledged: tally.acknowledged.length,
      refused: tally.refused,
      cut: tally.cut,
      acknowledgedEventsLost: lost,
      slowestExitMs,
    },
    marks: {
      'no request is cut': tally.cut === 0,
      'no acknowledged event is lost': lost === 0 && tally.acknowledged.length > 0,
      'answers are 200 or 503': tally.other === 0,
      'it ends within 10 s': slowestExitMs < exitMaxMs,
      'it ends cleanly': exits.every(({ code, stderr }) => code === 0 && stderr === ''),
    },
  };
}

/** One client: request after request on one connection until an answer asks to close it, or the connection ends. */
async function keepAsking(port: number, traffic: Traffic, tally: Tally): Promise<void> {
  const socket = connect(port, '127.0.0.1').setNoDelay();
  socket.on('error', () => undefined);
  if (!(await isConnected(socket))) return;
  for (;;) {
    const body = traffic.next();
    const answer = await ask(socket, body);
    if (answer === 'not sent') break;
    if (answer === 'cut') {
      tally.cut += 1;
      break;
    }
    if (answer.status === 200) tally.acknowledged.push(notificationOf(body).fingerprint);
    else if (answer.status === 503) tally.refused += 1;
    else tally.other += 1;
    if (answer.closes) break;
  }
  socket.destroy();
}

async function isConnected(socket: Socket): Promise<boolean> {
  const [event] = await Promise.race([
    once(socket, 'connect').then(() => ['connect']),
    once(socket, 'close').then(() => ['close']),
  ]);
  return event === 'connect';
}

/** One request: written whole, and the head of its answer; a client that sees its connection closed does not ask. */
async function ask(
  socket: Socket,
  body: Buffer,
): Promise<{ readonly status: number; readonly closes: boolean } | 'cut' | 'not sent'> {
  if (socket.readableEnded || socket.destroyed) return 'not sent';
  const headers = { host: 'mirror', 'content-length': String(body.length), ...sign(body, SECRET) };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = Buffer.concat([Buffer.from(`POST /webhooks/sinch HTTP/1.1\r\n${head.join('')}\r\n`), body]);
  let isOut = false;
  socket.write(request, (error) => (isOut = !(error instanceof Error)));
  let text = '';
  return await new Promise((resolve) => {
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const head = wholeHead(text);
      if (head === null) return;
      settle({ status: Number(head.slice(9, 12)), closes: /^connection: close\r$/im.test(head) });
    };
    const onClose = (): void => {
      settle(isOut ? 'cut' : 'not sent');
    };
    const settle = (answer: Awaited<ReturnType<typeof ask>>): void => {
      socket.off('data', onData).off('close', onClose);
      resolve(answer);
    };
    socket.on('data', onData).on('close', onClose);
  });
}
