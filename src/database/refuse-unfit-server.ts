import { StartRefusal } from '../config/start-refusal';
import { faultOfVersion } from './fault-of-version.rule';
import { PostgresClient } from './postgres-client';

const timeoutMs = 3_000;
/** How often each of two connections asks which server process serves it: a pooler may take turns. */
const asksCount = 3;

/**
 * Refuses a server that is too old, and a pooler that gives each transaction another session of Postgres.
 *
 * This service keeps things in its sessions: the role that it works as, prepared statements, the locks of migrations and
 * followers. Two open connections that meet in one server process, or one connection that changes it, share sessions.
 * @param variable that holds the URL, as a refusal names it
 * @throws StartRefusal that says what to do
 * @throws the driver's or Postgres's error when there is no connection
 */
export async function refuseUnfitServer(
  url: string,
  variable: 'DATABASE_URL' | 'DATABASE_OWNER_URL',
): Promise<void> {
  const clients: PostgresClient[] = [];
  try {
    clients.push(await openClient(url, 'start'), await openClient(url, 'start'));
    const seen: Set<number>[] = clients.map(() => new Set());
    for (let n = 0; n < asksCount; n++)
      for (const [at, client] of clients.entries()) seen[at]?.add(await serverProcess(client));
    if (seen.some(({ size }) => size > 1) || new Set(seen.flatMap((pids) => [...pids])).size < clients.length)
      throw new StartRefusal(
        `${variable} leads through a pooler that shares sessions between clients (transaction pooling), and this service keeps its role, prepared statements and locks in its sessions: connect to Postgres itself, or let the pooler give it whole sessions (pgbouncer: pool_mode = session)`,
      );
  } finally {
    for (const client of clients) await client.end().catch(() => undefined);
  }
}

/**
 * A connection for a few short questions, to be ended by the caller.
 *
 * @param purpose that Postgres shows of it
 * @throws the driver's or Postgres's error
 */
export async function openClient(url: string, purpose: 'start' | 'doctor'): Promise<PostgresClient> {
  const client = new PostgresClient({
    connectionString: url,
    connectionTimeoutMillis: timeoutMs,
    silenceMaxMs: timeoutMs,
    application_name: `sinch-contact-mirror ${purpose}`,
  });
  try {
    await client.connect();
  } catch (error) {
    // not awaited: it waits for ever for a connection that never was
    client.end().catch(() => undefined);
    throw error;
  }
  return client;
}

async function serverProcess(client: PostgresClient): Promise<number> {
  const { rows } = await client.query<{ pid: number; version: number }>(
    `select pg_backend_pid() as pid, current_setting('server_version_num')::int as version`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('A query for one row gave none.');
  const fault = faultOfVersion(row.version);
  if (fault !== null) throw new StartRefusal(fault);
  return row.pid;
}
