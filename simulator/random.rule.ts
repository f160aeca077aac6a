// looked up once: in a context of its own, as tests run in, a global costs as much as all the rest of a draw
const { floor, imul } = Math;

/** Chance that is the same for the same seed (mulberry32). */
export class Random {
  private state: number;

  /** @param seed a whole number; of those that differ by a multiple of 2³² the chances are the same */
  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** A number from 0 to 1, 1 excluded. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let value = imul(this.state ^ (this.state >>> 15), this.state | 1);
    value ^= value + imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to `limit`, `limit` excluded. */
  below(limit: number): number {
    return floor(this.next() * limit);
  }

  /** @param probability from 0, never, to 1, always */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws Error where there is nothing to pick from: the caller's fault */
  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('There is nothing to pick from.');
    return value;
  }

  /** The values in another order. */
  shuffle<T>(values: readonly T[]): T[] {
    return values
      .map((value) => ({ value, rank: this.next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ value }) => value);
  }

  digits(count: number): string {
    let digits = '';
    for (let n = 0; n < count; n++) digits += `${this.below(10)}`;
    return digits;
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count);
    for (let n = 0; n < count; n++) bytes[n] = this.below(256);
    return bytes;
  }
}
