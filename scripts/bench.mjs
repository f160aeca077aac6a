/** `npm run bench`: sets the checkout up, builds the bench, which the service does not need, and runs it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);

await setUp();
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  ['node_modules/@swc/cli/bin/swc.js', 'bench', 'simulator', '--out-dir', 'dist', '--config-file', '.swcrc'],
  { encoding: 'utf8' },
);
if (status !== 0) {
  process.stderr.write(`${stdout}${stderr}`);
  process.exit(2);
}
await import('../dist/bench/main.js');
