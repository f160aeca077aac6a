import { setImmediate as nextTurn } from 'node:timers/promises';

/** Lets one piece of work begin in each turn of the event loop, in order: pieces that arrive together would make one long turn. */
export class OneATurn {
  private last: Promise<void> = Promise.resolve();

  /** Resolves in a turn in which nothing else of this begins. */
  next(): Promise<void> {
    this.last = this.last.then(() => nextTurn());
    return this.last;
  }
}
