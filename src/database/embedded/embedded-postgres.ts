import type { ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../../base/error-code';
import { keepSecret } from '../../config/kept-secrets';
import type { Log } from '../../logging';
import { oneLineOf, StartRefusal } from '../../config/start-refusal';
import { clusterVersion, DATABASE, LOGIN, makeCluster, OWNER } from './make-cluster';
import { findPostgresBinaries, type PostgresBinaries } from './postgres-binaries';
import { PostgresLog } from './postgres-log';
import { choosePostgresRunner, type PostgresRunner, spawnPostgres } from './postgres-runner';
import { PostgresClient } from '../postgres-client';
import { clearSocketLock, findPostmaster, isAlive, signalProcess } from './postmaster';
import { choosePlace, leavePlace, type ServerPlace } from './server-place';

export interface EmbeddedPostgresOptions {
  /** Absolute; in it the folder `postgres` is the cluster, and `postgres.log`, `postgres-password` belong to it. */
  readonly dataDir: string;
  readonly log: Log;
  /** `false`, for tests alone, gives up durability for speed. */
  readonly durable?: boolean;
  /** `true`, for tests and benches alone, makes the owner a superuser, who can make more databases and roles. */
  readonly isOwnerSuperuser?: boolean;
  /** For tests alone: settings of the server by their names, in place of its own. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Key of the advisory lock, in the service's database, by which one service at a time holds a `DATA_DIR`. */
const SERVICE_LOCK = '5786210385012290001';

/** Answers of a server that starts, recovers or ends: admin and crash shutdown, cannot connect now; and of none. */
const COMING_OR_GOING: ReadonlySet<string> = new Set([
  '57P01',
  '57P02',
  '57P03',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT', // the socket
  'EPIPE',
]);

/** The folder, or its disk, takes no files. */
const UNWRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EDQUOT', 'ENOSPC', 'EPERM', 'EROFS']);

const POLL_MS = 20;
/** A predecessor that was killed may leave its session for a moment. */
const LOCK_WAIT_MS = 3_000;
/** After a crash the server first recovers what it had committed. */
const START_WAIT_MS = 600_000;
/** How often the log says that the server does not answer. */
const LOG_EVERY_MS = 10_000;
const LAUNCHES_MIN = 2;
/** The children of a server that was killed end with their statements. */
const SHARED_MEMORY_WAIT_MS = 30_000;
const BACK_OFF_MS = 100;
const BACK_OFF_MAX_MS = 5_000;
const LOG_CHECK_MS = 60_000;
/** The service's whole stop leaves the server 3.5 s. */
const STOP_GRACE_MS = 2_000;

/**
 * A real Postgres server in `DATA_DIR`, there as long as the service is.
 *
 * Its URLs are known from `begin` on, before the server is up, and stay the same. A server that a killed service left behind
 * is adopted; one that dies alone is started again. Of two services on one `DATA_DIR` the second is refused, and leaves the
 * server alone.
 */
export class EmbeddedPostgres {
  /** Of the owner of the database, who is no superuser. */
  readonly ownerUrl: string;
  /** Of the service's login, who owns nothing. */
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
  /** A session as long as the server's life with us: it holds the lock, and it ends when the server ends. */
  private lifeline: PostgresClient | null = null;
  /** Whether the server is ours to stop: we started it, or hold the lock. */
  private mine = false;

  private constructor(
    private readonly options: EmbeddedPostgresOptions,
    private readonly clusterDir: string,
    private readonly binaries: PostgresBinaries,
    private readonly runner: PostgresRunner,
    private readonly password: string,
    private readonly place: ServerPlace,
  ) {
    this.ownerUrl = urlOf(OWNER, place, password);
    this.url = urlOf(LOGIN, place, password);
    this.serverLog = new PostgresLog(join(options.dataDir, 'postgres.log'));
    this.logCheck = setInterval(() => void this.serverLog.bound(), LOG_CHECK_MS).unref();
    this.started = this.start();
    // anyone who waits for ready() learns of a failure; until then it is nobody's
    this.work = this.started.catch(() => undefined);
  }

  /**
   * Chooses where to listen and begins to start the server; `ready` tells when it is up.
   *
   * @throws StartRefusal when this machine or this folder cannot have one.
   */
  static async begin(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const clusterDir = join(options.dataDir, 'postgres');
    const password = await keepPassword(options.dataDir, clusterDir);
    const binaries = await findPostgresBinaries();
    const runner = await choosePostgresRunner(options.dataDir, clusterDir, binaries.postgres);
    if (runner.kind === 'namespace')
      options.log.info(
        'The embedded Postgres runs as root in a user namespace, because no unprivileged user can read both DATA_DIR and the Postgres program',
      );
    const running = await findPostmaster(clusterDir);
    const place = running?.place ?? (await choosePlace(options.dataDir, clusterDir, runner));
    return new EmbeddedPostgres(options, clusterDir, binaries, runner, password, place);
  }

  /**
   * The URL of the server that a running service has in a `DATA_DIR`; null where none runs.
   *
   * @throws StartRefusal when its password cannot be read
   */
  static async runningUrl(dataDir: string): Promise<string | null> {
    const place = (await findPostmaster(join(dataDir, 'postgres')))?.place ?? null;
    if (place === null) return null;
    return urlOf(LOGIN, place, (await keepSecret(dataDir, 'postgres-password')).value);
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
  async stop(graceMs = STOP_GRACE_MS): Promise<void> {
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
      await leavePlace(this.options.dataDir, this.clusterDir, this.place);
    }
    await this.lifeline?.end().catch(() => undefined);
  }

  private async start(): Promise<void> {
    const { clusterDir, binaries, runner, password } = this;
    const { durable = true, isOwnerSuperuser = false } = this.options;
    const { signal } = this.abort;
    try {
      await makeCluster({ clusterDir, binaries, runner, password, durable, isOwnerSuperuser, signal });
      await this.serverLog.bound();
      await this.bringUp();
    } catch (error) {
      if (!UNWRITABLE.has(errorCode(error) ?? '')) throw error;
      throw new StartRefusal(
        `${this.options.dataDir} cannot be written (DATA_DIR): ${oneLineOf(error)}. Make it writable for the user of the service, with room on its disk`,
      );
    }
  }

  /** After the server, or the session with it, has ended: restarts it, for as long as it takes. */
  private async recover(): Promise<void> {
    this.options.log.warn('The embedded Postgres stopped: restarting it');
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
      this.options.log.info('The embedded Postgres runs again');
      return true;
    } catch (error) {
      if (this.abort.signal.aborted) return true;
      this.options.log.error(`The embedded Postgres could not be restarted: ${oneLineOf(error)}`);
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
    const began = performance.now();
    let launches = 0;
    let logOffset = 0;
    let loggedMs = 0;
    for (;;) {
      signal.throwIfAborted();
      const postmaster = await findPostmaster(this.clusterDir);
      const place = postmaster?.place ?? null;
      if (postmaster === null && this.child === null) {
        if (launches > 0) await this.considerRelaunch(launches, performance.now() - began, logOffset);
        logOffset = await this.serverLog.sizeBytes();
        await clearSocketLock(this.place, this.clusterDir);
        this.launch();
        launches += 1;
      } else if (postmaster !== null && place !== null) {
        if (!isSamePlace(place, this.place)) throw this.heldByAnother();
        if (await this.takeHold(postmaster.pid)) return;
      }
      if (performance.now() - began > START_WAIT_MS) {
        throw new StartRefusal(`The embedded Postgres does not answer: see ${this.serverLog.path}`);
      }
      const waitedMs = performance.now() - began;
      if (waitedMs - loggedMs > LOG_EVERY_MS) {
        loggedMs = waitedMs;
        const who = postmaster === null ? 'The embedded Postgres' : `Postgres (process ${postmaster.pid})`;
        this.options.log.warn(
          `${who} has not answered for ${Math.round(waitedMs / 1_000)} s: see ${this.serverLog.path}. If it is not recovering, stop this service, then that process, and remove ${join(this.clusterDir, 'postmaster.pid')}`,
        );
      }
      await sleep(POLL_MS, undefined, { signal });
    }
  }

  /** Pauses before another launch, where one may help: the children of a killed server may hold its shared memory. */
  private async considerRelaunch(launches: number, triedMs: number, logOffset: number): Promise<void> {
    const words = await this.serverLog.lastWords(logOffset);
    const mayHelp =
      launches < LAUNCHES_MIN || (words.includes('shared memory') && triedMs < SHARED_MEMORY_WAIT_MS);
    if (!mayHelp)
      throw new StartRefusal(
        `The embedded Postgres does not start: ${words}. Its log: ${this.serverLog.path}`,
      );
    await sleep(Math.min(BACK_OFF_MS * 2 ** launches, BACK_OFF_MAX_MS), undefined, {
      signal: this.abort.signal,
    });
  }

  private launch(): void {
    const log = this.serverLog.open();
    const { durable = true, settings = {} } = this.options;
    const args = serverArguments(this.clusterDir, this.place, durable, settings);
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
   * Opens the lifeline and takes the lock; `false`: the server does not answer yet.
   *
   * @throws StartRefusal when the server refuses our password, or another service holds the lock.
   */
  private async takeHold(pid: number): Promise<boolean> {
    const client = new PostgresClient({
      connectionString: this.ownerUrl,
      connectionTimeoutMillis: 3_000,
      application_name: 'sinch-contact-mirror lifeline',
    });
    try {
      await client.connect();
      await this.lock(client);
    } catch (error) {
      client.end().catch(() => undefined);
      if (error instanceof StartRefusal || this.abort.signal.aborted) throw error;
      const code = errorCode(error);
      if (code === '28P01') {
        throw new StartRefusal(
          `${join(this.options.dataDir, 'postgres-password')} does not match the server in ${this.clusterDir}: restore the file from your backup of DATA_DIR`,
        );
      }
      // without a code: the connection ended, or was not made in time
      if (code !== null && !COMING_OR_GOING.has(code)) {
        throw new StartRefusal(
          `The embedded Postgres refuses to serve: ${oneLineOf(error)}. Its log: ${this.serverLog.path}`,
        );
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

  private async lock(client: PostgresClient): Promise<void> {
    const deadline = performance.now() + LOCK_WAIT_MS;
    for (;;) {
      const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1) as held', [
        SERVICE_LOCK,
      ]);
      this.mine = rows[0]?.held === true;
      if (this.mine) return;
      if (performance.now() > deadline) throw this.heldByAnother();
      await sleep(5 * POLL_MS, undefined, { signal: this.abort.signal });
    }
  }

  private heldByAnother(): StartRefusal {
    this.mine = false;
    return new StartRefusal(
      `Another service uses ${this.options.dataDir}: stop it, or set another DATA_DIR for this one`,
    );
  }
}

/** Only a server that knows the password is believed. */
function urlOf(user: string, { host, port }: ServerPlace, password: string): string {
  return `postgresql://${user}:${encodeURIComponent(password)}@${encodeURIComponent(host)}:${port}/${DATABASE}?require_auth=scram-sha-256`;
}

function isSamePlace(one: ServerPlace, other: ServerPlace): boolean {
  return one.host === other.host && one.port === other.port;
}

/** The password of the owner and of the service's login. It is made before the cluster, so a cluster without one has lost it. */
async function keepPassword(dataDir: string, clusterDir: string): Promise<string> {
  if ((await clusterVersion(clusterDir)) !== null) {
    const path = join(dataDir, 'postgres-password');
    await access(path).catch(() => {
      throw new StartRefusal(
        `${path} is missing, and the server in ${clusterDir} accepts no other password: restore the file from your backup of DATA_DIR`,
      );
    });
  }
  return (await keepSecret(dataDir, 'postgres-password')).value;
}

/** Nothing waits for the disk, and a database that is cloned, as tests do, is not written to the log once more. */
const NOT_DURABLE = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
} as const;

/** Command line of the server. Everything that makes a commit safe is on by default, and stays so. */
function serverArguments(
  clusterDir: string,
  { host, port }: ServerPlace,
  durable: boolean,
  given: Readonly<Record<string, string>>,
): readonly string[] {
  const settings: Readonly<Record<string, string | number>> = {
    ...(process.platform === 'win32'
      ? { listen_addresses: host, unix_socket_directories: '' }
      : {
          listen_addresses: '',
          // a list, in which quotes keep a comma of a path
          unix_socket_directories: `"${host.replaceAll('"', '""')}"`,
          unix_socket_permissions: '0700',
        }),
    port,
    max_connections: 100,
    shared_buffers: '128MB',
    // statements here are many and short
    jit: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // no failed statement in the log, which would quote personal data; the service reports it
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    ...(durable ? {} : NOT_DURABLE),
    ...given,
  };
  return [
    '-D',
    clusterDir,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

async function goneWithin(pid: number, waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}
