import { Random } from '../simulator/random.rule';

/** How a proof is run. */
export interface Options {
  /** The form for every day, of a minute or less; else the one that PROOF demands. */
  readonly isShort: boolean;
  /** Replays what the proof rolls dice for; what the system's scheduling decides it cannot replay. */
  readonly seed: number;
  /** How often something is killed; null for the proof's own number. */
  readonly kills: number | null;
  /** How many contacts a database has that is to be large; null for the proof's own number. */
  readonly contacts: number | null;
  /** For how long a load lasts, where the proof is of one that may last; null for the proof's own time. */
  readonly minutes: number | null;
  /** Of the faults, only those whose name or catcher has this text; null for all. */
  readonly only: string | null;
  /** How many of them are drawn, by the seed; null for all. */
  readonly sample: number | null;
}

/** What a proof found: figures, and whether each mark is met. A proof that cannot run here says why it was skipped. */
export type Finding =
  | {
      readonly figures: Readonly<Record<string, number | string>>;
      readonly marks: Readonly<Record<string, boolean>>;
    }
  | { readonly skipped: string };

export type Proof = (options: Options) => Promise<Finding>;

/** Numbers that look random: the same seed, the same numbers. */
export class Dice {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  /** From 0 to `sides` - 1. */
  roll(sides: number): number {
    return (this.random.next() * 2 ** 32) % sides;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.roll(items.length)] ?? items[0];
  }

  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let at = shuffled.length - 1; at > 0; at--) {
      const other = this.roll(at + 1);
      [shuffled[at], shuffled[other]] = [shuffled[other] as T, shuffled[at] as T]; // both are within
    }
    return shuffled;
  }
}
