import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** The way from a service to its Postgres, which a test can cut, stall and mend. */
export class PostgresLink {
  private readonly sockets = new Set<Socket>();
  private stalled = false;
  private port = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (near: Socket) => {
      this.join(near, connect(Number(target.port), target.hostname));
    });
  }

  /** @param target the URL of the database, as the service would reach it without the link */
  static async to(target: string): Promise<PostgresLink> {
    const server = createServer();
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

  async mend(): Promise<void> {
    this.stalled = false;
    if (!this.server.listening) await once(this.server.listen(this.port, '127.0.0.1'), 'listening');
  }

  private join(near: Socket, far: Socket): void {
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
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => {
      if (!this.stalled) near.write(chunk);
    });
  }
}
