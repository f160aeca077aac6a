import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KEY } from './replica';
import { readPages } from './tailer';

/** A tailer, killed and started again from what it has on disk. */
export class Follower {
  private readonly dir = mkdtempSync(join(tmpdir(), 'mirror-tailer-'));
  private readonly file = join(this.dir, 'pages');
  private child: ChildProcess | null = null;

  constructor(private readonly project: string) {}

  start(bases: readonly string[]): void {
    this.child = spawn(
      process.execPath,
      [join(__dirname, 'tailer.js'), this.file, this.project, KEY, ...bases],
      { stdio: 'inherit' },
    );
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child?.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** The ids of all events that it has read, in that order. */
  seen(): readonly string[] {
    return readPages(this.file).pages.flatMap((page) => page.eventIds);
  }

  /** How many pages it has read, empty ones too. */
  pagesCount(): number {
    return readPages(this.file).pages.length;
  }

  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}
