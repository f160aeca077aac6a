/**
 * `npm test`: sets the checkout up, then runs jest with the arguments given.
 *
 * Without more it runs all but the tests of test/long-tests.json; `--long` runs these, `--all` runs all.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

await setUp();
const args = process.argv.slice(2);
const sets = ['long', 'all'].filter((set) => args.includes(`--${set}`));
const jest = spawn(
  process.execPath,
  [
    fileURLToPath(import.meta.resolve('jest/bin/jest')),
    ...args.filter((arg) => !sets.includes(arg.replace(/^--/, ''))),
  ],
  { stdio: 'inherit', env: { ...process.env, TEST_SET: sets.at(-1) ?? 'short' } },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest.kill(signal));
jest.once('exit', (code) => process.exit(code ?? 1));
