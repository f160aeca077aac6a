/** What a bench measured, and whether each mark is met. */
export interface Result {
  readonly figures: Readonly<Record<string, unknown>>;
  readonly marks: Readonly<Record<string, boolean>>;
}

/** A result as it is printed: one line of JSON, as that of a proof. */
export interface Line extends Result {
  readonly id: string;
  /** Null for a bench that rolls no dice. */
  readonly seed: number | null;
  readonly verdict: 'passed' | 'failed';
}

/** With its verdict: passed where every mark is met. */
export function lineOf(id: string, seed: number | null, { figures, marks }: Result): Line {
  const verdict = Object.values(marks).every(Boolean) ? 'passed' : 'failed';
  return { id, seed, figures, marks, verdict };
}
