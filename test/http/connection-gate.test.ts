import { once } from 'node:events';
import type { RequestListener, Server, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { ConnectionGate, unansweredMax, waitingMax } from '../../src/http/connection-gate';
import { until } from '../support/until';

const generous = { connectionsMax: 100, unwrittenMaxBytes: 1_000_000_000, stallMaxMs: 60_000 };
/** More than the system takes off our hands for a caller that does not read. */
const largeBytes = 16 * 1024 * 1024;

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** A server whose requests are answered when the test says so. */
async function serve(limits: Partial<typeof generous> = {}): Promise<{
  port: number;
  /** Those that reached the handler, in their order. */
  reached: { path: string; answer: (bytes?: number) => void; response: ServerResponse }[];
  /** Those that Node has parsed. */
  parsed: () => number;
}> {
  const gate = new ConnectionGate({ ...generous, ...limits });
  const reached: Awaited<ReturnType<typeof serve>>['reached'] = [];
  const handle: RequestListener = (request, response) => {
    const answer = (bytes = 2): void => {
      gate.answering(request, response, bytes);
      response.end(Buffer.alloc(bytes, 'x'));
    };
    reached.push({ path: request.url ?? '', answer, response });
  };
  const server = gate.createServer({}, handle, handle);
  servers.push(server);
  let parsed = 0;
  server.on('request', () => (parsed += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The server listens on no port');
  return { port: address.port, reached, parsed: () => parsed };
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

function gets(count: number, from = 0): string {
  return Array.from({ length: count }, (_, n) => `GET /${from + n} HTTP/1.1\r\nHost: mirror\r\n\r\n`).join(
    '',
  );
}

it('hands few requests of a connection to their handlers, and the next ones as those are answered', async () => {
  const { port, reached } = await serve();
  const caller = await open(port);
  let read = '';
  caller.on('data', (chunk: Buffer) => (read += chunk.toString()));
  const count = unansweredMax + waitingMax;
  caller.write(gets(count));
  for (let answered = 0; answered < count; answered++) {
    await until(() => reached.length === Math.min(count, answered + unansweredMax));
    expect(reached.map(({ path }) => path)).toEqual(reached.map((_, n) => `/${n}`));
    reached[answered]?.answer();
  }
  await until(() => read.split('HTTP/1.1 200 OK').length === count + 1);
});

it('closes a connection that has one request more waiting, parses none of the rest and reaches no further handler', async () => {
  const { port, reached, parsed } = await serve();
  const caller = await open(port);
  caller.write(gets(1_400));
  await once(caller.resume(), 'close');
  expect(reached).toHaveLength(unansweredMax);
  expect(parsed()).toBe(unansweredMax + waitingMax + 1);
  const other = await open(port);
  other.write(gets(1));
  await until(() => reached.length === unansweredMax + 1);
});

it('has the next request of a connection wait while a large answer of it is not taken', async () => {
  const { port, reached } = await serve();
  const caller = (await open(port)).pause();
  caller.write(gets(1));
  await until(() => reached.length === 1);
  reached[0]?.answer(largeBytes);
  caller.write(gets(1, 1));
  const other = await open(port);
  other.write(gets(1, 100));
  await until(() => reached.length === 2);
  expect(reached.map(({ path }) => path)).toEqual(['/0', '/100']);
  caller.resume();
  await until(() => reached.length === 3);
  expect(reached[2]?.path).toBe('/1');
});

it('closes the connections of the oldest answers that nobody takes when all together are too large', async () => {
  const { port, reached } = await serve({ unwrittenMaxBytes: 2.5 * largeBytes });
  const closed: number[] = [];
  for (let n = 0; n < 5; n++) {
    const caller = (await open(port)).pause();
    caller.write(gets(1, n));
    await until(() => reached.length === n + 1);
    reached[n]?.response.once('close', () => closed.push(n));
    reached[n]?.answer(largeBytes);
  }
  await until(() => closed.length === 3);
  expect(closed).toEqual([0, 1, 2]);
  // the newest is not among them, and is answered to the end
  const last = sockets.at(-1);
  let readBytes = 0;
  last?.on('data', (chunk: Buffer) => (readBytes += chunk.length)).resume();
  await until(() => readBytes > largeBytes);
});

it('closes a connection on which nothing of an answer is taken for too long', async () => {
  const { port, reached } = await serve({ stallMaxMs: 200 });
  const caller = (await open(port)).pause();
  caller.write(gets(1));
  await until(() => reached.length === 1);
  reached[0]?.answer(largeBytes);
  await until(() => reached[0]?.response.closed === true);
  let readBytes = 0;
  caller.on('data', (chunk: Buffer) => (readBytes += chunk.length));
  await once(caller.resume(), 'close');
  expect(readBytes).toBeLessThan(largeBytes);
});

it('lets a handler take longer than that after an answer that was taken', async () => {
  const { port, reached } = await serve({ stallMaxMs: 200 });
  const caller = await open(port);
  let read = '';
  caller.on('data', (chunk: Buffer) => (read += chunk.toString()));
  caller.write(gets(2));
  await until(() => reached.length === 2);
  reached[0]?.answer();
  await new Promise((resolve) => setTimeout(resolve, 600));
  reached[1]?.answer();
  await until(() => read.split('HTTP/1.1 200 OK').length === 3);
});

it('takes a new connection in place of the one that has been idle for longest, never of one at work', async () => {
  const { port, reached } = await serve({ connectionsMax: 3 });
  const [working, first, second] = [await open(port), await open(port), await open(port)];
  working.write(gets(1));
  await until(() => reached.length === 1);
  // used again, so the second has been idle for longer
  first.write(gets(1, 1));
  await until(() => reached.length === 2);
  reached[1]?.answer();
  await until(() => reached[1]?.response.closed === true);
  const third = await open(port);
  await once(second.resume(), 'close');
  const others = [first, third];
  for (const [n, socket] of others.entries()) {
    socket.write(gets(1, 10 + n));
    await until(() => reached.length === 3 + n);
  }
  // all are at work
  await once((await open(port)).resume(), 'close');
  const atWork = reached.filter(({ response }) => !response.closed);
  expect(atWork).toHaveLength(3);
  for (const { answer } of atWork) answer();
  await Promise.all([working, first, third].map((socket) => once(socket, 'data')));
});
