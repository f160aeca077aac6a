import { setTimeout as delay } from 'node:timers/promises';
import { PostgresClient } from '../src/database/postgres-client';

/** A journal, as it grows. */
export class Ledger {
  private constructor(
    private readonly client: PostgresClient,
    private lastId: string,
  ) {}

  static async open(url: string): Promise<Ledger> {
    const client = new PostgresClient({ connectionString: url });
    client.on('error', () => undefined); // the next query fails too
    await client.connect();
    const ledger = new Ledger(client, '0');
    await ledger.count();
    return ledger;
  }

  /** What was committed since the last count. */
  async count(): Promise<Committed> {
    const { rows } = await this.client.query<{ events: number; transactions: number; last: string }>(
      `select count(*)::int as events, count(distinct tx)::int as transactions, coalesce(max(id), $1) as last
       from audit_event where id > $1`,
      [this.lastId],
    );
    const [{ events, transactions, last } = { events: 0, transactions: 0, last: this.lastId }] = rows;
    this.lastId = last;
    return { events, transactions };
  }

  /** As `restOf`. */
  async rest(): Promise<void> {
    await restOf(this.client);
  }

  async close(): Promise<void> {
    await this.client.end();
  }
}

export interface Committed {
  readonly events: number;
  readonly transactions: number;
}

/** Waits until nobody uses the database: the requests that were on their way when a round ended are committed too. */
export async function restOf(client: PostgresClient): Promise<void> {
  for (let busy = true; busy;) {
    await delay(50);
    const { rows } = await client.query(
      `select from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()
         and backend_type = 'client backend'`,
    );
    busy = rows.length > 0;
  }
}
