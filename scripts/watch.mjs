/**
 * `node scripts/watch.mjs <folder…> -- <script>`: runs a script, and runs it again whenever a file in a folder changes.
 *
 * A script that ends by itself, such as one that does not build, is started again with the next change. Ctrl-C ends both.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { watch } from 'node:fs';

/** Editors write a file in several steps, and a switch of branches changes many files. */
const settleMs = 200;

const args = process.argv.slice(2);
const separator = args.indexOf('--');
const folders = args.slice(0, separator);
const script = args[separator + 1];
if (separator < 1 || script === undefined) {
  process.stderr.write('Usage: node scripts/watch.mjs <folder…> -- <script>\n');
  process.exit(2);
}

let child = null;
let timer = null;
/** Stops and starts happen one after the other. */
let work = Promise.resolve();
let isEnding = false;

for (const folder of folders) watch(folder, { recursive: true }, onChange);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, end);
start();

function onChange() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    work = work.then(restart);
  }, settleMs);
}

async function restart() {
  if (isEnding) return;
  process.stdout.write('Changed: starting again\n');
  await stop();
  if (!isEnding) start();
}

/** In a group of its own: Ctrl-C is for this process, which passes it on. */
function start() {
  const started = spawn(process.execPath, [script], { stdio: 'inherit', detached: true });
  child = started;
  started.once('exit', (code) => {
    if (child !== started) return;
    child = null;
    if (!isEnding) process.stdout.write(`${script} ended (${code}): waiting for a change\n`);
  });
}

async function stop() {
  const stopping = child;
  if (stopping === null) return;
  child = null;
  stopping.kill('SIGTERM');
  await once(stopping, 'exit');
}

async function end() {
  isEnding = true;
  clearTimeout(timer);
  await work;
  await stop();
  process.exit(0);
}
