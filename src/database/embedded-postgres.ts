import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { errorCode } from '../error-code';
import { keepSecret } from '../kept-secrets';
import type { Log } from '../logging';
import { reasonOf, StartRefusal } from '../start-refusal';
import { clusterVersion, makeCluster } from './make-cluster';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries';
import { PostgresLog } from './postgres-log';
import { choosePostgresRunner, type PostgresRunner, spawnPostgres } from './postgres-runner';
import { findPostmaster, isAlive, signalProcess } from './postmaster';

export interface EmbeddedPostgresOptions {
  /** Absolute; in it the folder `postgres` is the cluster, and `postgres.log`, `postgres-password` belong to it. */
  readonly dataDir: string;
  readonly log: Log;
  /** `false`, for tests alone, gives up durability for speed. */
  readonly durable?: boolean;
}

/** Key of the advisory lock, in the database `postgres`, by which one service at a time holds a `DATA_DIR`. */
const SERVICE_LOCK = '5786210385012290001';
const DATABASE = 'mirror';

/** Answers of a server that starts, recovers or ends: admin and crash shutdown, cannot connect now; and of none. */
const COMING_OR_GOING: ReadonlySet<string> = new Set([
  '57P01',
  '57P02',
  '57P03',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
]);

const POLL_MS = 20;
/** A predecessor that was killed may leave its session for a moment. */
const LOCK_WAIT_MS = 3_000;
/** After a crash the server first recovers what it had committed. */
const START_WAIT_MS = 600_000;
const LAUNCHES_MIN = 2;
/** The children of a server that was killed end with their statements. */
const SHARED_MEMORY_WAIT_MS = 30_000;
const BACK_OFF_MS = 100;
const BACK_OFF_MAX_MS = 5_000;
const LOG_CHECK_MS = 60_000;

/**
 * A real Postgres server in `DATA_DIR`, there as long as the service is.
 *
 * Its URL is known from `begin` on, before the server is up, and stays the same. A server that a killed service left behind
 * is adopted; one that dies alone is started again. Of two services on one `DATA_DIR` the second is refused, and leaves the
 * server alone.
 */
export class EmbeddedPostgres {
  /** Of the superuser, who owns the database `mirror`. */
  readonly url: string;
  private readonly abort = new AbortController();
  private readonly serverLog: PostgresLog;
  private readonly logCheck: NodeJS.Timeout;
  private readonly started: Promise<void>;
  /** Whatever is under way to bring the server up: the start, or a recovery. */
  private work: Promise<void>;
  /** The server process that we started, while it lives. */
  private child: ChildProcess | null = null;
  /** The process that serves us, started or adopted. */
  private servingPid: number | null = null;
  /** A session as long as the server's life with us: it holds the lock, and its end tells of the server's. */
  private lifeline: Client | null = null;
  /** Whether the server is ours to stop: we started it, or hold the lock. */
  private mine = false;

  private constructor(
    private readonly options: EmbeddedPostgresOptions,
    private readonly clusterDir: string,
    private readonly binaries: PostgresBinaries,
    private readonly runner: PostgresRunner,
    private readonly password: string,
    private readonly port: number,
  ) {
    this.url = this.urlOf(DATABASE);
    this.serverLog = new PostgresLog(join(options.dataDir, 'postgres.log'));
    this.logCheck = setInterval(() => void this.serverLog.bound(), LOG_CHECK_MS).unref();
    this.started = this.start();
    // whoever waits for ready() learns of a failure; until then it is nobody's
    this.work = this.started.catch(() => undefined);
  }

  /**
   * Chooses the port and begins to start the server; `ready` tells when it is up.
   *
   * @throws StartRefusal when this machine or this folder cannot have one.
   */
  static async begin(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const clusterDir = join(options.dataDir, 'postgres');
    const password = await keepPassword(options.dataDir, clusterDir);
    const binaries = await findPostgresBinaries();
    const runner = await choosePostgresRunner(options.dataDir, clusterDir, binaries.postgres);
    const running = await findPostmaster(clusterDir);
    const port = running !== null && Number.isInteger(running.port) ? running.port : await freePort();
    return new EmbeddedPostgres(options, clusterDir, binaries, runner, password, port);
  }

