import { errorCode } from '../base/error-code';
import { oneLineOf, StartRefusal } from '../config/start-refusal';
import { EXIT } from './exit-codes';

/** What a write gives when the reader has closed the pipe; on Windows it is `EOF`. */
const PIPE_CLOSED: ReadonlySet<string> = new Set(['EPIPE', 'EOF', 'ECONNRESET', 'ERR_STREAM_DESTROYED']);

/** How often progress is printed where the output is no terminal, in ms. */
const progressEveryMs = 5_000;

/**
 * What a command prints: its result on stdout, for people or as one JSON document, and everything else on stderr, so that a
 * pipe gets the result alone.
 */
export class Output {
  private progressAt = Number.NEGATIVE_INFINITY;
  /** Whether the cursor stands behind a line of progress. */
  private isLineOpen = false;

  constructor(readonly isJson: boolean) {}

  /**
   * The result, once: with `--json` the value, otherwise the lines. A reader that has closed its pipe wants no more, so the
   * command then ends as if all was written.
   *
   * @param ifLost what a person has to do when the result is lost, where the result cannot be had again
   * @throws StartRefusal when it could not be written
   */
  async result(value: unknown, lines: readonly string[], ifLost: string | null = null): Promise<void> {
    const text = this.isJson ? JSON.stringify(value, null, 2) : lines.join('\n');
    this.closeLine();
    if (text === '') return;
    const error = await new Promise<Error | null>((resolve) => {
      process.stdout.write(`${text}\n`, (failed) => {
        resolve(failed ?? null);
      });
    });
    if (error === null || (ifLost === null && isPipeClosed(error))) return;
    const advice = ifLost === null ? '' : `. ${ifLost}`;
    throw new StartRefusal(`The result could not be written to stdout: ${oneLineOf(error)}${advice}`);
  }

  note(...lines: readonly string[]): void {
    this.closeLine();
    process.stderr.write(`${lines.join('\n')}\n`);
  }

  /** How far long work is: on a terminal over the line before, elsewhere a line now and then, and always the last one. */
  progress(line: string, isLast: boolean): void {
    if (process.stderr.isTTY) {
      const fitted = line.slice(0, (process.stderr.columns || 80) - 1);
      process.stderr.write(`\r\x1b[K${fitted}${isLast ? '\n' : ''}`);
      this.isLineOpen = !isLast;
    } else if (isLast || performance.now() - this.progressAt >= progressEveryMs) {
      this.progressAt = performance.now();
      this.note(line);
    }
  }

  private closeLine(): void {
    if (this.isLineOpen) process.stderr.write('\n');
    this.isLineOpen = false;
  }
}

let isHelpLost = false;

/** Writes what commander prints on stdout, help and version, which come in several parts. */
export function writeHelp(text: string): void {
  process.stdout.write(text, (error) => {
    if (isHelpLost || error === undefined || error === null || isPipeClosed(error)) return;
    isHelpLost = true;
    process.stderr.write(`The help could not be written to stdout: ${oneLineOf(error)}\n`);
    // after whatever else sets it
    process.once('exit', () => {
      process.exitCode = EXIT.failed;
    });
  });
}

function isPipeClosed(error: unknown): boolean {
  return PIPE_CLOSED.has(errorCode(error) ?? '');
}
