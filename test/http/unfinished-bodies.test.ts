import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { contact, sign } from '../support/sinch/callbacks';
import { App, at, SECRET } from '../support/http/app';

/** The largest body that the webhook takes, and how many of them fit into the memory for bodies. */
const bodyBytes = 1_048_576;
const largeMax = 96;

let app: App;
beforeAll(async () => {
  app = await App.start();
});
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => app.stop());

const part = Buffer.alloc(bodyBytes - 10, 'x');

/** Sends a body but for its last bytes. */
async function begin(head = `Content-Length: ${bodyBytes}\r\n\r\n`, body = part): Promise<Socket> {
  const socket = connect(app.port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(`POST /webhooks/sinch HTTP/1.1\r\nHost: mirror\r\n${head}`);
  await new Promise((resolve) => socket.write(body, resolve));
  return socket;
}

async function statusOf(socket: Socket): Promise<number> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
}

it('a delivery that comes whole is committed while more bodies than there is room for do not end', async () => {
  const project = app.project();
  const ends: Promise<number>[] = [];
  for (let n = 0; n < largeMax + 30; n++) ends.push(statusOf(await begin()));
  const bare = project.callback({ create: contact('large') }, at(0));
  const large = contact('large', { metadata: 'x'.repeat(bodyBytes - bare.length - 100) });
  for (const body of [
    project.callback({ create: contact('small') }, at(0)),
    project.callback({ create: large }, at(0)),
  ])
    expect((await app.deliver(body, sign(body, SECRET))).status).toBe(200);
  // those that had to go are answered so that Sinch would send them again, the slowest first
  const first = await Promise.all(ends.slice(0, 30));
  expect(first).toEqual(first.map(() => 503));
  for (const socket of sockets) socket.destroy();
  await Promise.all(ends);
});

it('a body of unknown length is counted as it comes', async () => {
  const project = app.project();
  const head = 'Transfer-Encoding: chunked\r\n\r\n';
  const chunk = Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part]);
  const ends: Promise<number>[] = [];
  for (let n = 0; n < 128 + 20; n++) ends.push(statusOf(await begin(head, chunk)));
  const body = project.callback({ create: contact('A') }, at(0));
  expect((await app.deliver(body, sign(body, SECRET))).status).toBe(200);
  const statuses = await Promise.race([Promise.all(ends.slice(0, 10)), Promise.all(ends.slice(-10))]);
  expect(new Set(statuses)).toEqual(new Set([503]));
  for (const socket of sockets) socket.destroy();
  await Promise.all(ends);
});
