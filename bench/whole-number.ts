/** A whole number that an option was given. @throws Error where it is none, or less than `least` */
export function wholeNumber(name: string, given: string | undefined, otherwise: number, least = 1): number {
  const value = Number(given ?? otherwise);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} takes a whole number, ${least} or more, not ${given}`);
}