  /**
   * The URL of the server that a running service has in a `DATA_DIR`; null where none runs.
   *
   * @throws StartRefusal when its password cannot be read
   */
  static async runningUrl(dataDir: string): Promise<string | null> {
    const running = await findPostmaster(join(dataDir, 'postgres'));
    if (running === null || !Number.isInteger(running.port)) return null;
    return urlOf(DATABASE, running.port, (await keepSecret(dataDir, 'postgres-password')).value);
  }

  /**
   * Resolves when the server answers, this service holds it, and the database `mirror` exists.
   *
   * @throws StartRefusal when it cannot be started, or another service holds it.
   */
  async ready(): Promise<void> {
    await this.started;
  }

  /** Asks the server to end, without waiting: for a process that ends in a hurry. */
  interrupt(): void {
    this.abort.abort();
    const pid = this.servingPid ?? this.child?.pid ?? null;
    if (this.mine && pid !== null) signalProcess(pid, 'SIGINT');
  }

  /**
   * Stops the server: sessions are closed, everything is written. After `graceMs` it is cut short, which costs the next
   * start a recovery and loses nothing.
   */
  async stop(graceMs: number): Promise<void> {
    this.abort.abort();
    clearInterval(this.logCheck);
    await this.work;
    const pid = this.servingPid ?? this.child?.pid ?? null;
    if (this.mine && pid !== null) {
      signalProcess(pid, 'SIGINT');
      if (!(await goneWithin(pid, graceMs))) {
        signalProcess(pid, 'SIGQUIT');
        await goneWithin(pid, 1_000);
      }
    }
    await this.lifeline?.end().catch(() => undefined);
  }

  private async start(): Promise<void> {
    const { clusterDir, binaries, runner, password } = this;
    const { durable = true } = this.options;
    await makeCluster({ clusterDir, binaries, runner, password, durable, signal: this.abort.signal });
    await this.serverLog.bound();
    await this.bringUp();
  }

