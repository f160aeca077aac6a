import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import longTests from '../long-tests.json';

/** Longest time of a test that does not state its own, in ms: the longest that any of the files asks for. */
const testMaxMs = 180_000;

/**
 * Runs a share of the test files of a folder, of those that this run is to have (jest.config.mjs), in one process, each as a block
 * with its own hooks. Loading the service costs more CPU than most of the files do. They are dealt out by size, so that the shares
 * take about as long. What they import is shared, so a file restores what it spies on, and a helper registers its hooks when it
 * is called, not when it is imported.
 *
 * @param runner the file that calls, `<folder>/together/<n>.ts`; there are as many shares as there are such files
 */
export function runTogether(runner: string): void {
  const folder = dirname(dirname(runner));
  const runners = readdirSync(dirname(runner)).sort();
  const last = runners.length - 1;
  const set = process.env['TEST_SET'] ?? 'short';
  const isLong = (name: string): boolean => longTests.includes(`test/${basename(folder)}/${name}`);
  const names = readdirSync(folder).filter(
    (name) => name.endsWith('.test.ts') && (set === 'all' || isLong(name) === (set === 'long')),
  );
  const bySize = names
    .map((name) => ({ name, bytes: statSync(join(folder, name)).size }))
    .sort((a, b) => b.bytes - a.bytes || a.name.localeCompare(b.name));
  for (const [n, { name }] of bySize.entries()) {
    // there and back again, so that no share gets the larger file of every round
    const [round, place] = [Math.floor(n / runners.length), n % runners.length];
    if (runners[round % 2 === 0 ? place : last - place] !== basename(runner)) continue;
    describe(name, () => {
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- the block is synchronous
      require(join(folder, name));
    });
  }
  jest.setTimeout(testMaxMs);
}
