/** The middle of the values, or the mean of the two in the middle; 0 where there are none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [below, above] = [sorted[sorted.length - 1 - middle], sorted[middle]];
  return below === undefined || above === undefined ? 0 : (below + above) / 2;
}