  /** After the server, or the session with it, has gone: brings it back, for as long as it takes. */
  private async recover(): Promise<void> {
    this.options.log.warn('The embedded Postgres has gone away: bringing it back');
    const { signal } = this.abort;
    for (
      let pauseMs = BACK_OFF_MS;
      !(await this.tryAgain());
      pauseMs = Math.min(2 * pauseMs, BACK_OFF_MAX_MS)
    ) {
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One try of a recovery; `true` when nothing is left to try. */
  private async tryAgain(): Promise<boolean> {
    try {
      await this.bringUp();
      this.options.log.info('The embedded Postgres is back');
      return true;
    } catch (error) {
      if (this.abort.signal.aborted) return true;
      this.options.log.error(`The embedded Postgres is not back: ${reasonOf(error)}`);
      return false;
    }
  }

  /**
   * Starts the server, or adopts the one that is there, and takes hold of it.
   *
   * @throws StartRefusal when it does not stay alive, or is not ours.
   */
  private async bringUp(): Promise<void> {
    const { signal } = this.abort;
    const began = Date.now();
    let launches = 0;
    let logOffset = 0;
    for (;;) {
      signal.throwIfAborted();
      const postmaster = await findPostmaster(this.clusterDir);
      if (postmaster === null && this.child === null) {
        if (launches > 0) await this.considerRelaunch(launches, Date.now() - began, logOffset);
        logOffset = await this.serverLog.sizeBytes();
        this.launch();
        launches += 1;
      } else if (postmaster !== null && Number.isInteger(postmaster.port)) {
        if (postmaster.port !== this.port) throw this.heldByAnother();
        if (await this.takeHold(postmaster.pid)) return;
      }
      if (Date.now() - began > START_WAIT_MS) {
        throw new StartRefusal(`The embedded Postgres does not answer: see ${this.serverLog.path}`);
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** Pauses before another launch, where one may help: the children of a killed server may hold its shared memory. */
  private async considerRelaunch(launches: number, triedMs: number, logOffset: number): Promise<void> {
    const words = await this.serverLog.lastWords(logOffset);
    const mayHelp =
      launches < LAUNCHES_MIN || (words.includes('shared memory') && triedMs < SHARED_MEMORY_WAIT_MS);
    if (!mayHelp) throw new StartRefusal(`The embedded Postgres does not start: ${words}`);
    await sleep(Math.min(BACK_OFF_MS * 2 ** launches, BACK_OFF_MAX_MS), undefined, {
      signal: this.abort.signal,
    });
  }

  private launch(): void {
    const log = this.serverLog.open();
    const args = serverArguments(this.clusterDir, this.port, this.options.durable ?? true);
    const child = spawnPostgres(this.runner, this.binaries.postgres, args, {
      // a group of its own: Ctrl-C is for us, and the server has to outlive our last write
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.child = child;
    this.mine = true;
    const forget = (): void => {
      if (this.child !== child) return;
      this.child = null;
      this.mine = false;
    };
    child.once('exit', forget);
    child.once('error', forget);
    child.unref();
  }

  /**
   * Opens the lifeline, takes the lock and makes the database; `false`: the server does not answer yet.
   *
   * @throws StartRefusal when the server refuses our password, or another service holds the lock.
   */
  private async takeHold(pid: number): Promise<boolean> {
    const client = new Client({
      connectionString: this.urlOf('postgres'),
      connectionTimeoutMillis: 3_000,
      application_name: 'sinch-contact-mirror lifeline',
    });
    // 'end' follows; without a listener the process would die
    client.on('error', () => undefined);
    try {
      await client.connect();
      await this.lock(client);
      const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE]);
      if (rowCount === 0) await client.query(`create database ${DATABASE}`);
    } catch (error) {
      client.end().catch(() => undefined);
      if (error instanceof StartRefusal || this.abort.signal.aborted) throw error;
      const code = errorCode(error);
      if (code === '28P01') {
        throw new StartRefusal(
          `${join(this.options.dataDir, 'postgres-password')} does not fit the server in ${this.clusterDir}`,
        );
      }
      // without a code: the connection ended, or was not made in time
      if (code !== null && !COMING_OR_GOING.has(code)) {
        throw new StartRefusal(`The embedded Postgres refuses to serve: ${reasonOf(error)}`);
      }
      return false;
    }
    this.lifeline = client;
    this.servingPid = pid;
    client.once('end', () => {
      this.lifeline = null;
      this.servingPid = null;
      if (!this.abort.signal.aborted) this.work = this.recover();
    });
    return true;
  }

  private async lock(client: Client): Promise<void> {
    const deadline = Date.now() + LOCK_WAIT_MS;
    for (;;) {
      const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1) as held', [
        SERVICE_LOCK,
      ]);
      this.mine = rows[0]?.held === true;
      if (this.mine) return;
      if (Date.now() > deadline) throw this.heldByAnother();
      await sleep(5 * POLL_MS, undefined, { signal: this.abort.signal });
    }
  }

  private heldByAnother(): StartRefusal {
    this.mine = false;
    return new StartRefusal(
      `Another service works in ${this.options.dataDir}: stop it, or give this one a DATA_DIR of its own`,
    );
  }

  private urlOf(database: string): string {
    return urlOf(database, this.port, this.password);
  }
}

function urlOf(database: string, port: number, password: string): string {
  return `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
}

/** The superuser's password. It is made before the cluster, so a cluster without one has lost it. */
async function keepPassword(dataDir: string, clusterDir: string): Promise<string> {
  if ((await clusterVersion(clusterDir)) !== null) {
    const path = join(dataDir, 'postgres-password');
    await access(path).catch(() => {
      throw new StartRefusal(
        `${path} is missing, and nothing else opens the server in ${clusterDir}: restore it`,
      );
    });
  }
  return (await keepSecret(dataDir, 'postgres-password')).value;
}

/** Command line of the server. Everything that makes a commit safe is on by default, and stays so. */
function serverArguments(clusterDir: string, port: number, durable: boolean): readonly string[] {
  const settings: Readonly<Record<string, string | number>> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '128MB',
    // statements here are many and short
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // no failed statement in the log, which would quote personal data; the service tells of it
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return [
    '-D',
    clusterDir,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

async function goneWithin(pid: number, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

/** A port of 127.0.0.1 that nobody listens on at this moment. */
async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('The system gave no port'));
      });
    });
  });
}
