import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './service-process';

const PROGRAM = '/usr/sbin/pgbouncer';

/** What pgbouncer is told besides where Postgres is. */
export interface PoolerSettings {
  readonly mode: 'session' | 'transaction' | 'statement';
  /** Start-up parameters that it drops instead of refusing the client. */
  readonly ignores?: string;
  readonly takesTurns?: boolean;
}

/** Debian's pgbouncer before a Postgres that trusts the user `postgres`. */
export class Pooler {
  private constructor(
    private readonly child: ChildProcess,
    private readonly dir: string,
    private readonly port: number,
  ) {}

  static isInstalled(): boolean {
    return existsSync(PROGRAM);
  }

  static async start(
    postgresPort: number,
    { mode, ignores = '', takesTurns = false }: PoolerSettings,
  ): Promise<Pooler> {
    const dir = mkdtempSync(join(tmpdir(), 'mirror-pooler-'));
    const port = await freePort();
    const settings = {
      listen_addr: '127.0.0.1',
      listen_port: port,
      unix_socket_dir: '',
      auth_type: 'trust',
      auth_file: join(dir, 'users'),
      pool_mode: mode,
      default_pool_size: 60,
      ignore_startup_parameters: ignores,
      server_round_robin: takesTurns ? 1 : 0,
      server_login_retry: 1,
    };
    writeFileSync(settings.auth_file, '"postgres" ""\n');
    const file = join(dir, 'pgbouncer.ini');
    writeFileSync(
      file,
      [
        '[databases]',
        `* = host=127.0.0.1 port=${postgresPort}`,
        '[pgbouncer]',
        ...Object.entries(settings).map(([name, value]) => `${name} = ${value}`),
        '',
      ].join('\n'),
    );
    const nobody = process.geteuid?.() === 0 ? idsOfNobody() : {};
    for (const path of 'uid' in nobody ? [dir, file, settings.auth_file] : [])
      chownSync(path, nobody.uid ?? 0, nobody.gid ?? 0);
    const child = spawn(PROGRAM, ['-q', file], { stdio: 'ignore', ...nobody });
    const pooler = new Pooler(child, dir, port);
    await pooler.listens();
    return pooler;
  }

  urlOf(database: string): string {
    return `postgresql://postgres@127.0.0.1:${this.port}/${database}`;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      const gone = once(this.child, 'exit');
      this.child.kill('SIGTERM');
      await gone;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  private async listens(): Promise<void> {
    for (let tries = 0; tries < 500; tries += 1) {
      const socket = connect(this.port, '127.0.0.1');
      const is = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => {
          resolve(true);
        });
        socket.once('error', () => {
          resolve(false);
        });
      });
      socket.destroy();
      if (is) return;
      await delay(20);
    }
    throw new Error('pgbouncer does not listen');
  }
}

/** It refuses to run as root. */
function idsOfNobody(): { uid?: number; gid?: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('nobody:'));
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}
