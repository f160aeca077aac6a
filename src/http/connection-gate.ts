import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';

/** Most requests of one connection that are with their handlers, or whose answers are not written to the end. */
export const unansweredMax = 8;
/** Most further requests of one connection that wait for their turn. With one more the connection is closed. */
export const waitingMax = 64;
/** A connection with more answer bytes than this not yet written has its next request wait. */
const unwrittenBeforeNextMaxBytes = 1024 * 1024;
/** The bounds over all connections; tests have smaller ones. */
const LIMITS = {
  /** Most connections. One more closes the one that has been idle for longest; if none is idle, it is closed itself. */
  connectionsMax: 8_192,
  /** Most answer bytes that are not yet written. Beyond it the connections of the oldest answers are closed. */
  unwrittenMaxBytes: 64 * 1024 * 1024,
  /** For how long a caller may take nothing of an answer before the connection is closed. */
  stallMaxMs: 30_000,
};

/** What is known of one connection. */
interface Connection {
  /** Requests that were handed to their handlers and are not answered to the last byte. */
  readonly unanswered: Set<ServerResponse>;
  /** Starts the handlers of the requests that wait, in their order. */
  readonly waiting: (() => void)[];
  unwrittenBytes: number;
}

/**
 * Bounds what a caller can have the service do and keep without reading any answer.
 *
 * A caller may send many requests on one connection before it reads an answer (HTTP/1.1 pipelining), and Node hands all of
 * them to their handlers at once. Here a request waits until few of its connection are unanswered. Answers that nobody takes
 * are kept in memory, so they have a bound too: for one connection, and for all together.
 */
export class ConnectionGate {
  /** The one that has been idle for longest comes before all others that are idle. */
  private readonly connections = new Map<Socket, Connection>();
  /** Bytes of each answer that is not written to the end, the oldest first. */
  private readonly unwritten = new Map<ServerResponse, number>();
  private unwrittenBytes = 0;

  constructor(private readonly limits = LIMITS) {}

  /**
   * A server whose connections and requests reach `handle` as far as the bounds allow.
   *
   * @param refuse answers requests with an `Expect` that is unknown
   */
  createServer(options: ServerOptions, handle: RequestListener, refuse: RequestListener): Server {
    const server = createServer(options, (request, response) => {
      this.admit(request, response, handle);
    });
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      this.admit(request, response, refuse);
    });
    return server.on('connection', (socket: Socket) => {
      this.connect(socket);
    });
  }

  /** Counts an answer that is about to be written; it counts until its last byte is written, or its connection is closed. */
  answering(request: IncomingMessage, response: ServerResponse, bytes: number): void {
    const connection = this.connections.get(request.socket);
    if (connection === undefined) return;
    for (const oldest of this.unwritten.keys()) {
      if (this.unwrittenBytes + bytes <= this.limits.unwrittenMaxBytes) break;
      this.forget(oldest);
      this.close(oldest.req.socket);
    }
    this.unwritten.set(response, bytes);
    this.unwrittenBytes += bytes;
    connection.unwrittenBytes += bytes;
    // Node starts the time again whenever the peer takes something
    request.socket.setTimeout(this.limits.stallMaxMs);
  }

  private connect(socket: Socket): void {
    if (this.connections.size >= this.limits.connectionsMax) {
      const idle = this.longestIdle();
      this.close(idle ?? socket);
      if (idle === null) return;
    }
    const connection: Connection = { unanswered: new Set(), waiting: [], unwrittenBytes: 0 };
    this.connections.set(socket, connection);
    socket.once('close', () => {
      this.connections.delete(socket);
      connection.waiting.length = 0;
      // Node reports the close only to the answer that was being written, not to those behind it
      for (const response of connection.unanswered) this.forget(response);
    });
  }

  private admit(request: IncomingMessage, response: ServerResponse, handle: RequestListener): void {
    const { socket } = request;
    const connection = this.connections.get(socket);
    // what else had arrived when the connection was closed
    if (connection === undefined || socket.destroyed) return;
    const start = (): void => {
      connection.unanswered.add(response);
      response.once('close', () => {
        this.finish(socket, connection, response);
      });
      handle(request, response);
    };
    if (connection.waiting.length === 0 && hasRoom(connection)) start();
    else if (connection.waiting.length < waitingMax) connection.waiting.push(start);
    else this.close(socket);
  }

  private longestIdle(): Socket | null {
    for (const [socket, { unanswered }] of this.connections) if (unanswered.size === 0) return socket;
    return null;
  }

  private close(socket: Socket): void {
    stopParsing(socket);
    socket.destroy();
    this.connections.delete(socket);
  }

  private finish(socket: Socket, connection: Connection, response: ServerResponse): void {
    connection.unanswered.delete(response);
    this.forget(response);
    // the time of a stall must not run on while a handler works or waits
    if (connection.unanswered.size > 0 && connection.unwrittenBytes === 0) socket.setTimeout(0);
    while (hasRoom(connection)) {
      const start = connection.waiting.shift();
      if (start === undefined || socket.destroyed) break;
      start();
    }
    if (connection.unanswered.size > 0 || !this.connections.delete(socket)) return;
    // idle from now on, so all that are idle already come before it
    this.connections.set(socket, connection);
  }

  private forget(response: ServerResponse): void {
    const bytes = this.unwritten.get(response);
    if (bytes === undefined) return;
    this.unwritten.delete(response);
    this.unwrittenBytes -= bytes;
    const connection = this.connections.get(response.req.socket);
    if (connection !== undefined) connection.unwrittenBytes -= bytes;
  }
}

function hasRoom({ unanswered, unwrittenBytes }: Connection): boolean {
  return unanswered.size < unansweredMax && unwrittenBytes <= unwrittenBeforeNextMaxBytes;
}

/**
 * Has Node parse no further request of what a closed connection has already sent.
 *
 * One read takes 64 KiB, which can be 1,400 requests, and Node makes objects for all of them before it looks at the connection
 * again. `onIncoming` is internal to Node: the answer 2 to the head of a request means that no HTTP follows it.
 */
function stopParsing(socket: Socket): void {
  const { parser } = socket as { parser?: { onIncoming?: unknown } | null };
  if (typeof parser?.onIncoming === 'function') parser.onIncoming = () => 2;
}
