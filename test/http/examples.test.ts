import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { transformFileSync } from '@swc/core';
import { contact } from '../support/sinch/callbacks';
import { ADMIN_KEY, App, at, type Project } from '../support/http/app';
import { until } from '../support/until';

jest.setTimeout(120_000);

/** The consumers of docs/examples: how each is run, and the programs that it needs. */
const CONSUMERS = [
  {
    file: 'follow-changes.sh',
    needs: ['sh', 'curl', 'jq'],
    command: ['sh', resolve('docs/examples/follow-changes.sh')],
  },
  {
    file: 'follow_changes.py',
    needs: ['python3'],
    command: ['python3', resolve('docs/examples/follow_changes.py')],
  },
  { file: 'follow-changes.ts', needs: [], command: [process.execPath, 'follow-changes.cjs'] },
];

let app: App;
let folder: string;
let consumer: Consumer | null = null;

beforeAll(async () => {
  app = await App.start();
});
afterAll(() => app.stop());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mirror-example-'));
  const { code } = transformFileSync('docs/examples/follow-changes.ts', {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
  });
  writeFileSync(join(folder, 'follow-changes.cjs'), code);
});
afterEach(async () => {
  await consumer?.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** A consumer in a process group of its own, so that what it started ends with it. */
class Consumer {
  stdout = '';
  private stderr = '';
  private readonly child: ChildProcess;

  constructor([program = '', ...args]: readonly string[], project: Project) {
    const env = {
      PATH: process.env['PATH'],
      MIRROR_URL: `http://127.0.0.1:${app.port}`,
      MIRROR_KEY: ADMIN_KEY,
      PROJECT_ID: project.id,
    };
    this.child = spawn(program, args, {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  async until(isSo: () => boolean): Promise<void> {
    const describe = (): string => `${String(isSo)}\n${this.stdout}\n${this.stderr}`;
    const isSoYet = (): boolean => {
      if (isSo()) return true;
      if (this.child.exitCode !== null) throw new Error(`It ended before it came to that: ${describe()}`);
      return false;
    };
    await until(isSoYet, 60_000, { describe });
  }

  async kill(): Promise<void> {
    const { pid, exitCode, signalCode } = this.child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const closed = once(this.child, 'close');
    process.kill(-pid, 'SIGKILL');
    await closed;
  }
}

/** What it printed, without the ids of events; a change that it saw again counts once. */
function changesOf(...outputs: readonly string[]): readonly string[] {
  const lines = outputs.flatMap((output) => output.split('\n')).filter((line) => line !== '');
  return [...new Set(lines)].map((line) => line.replace(/^\d+ /, '').trim());
}

const named = (id: string, display_name = 'John Doe'): Record<string, unknown> =>
  contact(id, { display_name });

describe.each(CONSUMERS)('docs/examples/$file', ({ file, needs, command }) => {
  const missing = needs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);

  it('finds the programs that it needs, on CI', () => {
    if (missing.length > 0) process.stderr.write(`${file} is not tested: ${missing.join(', ')} missing\n`);
    expect(missing.length === 0 || (process.env['CI'] ?? '') === '').toBe(true);
  });

  (missing.length === 0 ? it : it.skip)(
    'follows the feed from now on, and continues where it was killed',
    async () => {
      const project = app.project();
      await project.tell({ create: named('before') }, at(0));
      // the feed shows it when no older transaction is open any more
      await project.changes(1);
      const first = new Consumer(command, project);
      consumer = first;
      await first.until(() => existsSync(join(folder, 'feed-token')));
      const beginning = readFileSync(join(folder, 'feed-token'), 'utf8');
      await project.tell({ create: named('one') }, at(1));
      await project.tell({ update: named('one', 'Jane Doe') }, at(2));
      await project.tell({ create: named('two') }, at(3));
      await project.tell({ merge: { survivor: named('one'), loser: named('two') } }, at(4));
      await first.until(() => first.stdout.includes('merged two one'));
      await first.until(() => readFileSync(join(folder, 'feed-token'), 'utf8') !== beginning);
      await first.kill();
      await project.tell({ delete: named('one') }, at(5));
      const second = new Consumer(command, project);
      consumer = second;
      await second.until(() => second.stdout.includes('deleted one'));
      expect(changesOf(first.stdout, second.stdout)).toEqual([
        'created one',
        'updated one',
        'created two',
        'merged two one',
        'deleted one',
      ]);
    },
  );
});
