import { once } from 'node:events';
import { createServer as createHttp, type RequestListener, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createServer as createTcp, type AddressInfo, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Certificate } from './certificate';

/** What a listener saw of one request. */
export interface SeenRequest {
  readonly host: string | undefined;
  /** The name in SNI; `null`: without TLS, or an address. */
  readonly servername: string | null;
}

/** A server on 127.0.0.1 that counts connections, and records what requests name. */
export class Listener {
  readonly seen: SeenRequest[] = [];
  private readonly sockets = new Set<Socket>();
  private connectionsCount = 0;
  private port_ = 0;

  private constructor(private readonly server: ReturnType<typeof createTcp>) {
    server.on('connection', (socket: Socket) => {
      this.connectionsCount++;
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  /** Takes connections, and says nothing. */
  static silent(): Promise<Listener> {
    return Listener.on(
      // read, or an end of the connection would not be noticed
      createTcp((socket) => socket.resume()),
      () => undefined,
    );
  }

  /** Closes each connection at once. */
  static closing(): Promise<Listener> {
    return Listener.on(
      createTcp((socket) => socket.destroy()),
      () => undefined,
    );
  }

  /** HTTP, or HTTPS with a certificate; answers with the status 200, or as `answer` does. */
  static http(certificate: Certificate | null = null, answer?: RequestListener): Promise<Listener> {
    const server: Server = certificate === null ? createHttp() : createHttps(certificate);
    return Listener.on(server, (listener) => {
      server.on('request', (request, response) => {
        const { servername } = request.socket as Partial<TLSSocket> & { servername?: string | false };
        listener.seen.push({ host: request.headers.host, servername: servername || null });
        if (answer === undefined) response.end('ok');
        else answer(request, response);
      });
    });
  }

  private static async on(
    server: ReturnType<typeof createTcp>,
    begin: (listener: Listener) => void,
  ): Promise<Listener> {
    const listener = new Listener(server);
    begin(listener);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    listener.port_ = (server.address() as AddressInfo).port; // it listens on a port
    return listener;
  }

  get port(): number {
    return this.port_;
  }

  /** How many connections came, whatever became of them. */
  get connections(): number {
    return this.connectionsCount;
  }

  /** How many of them are open. */
  get open(): number {
    return this.sockets.size;
  }

  stop(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
