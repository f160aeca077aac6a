/** `npm run check`: everything that can be said of the code without running it, and its documents. Tells all that fail. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

await setUp();

/** By what each is called in the report; a program of node_modules, or a script of ours. */
const GATES = {
  format: ['prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.'],
  types: ['typescript/bin/tsc', '--noEmit'],
  lint: ['eslint/bin/eslint.js', '--max-warnings=0', '.'],
  'import rules': [
    'dependency-cruiser/bin/dependency-cruise.mjs',
    '--config',
    '.dependency-cruiser.cjs',
    'src',
    'migrations',
    'simulator',
  ],
  'unused code': ['knip/bin/knip.js', '--no-progress', '--treat-config-hints-as-errors'],
  words: ['../scripts/words.mjs'],
  documents: ['../scripts/documents.mjs'],
};

const root = fileURLToPath(new URL('..', import.meta.url));
const failed = Object.entries(GATES).filter(([gate, [program, ...args]]) => {
  const began = Date.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [`node_modules/${program}`, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  process.stdout.write(`${status === 0 ? 'passed' : 'FAILED'}  ${gate} (${seconds} s)\n`);
  if (status !== 0) process.stdout.write(`${stdout}${stderr}\n`);
  return status !== 0;
});
process.exitCode = failed.length === 0 ? 0 : 1;
