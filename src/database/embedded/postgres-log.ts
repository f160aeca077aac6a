import { openSync } from 'node:fs';
import { copyFile, readFile, stat, truncate } from 'node:fs/promises';

const sizeMaxBytes = 8 * 1024 * 1024;

/** The file to which the embedded server writes, directly: past our own death too. */
export class PostgresLog {
  constructor(readonly path: string) {}

  /** A descriptor for the server to append to; the caller closes its own copy. */
  open(): number {
    return openSync(this.path, 'a', 0o600);
  }

  /** 0 when there is none. */
  async sizeBytes(): Promise<number> {
    return await stat(this.path).then(
      ({ size }) => size,
      () => 0,
    );
  }

  /** Why a server ended that began to write at `offset`, for the person who has to know. */
  async lastWords(offset: number): Promise<string> {
    const text = (await readFile(this.path).catch(() => Buffer.alloc(0))).subarray(offset).toString();
    const lines = text.trim().split('\n');
    const line = lines.filter((each) => /FATAL|PANIC/.test(each)).at(-1) ?? lines.at(-1) ?? '';
    return `${line.replace(/^.*?(?:FATAL|PANIC):\s*/, '')} (see ${this.path})`;
  }

  /** Empties a file that has grown over its limit under the server, which appends; the last text is kept beside it. */
  async bound(): Promise<void> {
    if ((await this.sizeBytes()) < sizeMaxBytes) return;
    await copyFile(this.path, `${this.path}.1`).catch(() => undefined);
    await truncate(this.path).catch(() => undefined);
  }
}
