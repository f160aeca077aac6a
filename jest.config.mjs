import { existsSync, readFileSync } from 'node:fs';

/**
 * Tests that kill, wait, flood, start processes or drive a browser: `npm test -- --long` runs them, `npm test -- --all` runs all.
 *
 * @type {readonly string[]}
 */
const longTests = JSON.parse(readFileSync(new URL('test/long-tests.json', import.meta.url), 'utf8'));

/** Files that are named are run, whatever they are, and each for itself. */
const isNamed = process.argv.slice(2).some((argument) => argument.includes('test/'));
const set = isNamed ? 'all' : (process.env.TEST_SET ?? 'short');
for (const path of longTests)
  if (!existsSync(new URL(path, import.meta.url)))
    throw new Error(`test/long-tests.json names ${path}, which is not there`);

const common = {
  testEnvironment: 'node',
  setupFiles: ['reflect-metadata'],
  transform: { '^.+\\.ts$': '@swc/jest' },
};

/** One Postgres for all of them, started only when one of them runs. */
const server = {
  globalSetup: '<rootDir>/test/support/server/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/server/global-teardown.ts',
};

/** The same, and a `DATA_DIR` with a migrated database, which tests copy. */
const processes = {
  globalSetup: '<rootDir>/test/support/process/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/process/global-teardown.ts',
};

const project = (name, more = {}) => {
  const long = longTests
    .filter((path) => path.startsWith(`test/${name}/`))
    .map((path) => `<rootDir>/${path}`);
  return {
    ...common,
    displayName: name,
    testMatch: set === 'long' ? long : [`<rootDir>/test/${name}/**/*.test.ts`],
    testPathIgnorePatterns: set === 'short' ? long : [],
    ...more,
  };
};

/** Unless they are named, the files of `http` run together, a share of them in each of a few processes (test/support/run-together.ts). */
const together = isNamed ? {} : { testMatch: ['<rootDir>/test/http/together/*.ts'] };

/** @type {import('jest').Config} */
export default {
  maxWorkers: 2,
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  testTimeout: 60_000,
  // a worker keeps something of each file that it has run; a new one costs less than collecting that garbage again and again
  workerIdleMemoryLimit: '600MB',
  projects: [
    project('rules'),
    project('egress'),
    project('sinch'),
    project('simulator'),
    project('postgres', server),
    project('http', { ...server, ...together }),
    // starts, stops and kills the built service; `npm test` builds it
    project('process', processes),
    // the same, as a person sees it in a browser
    project('browser', processes),
  ].filter(({ testMatch }) => testMatch.length > 0),
};
