import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way from a service to its Postgres, which a test can cut, stall and mend. */
export class PostgresLink {
  private readonly sockets = new Set<Socket>();
  private stalled = false;
  private hushed = false;
  private endSession: ((pid: number) => Promise<unknown>) | null = null;
  private port = 0;
  private opened = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (near: Socket) => {
      this.join(near, connectTo(target));
    });
  }

  /** @param target the URL of the database, as the service would reach it without the link */
  static async to(target: string): Promise<PostgresLink> {
    const server = createServer({ allowHalfOpen: true });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const link = new PostgresLink(server, new URL(target));
    link.port = (server.address() as AddressInfo).port; // it listens on a port
    return link;
  }

  /** The URL of the database by way of the link. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    return url.href;
  }

  /** How many connections the service has. */
  get connections(): number {
    return this.sockets.size / 2;
  }

  /** How many connections the service has opened until now. */
  get connectionsOpened(): number {
    return this.opened;
  }

  /** Every connection breaks, and no new one is taken. */
  async cut(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Nothing of Postgres's passes any more, while what the service sends still does: commits without an answer. */
  stall(): void {
    this.stalled = true;
  }

  /** Nothing passes any more, neither way, not even that a connection has ended: the host is gone. */
  hush(): void {
    this.hushed = true;
    this.stalled = true;
  }

  /**
   * From now on each new session is ended by `end` as soon as it is open, and the service learns of both in one piece: that
   * it is open, and that it has ended. It is so when Postgres ends a session while the service's process is paused.
   */
  endEachAsItOpens(end: (pid: number) => Promise<unknown>): void {
    this.endSession = end;
  }

  async mend(): Promise<void> {
    this.stalled = false;
    this.hushed = false;
    this.endSession = null;
    if (!this.server.listening) await once(this.server.listen(this.port, '127.0.0.1'), 'listening');
  }

  private join(near: Socket, far: Socket): void {
    this.opened += 1;
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    near.on('data', (chunk) => {
      if (!this.hushed) far.write(chunk);
    });
    near.once('end', () => {
      if (!this.hushed) near.end();
    });
    const kept: Buffer[] = [];
    far.on('data', (chunk) => {
      const pid = this.endSession === null ? null : sessionOpenedIn(chunk);
      if (pid !== null) void this.endSession?.(pid);
      if (pid !== null || kept.length > 0) kept.push(chunk);
      else if (!this.stalled) near.write(chunk);
    });
    far.once('end', () => {
      if (kept.length > 0) near.end(Buffer.concat(kept));
    });
  }
}

/** A connection to the server of a URL, whose host may be the folder of a socket. */
export function connectTo({ hostname, port }: URL): Socket {
  const host = decodeURIComponent(hostname);
  return host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(Number(port), host);
}

/** The process id of BackendKeyData, with which Postgres says that a session is open; null where this is not in it. */
function sessionOpenedIn(chunk: Buffer): number | null {
  const at = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
  return at < 0 ? null : chunk.readInt32BE(at + 5);
}
