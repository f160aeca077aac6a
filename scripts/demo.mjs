/**
 * `npm run demo`: sets the checkout up, builds the simulator, and runs the service with a simulated Sinch beside it.
 *
 * DEMO_DIALS=<percent> makes things go wrong, DEMO_SEED=<number> lives the same life again.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
await setUp();
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  ['node_modules/@swc/cli/bin/swc.js', 'simulator', '--out-dir', 'dist', '--config-file', '.swcrc'],
  { encoding: 'utf8' },
);
if (status !== 0) {
  process.stderr.write(`${stdout}${stderr}`);
  process.exit(1);
}
await import('../dist/simulator/main.js');
