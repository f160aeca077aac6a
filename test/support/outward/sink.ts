import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A webhook as a receiver got it. */
export interface ReceivedWebhook {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How a receiver answers; `hang`: not at all; `cut`: it breaks the connection. */
export type SinkAnswer =
  number | { readonly status: number; readonly headers: Record<string, string> } | 'hang' | 'cut';

/** A receiver of webhooks on this machine, which notes what comes in the order in which it has been read. */
export class Sink {
  readonly received: ReceivedWebhook[] = [];
  /** What it answers to a webhook; 200 unless a test says otherwise. */
  answer: (webhook: ReceivedWebhook, times: number) => SinkAnswer | Promise<SinkAnswer> = () => 200;
  private readonly times = new Map<string, number>();

  private constructor(private readonly server: Server) {}

  static async open(): Promise<Sink> {
    const server = createServer({ keepAliveTimeout: 60_000 });
    const sink = new Sink(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const webhook = {
          id: String(request.headers['webhook-id']),
          headers: request.headers,
          body: Buffer.concat(chunks),
        };
        sink.received.push(webhook);
        const times = (sink.times.get(webhook.id) ?? 0) + 1;
        sink.times.set(webhook.id, times);
        void Promise.resolve(sink.answer(webhook, times)).then((answer) => {
          if (answer === 'hang') return;
          if (answer === 'cut') request.socket.destroy();
          else if (typeof answer === 'number') response.writeHead(answer).end('answered');
          else response.writeHead(answer.status, answer.headers).end('answered');
        });
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return sink;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  /** All ids that came, in the order of their first arrival. */
  get ids(): readonly string[] {
    return [...new Set(this.received.map(({ id }) => id))];
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
