import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const MAIN = 'dist/src/main.js';

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
      env: { PATH: process.env['PATH'], PORT: '0', LOG_LEVEL: 'silent', ...env },
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
    const status = readFileSync(`/proc/${this.child.pid ?? 0}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
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

  /** The line of the banner that can be run. */
  curl(): string | null {
    return /^curl .*$/m.exec(this.stdout)?.[0] ?? null;
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

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 25_000;
    while (!(await isSo())) {
      if (this.child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`It did not come to that:\n${this.stdout}\n${this.stderr}`);
      }
      await delay(20);
    }
  }
}

/** A folder of a test's own, and what the embedded server has in it. */
export class DataDir {
  readonly path = join(mkdtempSync(join(tmpdir(), 'mirror-process-')), 'data');

  get postmasterPid(): number {
    return Number.parseInt(readFileSync(join(this.path, 'postgres/postmaster.pid'), 'utf8'), 10);
  }

  get serverUrl(): string {
    const port = readFileSync(join(this.path, 'postgres/postmaster.pid'), 'utf8').split('\n')[3] ?? '';
    const password = readFileSync(join(this.path, 'postgres-password'), 'utf8').trim();
    return `postgresql://postgres:${password}@127.0.0.1:${port}/mirror`;
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
  if (typeof address !== 'object' || address === null) throw new Error('The system gave no port');
  return address.port;
}
