import { isIP, Socket, type LookupFunction, type SocketConnectOpts } from 'node:net';

/** Where a socket is to go: what is recorded, and what decides. */
export interface ConnectHookOptions {
  /**
   * Where an attempt at an address goes instead: to the address itself (`through`), to nobody (`refused`, `silent`), or to another
   * address and port, as a network would do that is not to be trusted.
   */
  readonly goes: (address: string) => 'through' | 'refused' | 'silent' | { host: string; port: number };
}

/**
 * Sees every address that a socket of this process would be connected to, whoever opens it: `net`, `tls`, undici, pg.
 *
 * Only what `goes` lets through leaves the process, so a test of public addresses sends nothing to them.
 */
export class ConnectHook {
  /** Every attempt in order; of a socket that has several addresses, all. A name that nobody resolved stands as it is. */
  readonly attempts: string[] = [];
  private readonly real = Socket.prototype.connect;

  constructor(private readonly options: ConnectHookOptions) {}

  install(): this {
    const attempt = (socket: Socket, args: readonly unknown[]): Socket => this.attempt(socket, args);
    Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
      return attempt(this, args);
    };
    return this;
  }

  remove(): void {
    Socket.prototype.connect = this.real;
  }

  private attempt(socket: Socket, args: readonly unknown[]): Socket {
    const addresses = addressesOf(args);
    this.attempts.push(...addresses);
    const goes = this.options.goes(addresses[0] ?? '');
    if (goes === 'silent') return socket;
    if (goes !== 'refused') {
      Reflect.apply(this.real, socket, goes === 'through' ? args : [goes]);
      return socket;
    }
    process.nextTick(() => {
      socket.destroy(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    });
    return socket;
  }
}

/** What `Socket.connect` would connect to: it asks its option `lookup` for names, and goes to addresses at once. */
function addressesOf([first, second]: readonly unknown[]): readonly string[] {
  // `net.connect` hands its arguments on as a list
  const given: unknown = Array.isArray(first) ? first[0] : first;
  if (typeof given === 'number') return [typeof second === 'string' ? second : 'localhost'];
  const { host = 'localhost', lookup } = given as {
    host?: string;
    lookup?: LookupFunction;
  } & SocketConnectOpts; // by Node
  if (isIP(host) !== 0 || lookup === undefined) return [host];
  const found: string[] = [];
  lookup(host, { all: true }, (_error, addresses) => {
    if (Array.isArray(addresses)) found.push(...addresses.map(({ address }) => address));
  });
  return found;
}
