/** `npm test`: sets the checkout up, then runs jest with the arguments given. Proofs, which take long, only when named. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

await setUp();
const args = process.argv.slice(2);
const withProofs = args.some((arg) => arg.includes('proof'));
const jest = spawn(
  process.execPath,
  [
    fileURLToPath(import.meta.resolve('jest/bin/jest')),
    ...args,
    // last: it takes whatever follows for a project
    ...(withProofs ? [] : ['--ignoreProjects', 'proof']),
  ],
  { stdio: 'inherit' },
);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => jest.kill(signal));
jest.once('exit', (code) => process.exit(code ?? 1));
