import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { needed } from '../server/database';
import { until } from '../until';

/** Generous: a busy machine may take half a minute to make an embedded Postgres. */
const waitMaxMs = 60_000;

/** By this global-setup.ts names the `DATA_DIR` that `DataDir.migrated` copies. */
export const DATA_TEMPLATE = 'TEST_DATA_TEMPLATE';

const MAIN = 'dist/src/main.js';
/** The program of the commands: `new ServiceProcess(env, MIRROR, 'keys', 'list')`. */
export const MIRROR = 'dist/src/commands/main.js';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** The built service, or a command of its, in a process of its own, as `npm start` and the image run it. */
export class ServiceProcess {
  private static readonly all = new Set<ServiceProcess>();
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private stdout = '';
  private stderr = '';

  constructor(env: Readonly<Record<string, string>>, script = MAIN, ...args: readonly string[]) {
    const began = Date.now();
    this.child = spawn(process.execPath, [resolve(script), ...args], {
      env: { PATH: process.env['PATH'], PORT: '0', LOG_LEVEL: 'silent', ENV_FILE: 'off', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.ended = once(this.child, 'close').then(([code]: (number | null)[]) => {
      ServiceProcess.all.delete(this);
      return { code: code ?? null, stdout: this.stdout, stderr: this.stderr, tookMs: Date.now() - began };
    });
    ServiceProcess.all.add(this);
  }

  /** For afterAll: whatever a failed test left running. */
  static async killAll(): Promise<void> {
    for (const service of this.all) service.signal('SIGTERM');
    await Promise.all([...this.all].map((service) => service.ended));
  }

  /** What it holds of the system's memory (Linux), in bytes. */
  get residentBytes(): number {
    return this.memory('VmRSS');
  }

  /** The most that it has held of the system's memory (Linux), in bytes. */
  get peakBytes(): number {
    return this.memory('VmHWM');
  }

  private memory(name: 'VmRSS' | 'VmHWM'): number {
    const status = readFileSync(`/proc/${this.child.pid ?? 0}/status`, 'utf8');
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  }

  /** As a reader does that wants no more, such as `head`. */
  closeStdout(): void {
    this.child.stdout?.destroy();
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async stop(): Promise<Ended> {
    this.signal('SIGTERM');
    return await this.ended;
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Resolves with what was printed when the banner is out. */
  async ready(): Promise<string> {
    await this.until(() => this.curl() !== null);
    return this.stdout;
  }

  /** What was printed until now. */
  get printed(): string {
    return this.stdout;
  }

  /** What was written to stderr until now: notes and progress of a command. */
  get noted(): string {
    return this.stderr;
  }

  /** The line of the banner that can be run. */
  curl(): string | null {
    // to its end: what was printed may arrive in parts
    return /^(curl .*)\n/m.exec(this.stdout)?.[1] ?? null;
  }

  get base(): string {
    const url = /http:\/\/[^/]+/.exec(this.curl() ?? '')?.[0];
    if (url === undefined) throw new Error('The service is not ready');
    return url;
  }

  async status(path: string): Promise<number> {
    const response = await fetch(`${this.base}${path}`);
    await response.arrayBuffer();
    return response.status;
  }

  /** Waits for something that this process is to bring about. @throws when the process has ended without it, too */
  async until(isSo: () => boolean | Promise<boolean>, withinMs = waitMaxMs): Promise<void> {
    const describe = (): string => `${String(isSo)}\n${this.stdout}\n${this.stderr}`;
    const isSoYet = async (): Promise<boolean> => {
      if (await isSo()) return true;
      if (this.child.exitCode !== null) throw new Error(`It ended before it came to that: ${describe()}`);
      return false;
    };
    await until(isSoYet, withinMs, { describe });
  }
}

/** A folder of a test's own, and what the embedded server has in it. */
export class DataDir {
  readonly path = join(mkdtempSync(join(tmpdir(), 'mirror-process-')), 'data');

  /** With a migrated database and its password, for a test that is not about the first start; nothing waits for the disk. */
  static migrated(): DataDir {
    const dir = new DataDir();
    // with owners and modes, which Postgres looks at
    execFileSync('cp', ['-a', needed(DATA_TEMPLATE), dir.path]);
    return dir;
  }

  get postmasterPid(): number {
    return Number.parseInt(readFileSync(join(this.path, 'postgres/postmaster.pid'), 'utf8'), 10);
  }

  /** Of the owner of the embedded server's database. */
  get serverUrl(): string {
    const lines = readFileSync(join(this.path, 'postgres/postmaster.pid'), 'utf8').split('\n');
    const password = readFileSync(join(this.path, 'postgres-password'), 'utf8').trim();
    return `postgresql://mirror_owner:${password}@${encodeURIComponent(lines[4] ?? '')}:${lines[3] ?? ''}/mirror`;
  }

  remove(): void {
    rmSync(resolve(this.path, '..'), { recursive: true, force: true });
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('The system returned no port');
  return address.port;
}
