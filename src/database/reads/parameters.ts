/** The values of a statement's parameters, gathered while its text is put together. */
export class Parameters {
  readonly values: unknown[];

  /** @param given the values of `$1` and those after it */
  constructor(...given: readonly unknown[]) {
    this.values = [...given];
  }

  /** @returns the parameter that stands for the value: `$1`, `$2`, … */
  add(value: unknown): string {
    this.values.push(value);
    return `$${this.values.length}`;
  }
}
