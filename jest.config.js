const common = {
  testEnvironment: 'node',
  setupFiles: ['reflect-metadata'],
  transform: { '^.+\\.ts$': '@swc/jest' },
};

/** One Postgres for all of them, started only when one of them runs. */
const server = {
  globalSetup: '<rootDir>/test/server/global-setup.ts',
  globalTeardown: '<rootDir>/test/server/global-teardown.ts',
};

const project = (displayName, more = {}) => ({
  ...common,
  ...more,
  displayName,
  testMatch: [`<rootDir>/test/${displayName}/**/*.test.ts`],
});

/** @type {import('jest').Config} */
module.exports = {
  maxWorkers: 2,
  testTimeout: 30_000,
  projects: [
    project('rules'),
    project('sinch'),
    project('postgres', server),
    project('http', server),
    // starts, stops and kills the built service; `npm test` builds it
    project('process'),
    project('proof'),
  ],
};
