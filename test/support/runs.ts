const factor = Number(process.env['TEST_RUNS'] ?? '1');
if (!(factor > 0)) throw new Error('TEST_RUNS is how many times the usual runs of each property: above 0');

/**
 * How often a property is tried, or a race is run.
 *
 * @param usual how often in a plain `npm test`; `TEST_RUNS=10` makes it ten times as many
 */
export function runs(usual: number): number {
  return Math.ceil(usual * factor);
}

/** How long a test with so many runs may take, in ms. */
export function timeForRuns(usualMs: number): number {
  return usualMs * Math.max(1, factor);
}
