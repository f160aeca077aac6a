/**
 * Notices that page tokens repeat, which would let a sweep read the same pages for ever.
 *
 * Remembers one token at a time, and moves on to a later one at each power of two (Brent's algorithm): a loop of any length
 * is noticed before its pages are read four times, in constant memory.
 */
export class PageLoop {
  private remembered: string | null = null;
  private seen = 0;
  private renewAt = 1;

  /** @returns whether this token was given before */
  closes(token: string): boolean {
    if (token === this.remembered) return true;
    this.seen += 1;
    if (this.seen === this.renewAt) {
      this.remembered = token;
      this.renewAt *= 2;
    }
    return false;
  }
}
