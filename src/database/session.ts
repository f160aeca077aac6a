import { Client, type ClientConfig } from 'pg';

/** A named statement, prepared once a session. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Longest time that a statement of a session may take on the server, in ms. */
const statementTimeoutMs = 15_000;
/** Longest wait for the server's answer, in ms: longer than the server's own limit, for connections that hang. */
const answerTimeoutMs = 17_000;
const connectTimeoutMs = 3_000;

/** The settings of every connection of the service: a commit is on disk before it is answered, and a hung replica must not stop the others. */
const SETTINGS = [
  '-c synchronous_commit=on',
  '-c lock_timeout=5000',
  '-c idle_in_transaction_session_timeout=5000',
  `-c statement_timeout=${statementTimeoutMs}`,
];

type Connection = Pick<ClientConfig, 'connectionString' | 'options' | 'application_name'>;

/**
 * How the service connects to the database of a `postgresql://` URL: it works as `mirror_service`.
 *
 * Settings that the URL itself brings in `options` come first, so ours hold where both speak. (Given beside a URL that has
 * `options`, ours would be dropped by the driver, and the service would work as the owner.)
 */
export function serviceConnection(url: string): Connection {
  return connectionAs(url, ['-c role=mirror_service']);
}

/** How those connect who read for REST: as `mirror_reader`, which sees one project a transaction, by views of the tables' names. */
export function readerConnection(url: string): Connection {
  return connectionAs(url, ['-c role=mirror_reader', '-c search_path=one_project,public']);
}

function connectionAs(url: string, role: readonly string[]): Connection {
  const parsed = new URL(url);
  const given = parsed.searchParams.get('options');
  const options = [...(given === null ? [] : [given]), ...role, ...SETTINGS].join(' ');
  parsed.searchParams.delete('options');
  return { connectionString: parsed.toString(), options, application_name: 'sinch-contact-mirror' };
}

/**
 * One connection of the service's own, outside the pool, which statements take one after the other.
 *
 * A session that failed is destroyed, never mended: open another.
 */
export class Session {
  private constructor(private readonly client: Client) {}

  /**
   * Connects.
   *
   * @param onLost called once, when the connection ends for whatever reason but `close`
   * @throws the driver's or Postgres's error when there is no connection to be had, within 3 s
   */
  static async open(connection: ClientConfig, onLost: () => void): Promise<Session> {
    const client = new Client({
      ...connection,
      connectionTimeoutMillis: connectTimeoutMs,
      query_timeout: answerTimeoutMs,
      keepAlive: true,
    });
    client.on('error', () => undefined); // 'end' follows; without a listener the process would die
    try {
      await client.connect();
    } catch (error) {
      client.end().catch(() => undefined);
      throw error;
    }
    // not before: a connection that fails to open ends too, and earlier than the caller learns of it
    client.once('end', onLost);
    return new Session(client);
  }

  /** @throws DatabaseError with the SQLSTATE, or an error without one when the connection is gone or the answer overdue */
  async run<Row extends object>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.client.query<Row>({ ...statement, values: [...values] });
    return rows;
  }

  /** Ends the session without asking the server, which may hang. `onLost` is called. */
  destroy(): void {
    this.client.connection.stream.destroy();
  }

  /** Says good-bye to the server, then ends. `onLost` is not called. */
  async close(): Promise<void> {
    this.client.removeAllListeners('end');
    await this.client.end();
  }
}
