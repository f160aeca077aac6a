import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A callback as it came in. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: Readonly<Record<string, unknown>>;
}

/** What to answer to the callback that came as so many-th: a status, or nothing for ever. */
export type Answering = (count: number) => number | 'hang';

/** Where callbacks go whose sender is tested. */
export class Receiver {
  readonly received: Received[] = [];
  answer: Answering = () => 200;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Receiver> {
    const receiver: Receiver = new Receiver(
      createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const body = Buffer.concat(chunks);
          const json = JSON.parse(body.toString()) as Received['json']; // the callbacks of a test are objects
          const count = receiver.received.push({
            path: request.url ?? '',
            headers: request.headers,
            body,
            json,
          });
          const status = receiver.answer(count);
          if (status !== 'hang') response.writeHead(status).end('{}');
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

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
