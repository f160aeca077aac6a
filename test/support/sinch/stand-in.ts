import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Seen {
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** Decoded, in order. */
  readonly query: readonly (readonly [string, string])[];
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers one request, or fails to in its own way. */
export type Reply = (response: ServerResponse, seen: Seen) => void;

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return raw(status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });
}

export function raw(
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return (response) => {
    response.writeHead(status, headers);
    response.end(body);
  };
}

/** Sends half of what it promises, then breaks the connection. */
export const cut: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
  response.write('{"id":', () => response.destroy());
};

/** Breaks the connection without a word. */
export const hangUp: Reply = (response) => {
  response.destroy();
};

/** Never says anything. */
export const silence: Reply = () => undefined;

/** Sends the head, and never the rest. */
export const headOnly: Reply = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{');
};

/** Stands in for Sinch, token host and Conversation API in one: a real server, whose answers the test chooses. */
export class StandIn {
  /** What reached the API. */
  readonly seen: Seen[] = [];
  readonly tokenRequests: Seen[] = [];
  /** The next answers, first to last; then `otherwise`. */
  readonly replies: Reply[] = [];
  readonly tokenReplies: Reply[] = [];
  otherwise: Reply = json(200, { id: 'C1' });
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const [path = '', query = ''] = (request.url ?? '').split('?');
        this.reply(response, {
          method: request.method ?? '',
          path,
          query: [...new URLSearchParams(query)],
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
  }

  static async start(): Promise<StandIn> {
    const standIn = new StandIn();
    await once(standIn.server.listen(0, '127.0.0.1'), 'listening');
    return standIn;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo; // it listens on a port
    return `http://127.0.0.1:${port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private reply(response: ServerResponse, seen: Seen): void {
    if (seen.path !== '/oauth2/token') {
      this.seen.push(seen);
      (this.replies.shift() ?? this.otherwise)(response, seen);
      return;
    }
    this.tokenRequests.push(seen);
    const token = { access_token: `token-${this.tokenRequests.length}`, expires_in: 3600 };
    (this.tokenReplies.shift() ?? json(200, { ...token, token_type: 'bearer', scope: '' }))(response, seen);
  }
}
