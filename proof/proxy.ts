import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A wire between the service and Postgres that can be cut and held. */
export class Proxy {
  private readonly pairs = new Set<readonly [client: Socket, upstream: Socket]>();
  private held: 'none' | 'answers' | 'both' = 'none';

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    server.on('connection', (client) => {
      this.join(client);
    });
  }

  static async to(targetPort: number): Promise<Proxy> {
    const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Proxy(server, targetPort);
  }

  get port(): number {
    const address = this.server.address();
    if (typeof address !== 'object' || address === null) throw new Error('The proxy is closed');
    return address.port;
  }

  /** Lets nothing through any more but keeps every connection: `answers` still lets through what the service sends. */
  hold(what: 'answers' | 'both'): void {
    this.held = what;
    for (const pair of this.pairs) this.apply(pair);
  }

  release(): void {
    this.held = 'none';
    for (const pair of this.pairs) this.apply(pair);
  }

  /** Ends every connection; what was under way is lost in both directions. New ones are taken. */
  cut(): void {
    for (const [client, upstream] of this.pairs) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    this.release();
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private join(client: Socket): void {
    const upstream = connect(this.targetPort, '127.0.0.1');
    const pair = [client, upstream] as const;
    this.pairs.add(pair);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (chunk) => to.write(chunk));
      from.on('error', () => undefined);
      from.once('close', () => {
        this.pairs.delete(pair);
        to.destroy();
      });
    }
    this.apply(pair);
  }

  private apply([client, upstream]: readonly [Socket, Socket]): void {
    if (this.held === 'both') client.pause();
    else client.resume();
    if (this.held === 'none') upstream.resume();
    else upstream.pause();
  }
}
