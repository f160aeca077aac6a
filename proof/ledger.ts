import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How long lines gather before they are written and synced together, in ms. */
const gatherMs = 5;

/** What a sender has on disk of what it sent and of what was acknowledged: a line each, synced. */
export class Ledger {
  private readonly dir = mkdtempSync(join(tmpdir(), 'mirror-ledger-'));
  private readonly file = join(this.dir, 'ledger');
  private readonly fd = openSync(this.file, 'a');
  private lines: string[] = [];
  private synced: Promise<void> | null = null;

  /** Resolves when it is on disk: send then, not before. */
  async sent(fingerprint: string): Promise<void> {
    await this.write(`sent ${fingerprint}`);
  }

  async acknowledged(fingerprint: string): Promise<void> {
    await this.write(`acknowledged ${fingerprint}`);
  }

  /** The fingerprints of what was acknowledged, read back from the file. */
  read(): ReadonlySet<string> {
    const lines = readFileSync(this.file, 'utf8').split('\n');
    return new Set(
      lines.filter((line) => line.startsWith('a')).map((line) => line.slice('acknowledged '.length)),
    );
  }

  remove(): void {
    closeSync(this.fd);
    rmSync(this.dir, { recursive: true });
  }

  private async write(line: string): Promise<void> {
    this.lines.push(line);
    this.synced ??= new Promise((resolve) => {
      setTimeout(() => {
        this.synced = null;
        writeSync(this.fd, this.lines.splice(0).join('\n') + '\n');
        fdatasyncSync(this.fd);
        resolve();
      }, gatherMs);
    });
    await this.synced;
  }
}
