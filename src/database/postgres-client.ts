import { connect, Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Client, Pool, type ClientBase, type ClientConfig, type PoolConfig } from 'pg';
import { readUrl } from '../base/read-url.rule';

/** After how long without traffic the operating system probes a connection, in ms; ten probes a second apart end it. */
const keepAliveDelayMs = 10_000;
/** Of the protocol (Postgres's manual, "Message Formats", CancelRequest). */
const cancelRequestCode = 80_877_102;
const cancelTimeoutMs = 3_000;

export interface PostgresClientConfig extends ClientConfig {
  /**
   * Longest silence of the server while a statement waits for its answer, in ms: longer than the server's own
   * `statement_timeout`. Null where a statement may take any time, as migrations do.
   */
  readonly silenceMaxMs?: number | null;
}

/**
 * Every connection to Postgres, in pools and outside.
 *
 * - A connection that ends never ends the process. Postgres may end a session at any moment, also between the opening of a
 *   connection and the first listener of the pool that hands it out.
 * - The password is sent to nobody: only SCRAM, which proves that one knows it, unless TLS has shown who the server is. Anyone who
 *   takes the server's place could ask for it in clear, or as an MD5 that is as good. With `require_auth=scram-sha-256` in the
 *   URL (as libpq has it) a server that asks for no proof, and so gives none, is refused too.
 * - A connection that goes silent is destroyed, so what waits for it fails with an error that `isDatabaseAway` knows. Postgres
 *   is asked to cancel the statement, or its sessions would pile up where each waits for something that does not come.
 */
export class PostgresClient extends Client {
  /** Kept by pg: false from the sending of a statement until the server has answered it. */
  declare protected readonly readyForQuery: boolean | undefined;
  /** Kept by pg: by these a statement of this session can be cancelled; null before the session is open. */
  declare protected readonly processID: number | null;
  declare protected readonly secretKey: number | null;
  /** Whether a statement that is not answered in time is cancelled. */
  cancelsWhenSilent = true;

  constructor(config?: PostgresClientConfig) {
    super(config);
    const silenceMaxMs = config?.silenceMaxMs ?? null;
    // the rejected promise informs the caller that waits for the answer
    this.on('error', () => undefined);
    this.guardPassword(requiresScram(config?.connectionString));
    this.once('connect', () => {
      const { stream } = this.connection;
      if (!(stream instanceof Socket)) return;
      stream.setKeepAlive(true, keepAliveDelayMs);
      if (silenceMaxMs === null) return;
      stream.setTimeout(silenceMaxMs, () => {
        const isAwaited = this.readyForQuery === false;
        if (isAwaited && this.cancelsWhenSilent) this.cancel();
        if (isAwaited || stream.writableEnded)
          stream.destroy(new Error(`Postgres did not answer within ${silenceMaxMs} ms`));
      });
    });
  }

  private guardPassword(isScramRequired: boolean): void {
    let isProved = false;
    const refuse = (how: string): void => {
      const { stream } = connection;
      if (stream instanceof TLSSocket && stream.authorized) return;
      // whatever the driver writes after this goes nowhere, and the connection is never ready, whatever else has arrived
      connection.removeAllListeners('readyForQuery');
      stream.destroy(new UnsafeServer(how));
    };
    // these are called before the driver's own listeners
    const { connection } = this;
    connection.on('authenticationCleartextPassword', () => {
      refuse('the password in clear');
    });
    connection.on('authenticationMD5Password', () => {
      refuse('the password as MD5');
    });
    connection.on('authenticationSASLFinal', () => {
      isProved = true;
    });
    connection.on('authenticationOk', () => {
      if (isScramRequired && !isProved) refuse('no proof of the password');
    });
  }

  /** Asks Postgres, on a connection of its own, to cancel what the session does; as libpq does, without waiting for an answer. */
  private cancel(): void {
    const { host, port, processID, secretKey } = this;
    if (processID === null || secretKey === null) return;
    const request = Buffer.alloc(16);
    request.writeInt32BE(request.length, 0);
    request.writeInt32BE(cancelRequestCode, 4);
    request.writeInt32BE(processID, 8);
    request.writeInt32BE(secretKey, 12);
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
    socket.on('error', () => undefined);
    socket.setTimeout(cancelTimeoutMs, () => socket.destroy());
    socket.end(request);
  }
}

/** The server asks for a password in a way that gives it away. `code` is that of an authorization that is not valid. */
class UnsafeServer extends Error {
  readonly code = '28000';

  constructor(how: string) {
    super(
      `The server asks for ${how}, which this service gives to no server that TLS has not verified: use scram-sha-256 (password_encryption and pg_hba.conf), or TLS with sslmode=verify-full`,
    );
  }
}

function requiresScram(url: string | undefined): boolean {
  return url !== undefined && readUrl(url)?.searchParams.get('require_auth') === 'scram-sha-256';
}

/** Unlike its types, the pool waits for what `onConnect` returns, and hands out no connection for which it fails. */
type PostgresPoolConfig = Omit<PoolConfig, 'onConnect'> &
  PostgresClientConfig & { readonly onConnect: (client: ClientBase) => Promise<unknown> };

/** A pool of such connections. */
export function postgresPool(config: PostgresPoolConfig): Pool {
  return new Pool({ ...config, Client: PostgresClient });
}
