import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Longer than the service takes for its own stop. */
const stopMaxMs = 11_000;

/** The service in a process of its own, in a group of its own: Ctrl-C is for the demo, which passes it on. */
export class ServiceChild {
  /** Resolves with the exit code when the service has ended; null: it was killed. */
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(env: Readonly<Record<string, string | undefined>>) {
    this.child = spawn(process.execPath, [join(__dirname, 'serve.js')], {
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    this.ended = once(this.child, 'exit').then(([code]: (number | null)[]) => code ?? null);
  }

  /** The address that the service's own banner tells; null when it ends before. What it logs is passed on. */
  async ready(): Promise<string | null> {
    const { stdout } = this.child;
    if (stdout === null) throw new Error('The service has no output.');
    const lines = createInterface(stdout);
    const url = new Promise<string>((resolve) => {
      lines.on('line', (line) => {
        const address = /^curl .*?(https?:\/\/[^/'\s]+)/.exec(line)?.[1];
        if (address !== undefined) resolve(address);
        if (/^(?:\{|\d\d:\d\d:\d\d | {4}at )/.test(line)) process.stdout.write(`${line}\n`);
      });
    });
    return Promise.race([url, this.ended.then(() => null)]);
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const kill = setTimeout(() => this.child.kill('SIGKILL'), stopMaxMs);
    await this.ended;
    clearTimeout(kill);
  }
}
