/**
 * `npm run proof -- <id> [--short] [--seed n] [--kills n] [--minutes n] [--contacts n] [--record]`: sets the checkout up,
 * builds the proofs, and runs one or `all`.
 *
 * `--minutes` repeats a proof with one seed after the other, or makes its load last. `--record` appends what was found to
 * `docs/proof/<id>.jsonl`, a line a run: a long run may be split over sittings, and docs/reliability.md sums them up.
 * `faults [--only text] [--sample n]` plants faults in a copy of the project, all or n that the seed draws, and demands that
 * tests and proofs catch them.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
await setUp();
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  [
    'node_modules/@swc/cli/bin/swc.js',
    'test',
    'proof',
    'simulator',
    'bench',
    '--out-dir',
    'dist',
    '--config-file',
    '.swcrc',
    '--ignore',
    '**/*.test.ts',
  ],
  { encoding: 'utf8' },
);
if (status !== 0) {
  process.stderr.write(`${stdout}${stderr}`);
  process.exit(2);
}
await import('../dist/proof/main.js');
