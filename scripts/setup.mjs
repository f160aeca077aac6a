/**
 * Brings a checkout to where it can run: the right Node, the packages of package-lock.json, a build no older than its source.
 *
 * Does nothing, in some milliseconds, when nothing is to do. Of several at once in one checkout one works, the others wait.
 */
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const lock = join(root, '.setup.lock');
const stamp = join(root, 'dist/.built');

/** What the build is made of, and what decides how. */
const sources = ['src', 'migrations', 'package.json', 'tsconfig.json', 'nest-cli.json', '.swcrc'];

const lockPollMs = 100;
const lockWaitMs = 600_000;

/** Ends the process with one clear line when it cannot be done. */
export async function setUp() {
  refuseNode();
  if (isInstalled() && isBuilt()) return;
  await withLock(() => {
    if (!isInstalled()) install();
    if (!isBuilt()) build();
  });
}

function refuseNode() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  if (!fits(process.versions.node, engines.node))
    fail(`Node ${process.versions.node} is not one of ${engines.node}`);
}

/** Whether a version lies in a range of the two forms that package.json uses: `^a.b.c` and `>=a.b.c`, joined by `||`. */
function fits(version, range) {
  const [major, minor, patch] = version.split('.').map(Number);
  return range.split('||').some((part) => {
    const [, operator, ...least] = /^\s*(\^|>=)(\d+)\.(\d+)\.(\d+)\s*$/.exec(part);
    const [leastMajor, leastMinor, leastPatch] = least.map(Number);
    if (major !== leastMajor) return operator === '>=' && major > leastMajor;
    return minor > leastMinor || (minor === leastMinor && patch >= leastPatch);
  });
}

/** npm writes the hidden lock file when it is done, so an installation that was broken off has none. */
function isInstalled() {
  const installed = changedAt(join(root, 'node_modules/.package-lock.json'));
  return installed !== null && installed >= changedAt(join(root, 'package-lock.json'));
}

function install() {
  say('Installing packages');
  rmSync(stamp, { force: true });
  // NODE_ENV=production would leave the compiler out
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund']);
}

function isBuilt() {
  const built = changedAt(stamp);
  return built !== null && sources.every((source) => newest(join(root, source)) < built);
}

/** The stamp bears the time when the build began, so that what is saved meanwhile is built next time. */
function build() {
  say('Building');
  const began = new Date();
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run(process.execPath, [join(root, 'node_modules/@nestjs/cli/bin/nest.js'), 'build']);
  writeFileSync(stamp, '');
  utimesSync(stamp, began, began);
}

/** When the youngest file or folder was changed; a folder is changed when something in it is removed. */
function newest(path) {
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  return Math.max(entry.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function changedAt(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}

/**
 * Runs the work alone in this checkout. The lock is a folder that names its holder; it appears whole, by a rename, and one
 * whose holder is dead is taken over.
 */
async function withLock(work) {
  const own = `${lock}.${process.pid}`;
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, 'pid'), String(process.pid));
  try {
    await takeLock(own);
  } catch (error) {
    rmSync(own, { recursive: true, force: true });
    throw error;
  }
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once('exit', release);
  work();
  process.off('exit', release);
  release();
}

async function takeLock(own) {
  for (let waitedMs = 0; ; waitedMs += lockPollMs) {
    try {
      renameSync(own, lock);
      return;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'EPERM'].includes(error.code)) throw error;
    }
    const holder = holderOf(lock);
    if (holder !== null && !isAlive(holder)) {
      bury(holder, own);
      continue;
    }
    if (waitedMs === 0) say('Waiting for another set-up of this checkout');
    if (waitedMs > lockWaitMs)
      fail(`${lock} is held by process ${holder}: remove it if that does not set this checkout up`);
    await new Promise((resolve) => setTimeout(resolve, lockPollMs));
  }
}

/** Removes a dead holder's lock, by way of a rename, which only one succeeds in; another's new lock is put back. */
function bury(holder, own) {
  const grave = `${own}.stale`;
  try {
    renameSync(lock, grave);
    if (holderOf(grave) === holder) rmSync(grave, { recursive: true, force: true });
    else renameSync(grave, lock);
  } catch {
    // another was quicker
  }
}

function holderOf(folder) {
  try {
    return Number(readFileSync(join(folder, 'pid'), 'utf8'));
  } catch {
    return null;
  }
}

/** A restarted container may give us the number of the dead holder. */
function isAlive(pid) {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    // on stderr, as `say`: a command's stdout is its result
    stdio: ['ignore', 2, 2],
  });
  if (error !== undefined) fail(`${command} cannot be run: ${error.message}`);
  if (status !== 0) fail(`${command} ${args.join(' ')} ended with ${signal ?? status}`);
}

function say(text) {
  process.stderr.write(`${text}…\n`);
}

function fail(text) {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
