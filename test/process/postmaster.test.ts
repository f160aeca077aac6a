import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../support/until';
import { clearSocketLock, findPostmaster, isAlive } from '../../src/database/embedded/postmaster';
import type { ServerPlace } from '../../src/database/embedded/server-place';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mirror-postmaster-'));
  file = join(dir, 'postmaster.pid');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** A process that ended and that its parent does not wait for, as `postgres` of the folder; the parent ends with `end`. */
async function spawnUnwaited(): Promise<{ pid: number; end: () => Promise<void> }> {
  const program = join(dir, 'postgres');
  symlinkSync('/bin/sh', program);
  const parent = spawn('/bin/sh', ['-c', '"$0" -c : & echo $!; exec sleep 1000', program], {
    cwd: dir,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number.parseInt(printed.toString(), 10);
  await until(() => readFileSync(`/proc/${pid}/stat`, 'utf8').startsWith(`${pid} (postgres) Z`));
  const end = async (): Promise<void> => {
    parent.kill();
    await once(parent, 'exit');
  };
  return { pid, end };
}

const onLinux = process.platform === 'linux' ? it : it.skip;

const contentOf = (pid: number): string => `${pid}\n${dir}\n1718460000\n5432\n\n127.0.0.1\n`;

describe('A postmaster.pid', () => {
  it('that names a process which is no Postgres, even one in the same folder, names none afterwards', async () => {
    const foreign = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { cwd: dir });
    await once(foreign, 'spawn');
    writeFileSync(file, contentOf(foreign.pid ?? 0));
    expect([await findPostmaster(dir), readFileSync(file, 'utf8')]).toEqual([null, contentOf(2_147_483_647)]);
    expect(isAlive(2_147_483_647)).toBe(false);
    foreign.kill();
    await once(foreign, 'exit');
  });

  onLinux('that names a server which ended and was not waited for, names none afterwards', async () => {
    const unwaited = await spawnUnwaited();
    writeFileSync(file, contentOf(unwaited.pid));
    expect([await findPostmaster(dir), readFileSync(file, 'utf8')]).toEqual([null, contentOf(2_147_483_647)]);
    await unwaited.end();
  });

  it('that is empty is removed once it is no file that a server is just making', async () => {
    writeFileSync(file, '');
    expect([await findPostmaster(dir), existsSync(file)]).toEqual([null, true]);
    utimesSync(file, new Date(), new Date(Date.now() - 60_000));
    expect([await findPostmaster(dir), existsSync(file)]).toEqual([null, false]);
  });

  it('that names a dead process stays, for Postgres to find its children', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    writeFileSync(file, contentOf(dead.pid ?? 0));
    expect([await findPostmaster(dir), existsSync(file)]).toEqual([null, true]);
  });
});

describe('The lock of a socket', () => {
  const place = (): ServerPlace => ({ host: dir, port: 5432 });
  let lock: string;
  beforeEach(() => {
    lock = join(dir, '.s.PGSQL.5432.lock');
  });

  it('that names a process which is no server of the cluster is removed', async () => {
    const foreign = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'], { cwd: dir });
    await once(foreign, 'spawn');
    writeFileSync(lock, contentOf(foreign.pid ?? 0));
    await clearSocketLock(place(), dir);
    expect(existsSync(lock)).toBe(false);
    foreign.kill();
    await once(foreign, 'exit');
  });

  onLinux('that names a process which ended and was not waited for is removed', async () => {
    const unwaited = await spawnUnwaited();
    writeFileSync(lock, contentOf(unwaited.pid));
    await clearSocketLock(place(), dir);
    expect(existsSync(lock)).toBe(false);
    await unwaited.end();
  });

  it('that names a dead process stays, and one that is not there is no error', async () => {
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    await clearSocketLock(place(), dir);
    writeFileSync(lock, contentOf(dead.pid ?? 0));
    await clearSocketLock(place(), dir);
    expect(existsSync(lock)).toBe(true);
  });
});
