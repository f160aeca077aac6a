import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../../../src/database/embedded/embedded-postgres';
import { PostgresClient } from '../../../src/database/postgres-client';
import { until } from '../until';
import type { Cost } from './costs-table';

/** Longest wait for sessions to be idle, in ms. */
const settledMaxMs = 60_000;

/** What a text of SQL cost: how often it ran, its rows, and the pages that it touched. */
export interface CountedStatement {
  readonly query: string;
  readonly calls: number;
  readonly rows: number;
  readonly buffers: number;
}

/** What some work cost, and the statements that it ran, those that touch most pages first. */
export interface Counted extends Cost {
  readonly ran: readonly CountedStatement[];
}

/** Counts, and leaves nothing to chance: no page is touched but for what is asked, and statistics are those that a test made. */
const SETTINGS = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.save': 'off',
  autovacuum: 'off',
};

/** What begins and ends transactions, and what they work as. */
const FRAMING = /^\s*(begin|start|commit|rollback|savepoint|release|set|reset|deallocate|discard)\b/i;

/**
 * What a new connection of the service says first (`workAs`, and what readers are planned by). Not counted: pools open a connection
 * when they have none, which depends on time.
 */
const CONNECTING =
  /^\s*(select set_config\(|select current_user::text as role|set (synchronous_commit|lock_timeout|idle_in_transaction_session_timeout|statement_timeout|plan_cache_mode|max_parallel_workers_per_gather|jit) )/i;

const COUNTS = `
select query, calls::int, rows::int, (shared_blks_hit + shared_blks_read)::int as buffers
from counted.pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database())
order by buffers desc, query`;

const BUSY = `
select count(*)::int as count
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`;

/** An embedded server of a test's own that counts what statements cost. */
export class CountingServer {
  private constructor(
    private readonly server: EmbeddedPostgres,
    private readonly dataDir: string,
    /** Itself not counted. */
    private readonly counter: PostgresClient,
  ) {}

  static async start(): Promise<CountingServer> {
    const dataDir = await mkdtemp(join(tmpdir(), 'mirror-costs-'));
    const silent = (): void => undefined;
    const server = await EmbeddedPostgres.begin({
      dataDir,
      log: { info: silent, warn: silent, error: silent },
      durable: false,
      isOwnerSuperuser: true,
      settings: SETTINGS,
    });
    await server.ready();
    const counter = new PostgresClient({ connectionString: server.ownerUrl });
    await counter.connect();
    await counter.query(
      `set pg_stat_statements.track = none; create schema counted; create extension pg_stat_statements schema counted`,
    );
    return new CountingServer(server, dataDir, counter);
  }

  /** Of the owner of the database, a superuser. */
  get ownerUrl(): string {
    return this.server.ownerUrl;
  }

  /** Of the service's login. */
  get url(): string {
    return this.server.url;
  }

  async stop(): Promise<void> {
    await this.counter.end();
    await this.server.stop(5_000);
    await rm(this.dataDir, { recursive: true, force: true });
  }

  /** Counts all that runs until `work` has ended, and what it leaves running. */
  async count(work: () => Promise<unknown>): Promise<Counted> {
    await this.settle();
    await this.counter.query('select counted.pg_stat_statements_reset()');
    await work();
    await this.settle();
    const { rows } = await this.counter.query<CountedStatement>(COUNTS);
    const ran = rows.filter(({ query }) => !CONNECTING.test(query));
    const [framing, statements] = [true, false].map((isFraming) =>
      ran.filter(({ query }) => FRAMING.test(query) === isFraming),
    ) as [CountedStatement[], CountedStatement[]];
    return {
      statements: sum(statements, ({ calls }) => calls),
      framing: sum(framing, ({ calls }) => calls),
      rows: sum(ran, ({ rows }) => rows),
      buffers: sum(ran, ({ buffers }) => buffers),
      ran,
    };
  }

  /** Waits until no session is at work: an answer may be out before its connection is. */
  private async settle(): Promise<void> {
    await until(async () => {
      const { rows } = await this.counter.query<{ count: number }>(BUSY);
      return rows[0]?.count === 0;
    }, settledMaxMs);
  }
}

function sum(statements: readonly CountedStatement[], of: (statement: CountedStatement) => number): number {
  return statements.reduce((total, statement) => total + of(statement), 0);
}

/** The cheapest of several rounds: whatever meets a round by chance, such as a new connection, only adds. */
export function cheapest(rounds: readonly Counted[]): Counted {
  const [first, ...others] = rounds;
  if (first === undefined) throw new Error('Nothing was counted.');
  return others.reduce((a, b) => (isCheaper(b, a) ? b : a), first);
}

function isCheaper(a: Cost, b: Cost): boolean {
  for (const figure of ['statements', 'framing', 'rows', 'buffers'] as const)
    if (a[figure] !== b[figure]) return a[figure] < b[figure];
  return false;
}
