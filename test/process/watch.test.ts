import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isAlive } from '../support/process/service-process';

jest.setTimeout(60_000);

/** Prints a name and its process id, and works until it is told to stop. */
const WORK = (name: string): string => `
process.stdout.write('${name} ' + process.pid + '\\n');
process.on('SIGTERM', () => { process.stdout.write('${name} stopped\\n'); process.exit(0); });
setInterval(() => undefined, 1000);`;

let folder: string;
let watcher: ChildProcess;
let stdout = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mirror-watch-'));
  mkdirSync(join(folder, 'src/deep'), { recursive: true });
  stdout = '';
});
afterEach(async () => {
  if (watcher.exitCode === null) {
    watcher.kill('SIGTERM');
    await once(watcher, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

function startWatcher(): void {
  const args = ['scripts/watch.mjs', join(folder, 'src'), '--', join(folder, 'work.cjs')];
  watcher = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  watcher.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
}

async function printed(pattern: RegExp): Promise<string> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const match = pattern.exec(stdout);
    if (match !== null) return match[1] ?? '';
    if (performance.now() > deadline) throw new Error(`It did not print ${String(pattern)}:\n${stdout}`);
    await delay(20);
  }
}

it('runs a script again when a file changes, also after it failed, and stops it at the end', async () => {
  writeFileSync(join(folder, 'work.cjs'), WORK('first'));
  startWatcher();
  await printed(/^first (\d+)$/m);

  writeFileSync(join(folder, 'work.cjs'), 'process.exit(1)');
  writeFileSync(join(folder, 'src/deep/a.ts'), '');
  await printed(/^first stopped$/m);
  await printed(/work\.cjs ended \(1\): waiting for a change$/m);

  writeFileSync(join(folder, 'work.cjs'), WORK('second'));
  writeFileSync(join(folder, 'src/b.ts'), '');
  const pid = Number(await printed(/^second (\d+)$/m));
  watcher.kill('SIGTERM');
  expect((await once(watcher, 'exit'))[0]).toBe(0);
  expect(isAlive(pid)).toBe(false);
  expect(stdout).toContain('second stopped');
});
