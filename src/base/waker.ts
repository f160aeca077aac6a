/** A pause that others may end early, as often as they like: an `AbortController` for each would cost an error each. */
export class Waker {
  private end = (): void => undefined;

  /** Ends the pause, if there is one. */
  wake(): void {
    this.end();
  }

  /** Resolves after a time, at `wake()`, or when the signal is aborted. One pause at a time. */
  async pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.end = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
      this.end = end;
    });
  }
}
