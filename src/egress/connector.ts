import { connect, type LookupFunction, type Socket } from 'node:net';
import { buildConnector } from 'undici';
import { errorCode } from '../base/error-code';
import { EgressError } from './egress-error';
import { mayBeContacted } from './is-public.rule';
import { readAddress } from './read-address.rule';
import { readHost } from './read-host.rule';
import type { Network } from './read-networks.rule';
import { resolveByDns, resolveBySystem, type Resolve } from './resolve-name';

export interface ConnectorOptions {
  /**
   * The networks that may be contacted beside public addresses, where hosts came over REST. `any`: hosts are the operator's word
   * (configuration), so nothing is vetted.
   */
  readonly allowed: readonly Network[] | 'any';
  /** Name look-up, TCP and TLS together. */
  readonly connectMaxMs: number;
  /** By the operating system where hosts are the operator's word, else by DNS. */
  readonly resolve?: Resolve;
  /** Certificates to trust instead of the system's, in PEM. */
  readonly ca?: string;
}

/** How long one of several addresses has before the next is tried, in ms. */
const addressMaxMs = 1_000;
/** After how long without traffic the operating system probes a connection, in ms. */
const keepAliveDelayMs = 60_000;

/**
 * Opens the sockets of all outgoing connections.
 *
 * Hosts that came over REST are vetted here, at the socket, since everything before it can be deceived: a name is resolved once,
 * refused if any of its addresses may not be contacted, and the socket is given these addresses and no name, so no second
 * look-up can answer differently. Addresses are vetted in all their spellings. No proxy is taken from the environment.
 */
export class Connector {
  private readonly resolve: Resolve;
  /** By undici, which keeps TLS sessions and names the host in SNI; the limit of time is ours, over all steps. */
  private readonly secure: buildConnector.connector;

  constructor(private readonly options: ConnectorOptions) {
    const { allowed, ca } = options;
    this.resolve = options.resolve ?? (allowed === 'any' ? resolveBySystem : resolveByDns());
    this.secure = buildConnector({ timeout: 0, ...(ca === undefined ? {} : { ca }) });
  }

  /**
   * A TCP connection, for protocols that do TLS themselves (Postgres, SMTP): they verify the name, not the address.
   *
   * @throws EgressError
   */
  open(host: string, port: number): Promise<Socket> {
    return within(this.options.connectMaxMs, (signal) => this.dial(host, port, signal));
  }

  /**
   * Resolves a host and vets its addresses as for a connection, and makes none. Each connection vets again.
   *
   * @throws EgressError
   */
  async vet(host: string): Promise<void> {
    await within(this.options.connectMaxMs, (signal) => this.addressesOf(host, signal));
  }

  /** For the option `connect` of an undici Agent; its requests fail with an EgressError. */
  readonly forHttp: buildConnector.connector = (options, done) => {
    within(this.options.connectMaxMs, (signal) => this.openHttp(options, signal)).then(
      (socket) => {
        done(null, socket);
      },
      (error: unknown) => {
        done(error instanceof Error ? error : new Error(String(error)), null);
      },
    );
  };

  private async openHttp(options: buildConnector.Options, signal: AbortSignal): Promise<Socket> {
    const isTls = options.protocol === 'https:';
    const port = options.port === '' ? (isTls ? 443 : 80) : Number(options.port);
    const socket = await this.dial(options.hostname, port, signal);
    return isTls ? await this.secured(options, socket, signal) : socket;
  }

  /** TLS on a connection, verified for the name of the host. @throws EgressError */
  private secured(options: buildConnector.Options, tcp: Socket, signal: AbortSignal): Promise<Socket> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => tcp.destroy(), { once: true });
      this.secure({ ...options, httpSocket: tcp }, (error, socket) => {
        if (error === null) {
          resolve(socket);
          return;
        }
        tcp.destroy();
        reject(new EgressError('tls', errorCode(error)));
      });
    });
  }

  private async dial(host: string, port: number, signal: AbortSignal): Promise<Socket> {
    const { allowed } = this.options;
    const addresses = await this.addressesOf(host, signal);
    signal.throwIfAborted();
    const socket = await connected(addresses, port, signal);
    if (allowed === 'any' || addresses.includes(readAddress(socket.remoteAddress ?? '')?.text ?? ''))
      return socket;
    socket.destroy();
    throw new EgressError('address-refused', null);
  }

  /** All addresses of a host, vetted. @throws EgressError */
  private async addressesOf(host: string, signal: AbortSignal): Promise<readonly string[]> {
    const { allowed } = this.options;
    if (allowed === 'any') return await this.resolved(host, signal);
    const read = readHost(host);
    if (read === null) throw new EgressError('address-refused', null);
    const addresses =
      read.kind === 'address'
        ? [read.address]
        : (await this.resolved(read.name, signal)).map((text) => readAddress(text));
    return addresses.map((address) => {
      if (address !== null && mayBeContacted(address, allowed)) return address.text;
      throw new EgressError('address-refused', null);
    });
  }

  private async resolved(name: string, signal: AbortSignal): Promise<readonly string[]> {
    const addresses = await this.resolve(name, signal).catch((error: unknown) => {
      throw new EgressError('dns', errorCode(error));
    });
    if (addresses.length === 0) throw new EgressError('dns', 'ENODATA');
    return addresses;
  }
}

/** Connects to the first of the addresses that answers. @throws EgressError */
function connected(addresses: readonly string[], port: number, signal: AbortSignal): Promise<Socket> {
  const entries = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const lookup: LookupFunction = (_name, _options, done) => {
    done(null, entries);
  };
  return new Promise((resolve, reject) => {
    const socket = connect({
      // a name that is nobody's (RFC 2606): Node asks `lookup` for names only, and thus tries all addresses, none by another way
      host: 'vetted.invalid',
      port,
      lookup,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: addressMaxMs,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelayMs,
    });
    signal.addEventListener('abort', () => socket.destroy(), { once: true });
    socket.once('connect', () => {
      resolve(socket);
    });
    // stays: a connection that breaks before its owner listens must not end the process
    socket.on('error', (error) => {
      const code = errorCode(error);
      reject(new EgressError(code === 'ETIMEDOUT' ? 'timeout' : 'connect-refused', code));
    });
  });
}

/** Does some work and gives it up when its time is over; the work then ends what it began. @throws EgressError */
async function within<T>(maxMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new EgressError('timeout', 'ETIMEDOUT');
      end.abort(error);
      reject(error);
    }, maxMs);
  });
  try {
    return await Promise.race([work(end.signal), over]);
  } finally {
    clearTimeout(timer);
  }
}
