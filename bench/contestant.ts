import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export type Name = 'bare' | 'peer' | 'perEvent' | 'service' | 'sink';

/** A server under measurement, in a process of its own. */
export class Contestant {
  private constructor(
    readonly name: Name,
    readonly port: number,
    readonly pid: number,
    private readonly child: ChildProcess,
  ) {}

  /**
   * Starts a program and waits until it prints the address where it listens.
   *
   * @throws Error when it ends instead
   */
  static async start(
    name: Name,
    program: string,
    env: Readonly<Record<string, string>>,
    nodeArgs: readonly string[] = [],
  ): Promise<Contestant> {
    const child = spawn(process.execPath, [...nodeArgs, program], {
      env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: '0', ENV_FILE: 'off', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const port = await new Promise<number>((resolve, reject) => {
      let printed = '';
      child.stdout.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        const found = /http:\/\/[^/\s]+:(\d+)/.exec(printed)?.[1];
        if (found !== undefined) resolve(Number(found));
      });
      child.once('exit', () => {
        reject(new Error(`The server "${name}" ended: ${printed}`));
      });
    });
    if (child.pid === undefined) throw new Error(`The server "${name}" has no process`);
    return new Contestant(name, port, child.pid, child);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
  }
}
