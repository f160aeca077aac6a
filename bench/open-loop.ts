import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { wholeHead } from './whole-head';

/**
 * Sends requests at the times that were planned for them, whether or not those before are answered: an arrival takes a
 * connection that is idle, else it waits for one, and its waiting counts. All connections are open before the first arrival,
 * as those of a proxy are.
 *
 * The file of requests is that of `writeRequests`; request `n` is sent at `n / perSecond`.
 */
export interface Plan {
  readonly port: number;
  readonly requests: string;
  readonly count: number;
  /** Arrivals a second. */
  readonly perSecond: number;
  /** How many connections: more than the service has room for in its queue, so that it is what refuses. */
  readonly connections: number;
  /** For how long after the last arrival answers are waited for, in ms. */
  readonly patienceMs: number;
  /** Where the numbers of what was answered 2xx are written, a line each. */
  readonly ledger: string;
}

export interface Sent {
  /** The answers, by status; by `refusedImpolitely` those without Retry-After that should have it. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly refusedImpolitely: number;
  /** Arrivals that got no answer. */
  readonly unanswered: number;
  /** Measured from the first arrival to the last: longer than planned where the sender itself did not keep up. */
  readonly seconds: number;
  /** 2xx that came between the first arrival and the last, a second. */
  readonly goodPerSecond: number;
  /** Of 2xx and of refusals, from the planned arrival. */
  readonly goodP50Ms: number;
  readonly goodP99Ms: number;
  readonly refusalP99Ms: number;
}

const tickMs = 2;
/** How many connections are opened at once. */
const openingMax = 100;

/** Sends them from a process of its own: `node open-loop.js <plan as JSON>` prints what came of it. */
export async function offer(plan: Plan): Promise<Sent> {
  const { stdout } = await promisify(execFile)(process.execPath, [__filename, JSON.stringify(plan)]);
  return JSON.parse(stdout) as Sent; // printed below
}

async function send(plan: Plan): Promise<Sent> {
  const requests = framesOf(readFileSync(plan.requests));
  const statuses: Record<string, number> = {};
  const goodMs: number[] = [];
  const refusalMs: number[] = [];
  const acknowledged: number[] = [];
  const idle: Connection[] = [];
  /** The number of the next arrival to be sent, and of the next to come: those between wait. */
  let [sent, next] = [0, 0];
  let [answered, failed, refusedImpolitely, goodInTime] = [0, 0, 0, 0];
  let isOver = false;
  let began = 0;
  const plannedAt = (n: number): number => began + (n * 1_000) / plan.perSecond;

  const free = (connection: Connection): void => {
    if (sent < next) connection.send(requests[sent] ?? Buffer.alloc(0), sent++);
    else idle.push(connection);
  };
  const settle = (n: number, head: string): void => {
    answered += 1;
    const status = head.slice(9, 12);
    statuses[status] = (statuses[status] ?? 0) + 1;
    const tookMs = performance.now() - plannedAt(n);
    if (status.startsWith('2')) {
      goodMs.push(tookMs);
      acknowledged.push(n);
      if (!isOver) goodInTime += 1;
    } else {
      refusalMs.push(tookMs);
      if (!/^retry-after: \d+\r$/im.test(head)) refusedImpolitely += 1;
    }
  };
  const lose = (connection: Connection, isBusy: boolean): void => {
    if (isBusy) failed += 1;
    else idle.splice(idle.indexOf(connection), 1);
  };

  while (idle.length < plan.connections) {
    const opened = Array.from({ length: openingMax }, () => Connection.open(plan.port, settle, free, lose));
    idle.push(...(await Promise.all(opened)));
  }
  began = performance.now();
  while (next < plan.count) {
    await delay(tickMs);
    for (const now = performance.now(); next < plan.count && plannedAt(next) <= now;) {
      next += 1;
      const connection = idle.shift(); // by turns, or those at the bottom would be closed as forgotten
      if (connection !== undefined) free(connection);
    }
  }
  isOver = true;
  const seconds = (performance.now() - began) / 1_000;
  for (const end = Date.now() + plan.patienceMs; answered + failed < plan.count && Date.now() < end;)
    await delay(10);
  writeFileSync(plan.ledger, acknowledged.join('\n'));
  return {
    statuses,
    refusedImpolitely,
    unanswered: plan.count - answered,
    seconds,
    goodPerSecond: goodInTime / seconds,
    goodP50Ms: quantile(goodMs, 0.5),
    goodP99Ms: quantile(goodMs, 0.99),
    refusalP99Ms: quantile(refusalMs, 0.99),
  };
}

/** A connection with one request on its way at most. */
class Connection {
  private answer = '';
  /** The number of the request that is on its way; -1 where none is. */
  private n = -1;

  private constructor(private readonly socket: Socket) {}

  static async open(
    port: number,
    settle: (n: number, head: string) => void,
    free: (connection: Connection) => void,
    lose: (connection: Connection, isBusy: boolean) => void,
  ): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    const connection = new Connection(socket);
    socket.on('data', (chunk: Buffer) => {
      connection.answer += chunk.toString('latin1');
      const { answer, n } = connection;
      if (n < 0) return; // a farewell
      const head = wholeHead(answer);
      if (head === null) return;
      connection.n = -1;
      connection.answer = '';
      settle(n, head);
      free(connection);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      lose(connection, connection.n >= 0);
    });
    return connection;
  }

  send(request: Buffer, n: number): void {
    this.n = n;
    this.socket.write(request);
  }
}

function framesOf(file: Buffer): readonly Buffer[] {
  const frames = [];
  for (let at = 0; at < file.length;) {
    const start = at + 8;
    at = start + Number(file.toString('latin1', at, start));
    frames.push(file.subarray(start, at));
  }
  return frames;
}

function quantile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  return Math.round(sorted[Math.floor(part * (sorted.length - 1))] ?? 0);
}

if (require.main === module) {
  void send(JSON.parse(process.argv[2] ?? '') as Plan).then((sent) => {
    process.stdout.write(`${JSON.stringify(sent)}\n`, () => {
      process.exit(0);
    });
  });
}
