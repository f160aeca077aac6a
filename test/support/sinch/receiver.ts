import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';

/** A callback as it came in. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: Readonly<Record<string, unknown>>;
}

/** What to answer to the callback that is the `count`th to come: a status, or nothing for ever. */
export type Answering = (count: number, received: Received) => number | 'hang';

/** Where callbacks go whose sender is tested. */
export class Receiver {
  readonly received: Received[] = [];
  answer: Answering = () => 200;
  /** What every answer says. */
  body = '{}';

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const receiver: Receiver = new Receiver(
      createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const body = Buffer.concat(chunks);
          const json = JSON.parse(body.toString()) as Received['json']; // the callbacks of a test are objects
          const received = { path: request.url ?? '', headers: request.headers, body, json };
          const status = receiver.answer(receiver.received.push(received), received);
          if (status !== 'hang') response.writeHead(status).end(receiver.body);
        });
      }),
    );
    await once(receiver.server.listen(0, '127.0.0.1'), 'listening');
    return receiver;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo; // it listens on a port
    return `http://127.0.0.1:${port}`;
  }

  /** How many connections senders have to it. */
  async countConnections(): Promise<number> {
    return promisify(this.server.getConnections.bind(this.server))();
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
