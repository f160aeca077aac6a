import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findPostgresBinaries } from '../src/database/embedded/postgres-binaries';
import {
  choosePostgresRunner,
  type PostgresRunner,
  spawnPostgres,
} from '../src/database/embedded/postgres-runner';
import { ask } from '../test/support/postgres/connections';

/** `fast` rolls back and writes everything, `immediate` ends as in a crash, `kill` is one: the whole group at once. */
export type StopMode = 'fast' | 'immediate' | 'kill';

const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const;
const startWaitMs = 30_000;
/** Whose binaries Debian's package brings; with them come `pg_dump` and `psql`. */
const DEBIAN = '/usr/lib/postgresql/15/bin';

/** A Postgres cluster of a proof's own in a temporary folder, stopped and started at will; durable, as in production. */
export class Cluster {
  private static readonly all = new Set<Cluster>();
  private server: ChildProcess | null = null;

  private constructor(
    private readonly dir: string,
    private readonly bin: string,
    private readonly runner: PostgresRunner,
    readonly port: number,
  ) {}

  /** Of the embedded server's binaries, with an empty database `mirror`; started. */
  static async embedded(): Promise<Cluster> {
    const { postgres } = await findPostgresBinaries();
    return Cluster.make(join(postgres, '..'));
  }

  static hasDebian(): boolean {
    return existsSync(join(DEBIAN, 'pg_dump'));
  }

  /** Of Debian's Postgres 15, which has a `pg_dump`; null where it is not installed. */
  static async debian(): Promise<Cluster | null> {
    return Cluster.hasDebian() ? Cluster.make(DEBIAN) : null;
  }

  private static async make(bin: string): Promise<Cluster> {
    const dir = mkdtempSync(join(tmpdir(), 'mirror-proof-'));
    const runner = await choosePostgresRunner(dir, join(dir, 'data'), join(bin, 'postgres'));
    if (runner.kind === 'user') chownSync(dir, runner.uid, runner.gid);
    const cluster = new Cluster(dir, bin, runner, await freePort());
    Cluster.all.add(cluster);
    await cluster.initialise();
    await cluster.start();
    await ask(cluster.urlOf('postgres'), 'create database mirror');
    return cluster;
  }

  get url(): string {
    return this.urlOf('mirror');
  }

  urlOf(database: string, port = this.port): string {
    return `postgresql://postgres@127.0.0.1:${port}/${database}`;
  }

  /** Resolves when the server answers. */
  async start(): Promise<void> {
    const deadline = Date.now() + startWaitMs;
    this.launch();
    while (!(await this.answers())) {
      // children of a server that was killed may hold its shared memory for a moment
      if (this.server === null) this.launch();
      if (Date.now() > deadline)
        throw new Error(`Postgres does not start: ${this.log().split('\n').slice(-5).join(' ')}`);
      await delay(5);
    }
  }

  /** Resolves when the server has exited. */
  async stop(mode: StopMode): Promise<void> {
    const { server } = this;
    if (server?.pid === undefined) return;
    const gone = once(server, 'exit');
    process.kill(mode === 'kill' ? -server.pid : server.pid, SIGNALS[mode]);
    await gone;
  }

  /** Whatever a proof that threw left behind. */
  static async removeAll(): Promise<void> {
    await Promise.all([...Cluster.all].map((cluster) => cluster.remove()));
  }

  async remove(): Promise<void> {
    Cluster.all.delete(this);
    await this.stop('immediate');
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** What the server has logged until now. */
  log(): string {
    return readFileSync(join(this.dir, 'log'), 'utf8');
  }

  private async answers(): Promise<boolean> {
    return ask(this.urlOf('postgres'), 'select 1').then(
      () => true,
      () => false,
    );
  }

  private launch(): void {
    const log = openSync(join(this.dir, 'log'), 'a');
    const settings = [`port=${this.port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories='];
    const args = ['-D', join(this.dir, 'data'), ...settings.flatMap((setting) => ['-c', setting])];
    const server = spawnPostgres(this.runner, join(this.bin, 'postgres'), args, {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
    });
    server.once('exit', () => {
      if (this.server === server) this.server = null;
    });
    this.server = server;
  }

  private async initialise(): Promise<void> {
    const args = [
      '-D',
      join(this.dir, 'data'),
      '-U',
      'postgres',
      '--auth=trust',
      '--no-locale',
      '-E',
      'UTF8',
    ];
    const initdb = spawnPostgres(this.runner, join(this.bin, 'initdb'), args, { stdio: 'ignore', cwd: '/' });
    const [code] = (await once(initdb, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`initdb ended with ${String(code)}`);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (typeof address !== 'object' || address === null) throw new Error('The system gave no port');
  return address.port;
}
