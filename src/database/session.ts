import type { ClientBase, ClientConfig } from 'pg';
import { DATABASE_WAITS, type DatabaseWaits } from './database-address';
import { PostgresClient } from './postgres-client';
import { type DatabaseRoles, ROLE_SETTINGS } from './rights.rule';

/** A named statement, prepared once a session. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Longest time that a statement of a session may take on the server, in ms. */
const statementTimeoutMs = 15_000;
const connectTimeoutMs = 3_000;
/** Longest wait for the server's good-bye, in ms. */
const closeTimeoutMs = 1_000;

type Connection = Pick<ClientConfig, 'connectionString' | 'application_name'>;

/** How the service connects to the database of a `postgresql://` URL. */
export function serviceConnection(url: string): Connection {
  return { connectionString: url, application_name: 'sinch-contact-mirror' };
}

/**
 * Has a new session work as one of the roles that the table `setting` names, from now on.
 *
 * Asked for by statements, not by start-up options, which poolers drop: the role, and what makes a commit safe (it is on disk
 * before it is answered, and a hung replica must not stop the others).
 * @returns the role's name
 * @throws Postgres's error, 42P01 in a database that was not migrated
 */
export async function workAs(
  client: ClientBase,
  role: keyof DatabaseRoles,
  timeoutMs = statementTimeoutMs,
  lockTimeoutMs = DATABASE_WAITS.lockMs,
): Promise<string> {
  // more than one statement in a query: its results are a list, which the types do not say
  const results: unknown = await client.query(`
    select set_config('role', convert_from(value, 'UTF8'), false) as role from public.setting where name = '${ROLE_SETTINGS[role]}';
    set synchronous_commit = on;
    set lock_timeout = ${lockTimeoutMs};
    set idle_in_transaction_session_timeout = 5000;
    set statement_timeout = ${timeoutMs};
    select current_user::text as role`);
  const [wanted, works] = (results as readonly { readonly rows: readonly { readonly role: string }[] }[])
    .filter(({ rows }) => rows.length > 0)
    .map(({ rows }) => rows[0]?.role);
  if (wanted === undefined || wanted !== works)
    throw new Error(`Postgres does not let this session work as the role ${wanted ?? ROLE_SETTINGS[role]}.`);
  return wanted;
}

/**
 * One connection of the service's own, outside the pool, which statements take one after the other.
 *
 * A session that failed is destroyed, never mended: open another.
 */
export class Session {
  private constructor(private readonly client: PostgresClient) {}

  /**
   * Connects, and works as the service's role.
   *
   * @param onLost called once, when the connection ends for whatever reason but `close`
   * @throws the driver's or Postgres's error when there is no connection to be had, within 3 s
   */
  static async open(
    connection: ClientConfig,
    onLost: () => void,
    { answerMs, lockMs }: Pick<DatabaseWaits, 'answerMs' | 'lockMs'> = DATABASE_WAITS,
  ): Promise<Session> {
    const client = new PostgresClient({
      ...connection,
      connectionTimeoutMillis: connectTimeoutMs,
      silenceMaxMs: answerMs,
    });
    try {
      await client.connect();
      await workAs(client, 'service', statementTimeoutMs, lockMs);
    } catch (error) {
      client.end().catch(() => undefined);
      throw error;
    }
    // not before: a connection that fails to open ends too, and earlier than the caller learns of it
    client.once('end', onLost);
    return new Session(client);
  }

  /** @throws DatabaseError with the SQLSTATE, or an error without one when the connection is closed or the answer overdue */
  async run<Row extends object>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.client.query<Row>({ ...statement, values: [...values] });
    return rows;
  }

  /**
   * From now on a statement whose answer is overdue is left to Postgres, where it would be cancelled otherwise.
   *
   * For commits: one that waits for a standby and is cancelled shows itself to others, who would take it for safe.
   */
  letStatementsFinish(): void {
    this.client.cancelsWhenSilent = false;
  }

  /** Ends the session without asking the server, which may hang. `onLost` is called. */
  destroy(): void {
    this.client.connection.stream.destroy();
  }

  /** Says good-bye to the server, then ends, after a second whether it answers or not. `onLost` is not called. */
  async close(): Promise<void> {
    this.client.removeAllListeners('end');
    const cut = setTimeout(() => {
      this.destroy();
    }, closeTimeoutMs);
    await this.client.end();
    clearTimeout(cut);
  }
}
